//! Tests of logs of HdrHistogram. Their writer is the package `hdrhistogram` for Python.

use proptest::prelude::*;

use super::*;

fn all(text: &[u8]) -> Result<(Vec<Row>, Vec<String>), Refusal> {
    let mut source = HdrRows::new(text, Unit::Microseconds, None)?;
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        rows.push(row);
    }
    Ok((rows, source.names().to_vec()))
}

/// 1,000 values in µs in each interval of a second, written by Python; each second line has a tag here.
const WRITTEN: &str = include_str!("../../../tests/data/hdr/python.hlog");
const START: u64 = 1_795_507_200;
/// By operation: how many values, and their 50th, 99th and 100th percentile.
const FIGURES: [(&str, usize, [u64; 3]); 4] = [
    ("operation", 500, [9_383, 727_039, 806_399]),
    ("get", 500, [3_571, 113_663, 131_711]),
    ("put-all", 500, [7_767, 755_711, 810_495]),
    ("operation", 999, [400_031_743, 792_199_167, 799_539_199]),
];

/// The log with these begins and times in its header.
fn log(begin: u64, start: Option<u64>, base: Option<u64>) -> String {
    let mut text = String::new();
    for (name, at) in [("Start", start), ("Base", base)] {
        if let Some(at) = at {
            text += &format!("#[{name}Time: {at}.000 (seconds since epoch), somewhen]\n");
        }
    }
    let lines = WRITTEN.lines().filter(|line| !line.starts_with("#[Start"));
    let mut is_tagged = false;
    for line in lines {
        match line.strip_prefix("17955072") {
            Some(rest) => {
                let second: u64 = rest[..2].parse().unwrap();
                let tag = if is_tagged { "Tag=get," } else { "" };
                text += &format!("{tag}{}{}\n", begin + second, &rest[2..]);
                is_tagged = !is_tagged;
            }
            None => text += &format!("{line}\n"),
        }
    }
    text
}

#[test]
fn the_values_of_each_interval_are_rows_within_it() {
    let start = START;
    // The begin may be absolute, or relative to the start or the base of the log.
    for (begin, start_time, base) in [
        (start, None, None),
        (start, Some(start), None),
        (0, Some(start), None),
        (5, Some(start), Some(start - 5)),
    ] {
        let text = log(begin, start_time, base);
        let mut source = HdrRows::new(text.as_bytes(), Unit::Microseconds, None).unwrap();
        while source.next().unwrap().is_some() {}
        // Two lines with tags are of one time.
        assert_eq!(source.times(), KnownTimes::Intervals(3));
        let (rows, names) = all(text.as_bytes()).unwrap();
        assert_eq!(names, ["operation", "get"]);
        for second in 0..3 {
            let begin_ns = (start + second) as i64 * 1_000_000_000;
            for operation in [0, 1] {
                let rows = rows.iter().filter(|row| {
                    let at = row.finished_at_ns - begin_ns;
                    row.operation == operation && at > 0 && at <= 1_000_000_000
                });
                let mut found: Vec<u64> = rows.map(|row| row.duration_ns).collect();
                assert_eq!(found.len(), 1000);
                found.sort_unstable();
                for (place, duration_ns) in found.into_iter().enumerate() {
                    // Three digits: within 0.1 % and half a microsecond.
                    let value = (100 + 37 * place as u64 + second) * 1000;
                    assert!(
                        duration_ns.abs_diff(value) <= value / 1000 + 500,
                        "{duration_ns} {value}"
                    );
                }
            }
        }
    }
}

/// Logs by hdr-histogram-js 3.0.1, and by HdrHistogram 2.2.2 for Java of values that were shifted: the
/// figures are those of Java's own reader.
#[test]
fn logs_of_other_writers_have_the_figures_of_their_reader() {
    let logs = [
        include_str!("../../../tests/data/hdr/js.hlog"),
        include_str!("../../../tests/data/hdr/java-shifted.hlog"),
    ];
    let figures: Vec<(String, usize, [u64; 3])> = logs
        .iter()
        .flat_map(|log| {
            let (rows, names) = all(log.as_bytes()).unwrap();
            (0u16..).zip(names).map(move |(operation, name)| {
                let of_operation = rows.iter().filter(|row| row.operation == operation);
                let mut found: Vec<u64> = of_operation.map(|row| row.duration_ns / 1000).collect();
                found.sort_unstable();
                let at = |share: f64| found[(share * found.len() as f64).ceil() as usize - 1];
                (name, found.len(), [at(0.5), at(0.99), at(1.0)])
            })
        })
        .collect();
    // The reader gives the highest value of a bucket, and a row has its middle.
    for ((name, count, found), (expected_name, expected_count, expected)) in
        figures.iter().zip(FIGURES)
    {
        assert_eq!((name.as_str(), *count), (expected_name, expected_count));
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                found.abs_diff(expected) <= expected / 1000,
                "{name}: {found} {expected}"
            );
        }
    }
    assert_eq!(figures.len(), FIGURES.len());
}

#[test]
fn what_is_no_log_is_refused_with_its_line() {
    let text = log(0, Some(9), None);
    for (found, expected) in [
        (
            text.replace("Tag=get,", "Tag=,"),
            "the operation is missing",
        ),
        (
            text.replace(",HIST", ",HEST"),
            "the histogram is no compressed histogram",
        ),
        (text.replace(",HIST", ",!"), "the histogram is no base64"),
        (text.replace(",HIST", ",x,HIST"), "has more cells"),
        (
            text.replace("Tag=get,", "Tag=get,,"),
            "the begin \"\" is no number",
        ),
        (
            text.replace("[StartTime: 9", "[StartTime: x9"),
            "the time \"x9",
        ),
        (text[..text.len() - 40].to_owned(), "the histogram is "),
        ("x\n".to_owned(), "the begin \"x\" is no number"),
    ] {
        let refusal = all(found.as_bytes()).unwrap_err().reason;
        let (line, reason) = refusal.split_once(": ").unwrap();
        assert!(line.starts_with("line "), "{refusal}");
        assert!(reason.starts_with(expected), "{refusal}\n{expected}");
    }
    assert_eq!(all(b"#comment\n"), Ok((vec![], vec![])));
    for other in ["{\"a\": 1}\n", "PAR1\u{1}\u{2}\n", "1,2\n"] {
        let hint = all(other.as_bytes()).unwrap_err().hint.unwrap();
        assert!(hint.starts_with("a log of HdrHistogram"), "{hint}");
    }
    // As HdrHistogram 2.2.2 for Java writes it.
    let double = all(b"1.5,1.000,0.000,DHISTwAAAAMAAAAAAAAAgByEkxQAAAGA\n").unwrap_err();
    assert!(
        double.reason.contains("is a DoubleHistogram"),
        "{}",
        double.reason
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in any::<prop::sample::Index>(), byte: u8, noise in "\\PC{0,60}") {
        let mut bytes = log(0, Some(9), None).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = all(&bytes);
        let _ = all(&bytes[..at]);
        let _ = all(noise.as_bytes());
        let _ = Interval::of(noise.as_bytes());
    }
}
