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
        let (rows, names) = all(log(begin, start_time, base).as_bytes()).unwrap();
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
