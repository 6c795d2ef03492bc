//! Texts in the form of wrk2's documentation, and what is none.

use super::*;
use proptest::prelude::*;

const TEXT: &str = "Running 30s test @ http://127.0.0.1:80/index.html
  2 threads and 100 connections
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    6.67ms
  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       0.921     0.000000            1         1.00
       4.053     0.500000            3         2.00
      12.343     1.000000            4          inf
#[Mean    =        6.462, StdDeviation   =        1.934]
#[Max     =       12.336, Total count    =            4]
----------------------------------------------------------
  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)
       1.000     1.000000            9          inf
  4 requests in 20.00s, 19.81MB read
Requests/sec:   2000.28
";

fn all(text: &str) -> Result<(Vec<u64>, i64, String), Refusal> {
    let mut source = Wrk2Rows::new(text.as_bytes(), None)?;
    let (mut durations, mut last) = (Vec::new(), 0);
    while let Some(row) = source.next()? {
        durations.push(row.duration_ns / 1000);
        last = row.finished_at_ns;
    }
    durations.sort_unstable();
    Ok((durations, last, source.names()[0].clone()))
}

#[test]
fn each_request_of_the_first_spectrum_is_a_row() {
    let (durations, last, name) = all(TEXT).unwrap();
    assert_eq!(durations, [921, 4053, 4053, 12_343]);
    assert_eq!(
        (last, name.as_str()),
        (20_000_000_000, "http://127.0.0.1:80/index.html")
    );
    let spectrum = &TEXT[TEXT.find("       Value").unwrap()..TEXT.find("-----").unwrap()];
    assert_eq!(all(spectrum).unwrap().2, "operation");
    // Without the time of all requests no rate is known.
    let times = |text: &str| Wrk2Rows::new(text.as_bytes(), None).unwrap().times();
    assert_eq!(times(TEXT), KnownTimes::Intervals(1));
    assert_eq!(times(spectrum), KnownTimes::Nothing);
    assert_eq!(time(b"2m"), Some(120_000_000_000));
    assert_eq!(time(b"x"), None);
}

/// What wrk2 printed of 12 s at 500 requests per second: 10 s of them are its calibration, and the
/// 990 requests after it are recorded.
#[test]
fn requests_of_the_calibration_are_not_recorded_and_change_no_rate() {
    let text = include_str!("../../../tests/data/wrk2.txt");
    let (durations, last, _) = all(text).unwrap();
    assert_eq!(durations.len(), 990);
    // 6,000 requests in 12 s are 500 in one.
    assert_eq!(last, 1_980_000_000);
    // More recorded than finished is not possible: the time of all is the most.
    let fewer = text.replace("6000 requests", "900 requests");
    assert_eq!(all(&fewer).unwrap().1, 12_000_000_000);
}

#[test]
fn a_text_that_is_cut_off_is_refused() {
    let text = include_str!("../../../tests/data/wrk2.txt");
    let ends = text.match_indices('\n').map(|(end, _)| end + 1);
    let last = text.find("6000 requests").unwrap();
    for end in ends.filter(|end| *end < last) {
        let reason = all(&text[..end]).unwrap_err().reason;
        let cut = ["is cut off", "has no detailed percentile spectrum"];
        assert!(cut.contains(&reason.as_str()), "{end}: {reason}");
    }
    let other = text.replace(
        "Total count    =          990]",
        "Total count    =          991]",
    );
    assert_eq!(
        all(&other).unwrap_err().reason,
        "line 74: has 991 requests and 990 in its spectrum"
    );
}

#[test]
fn what_is_no_spectrum_is_refused() {
    for (from, to, reason) in [
        ("Detailed", "detailed", ""),
        ("Value ", "value ", "has no detailed percentile spectrum"),
        ("4.053", "0.053", "line 9: is below the line before"),
        (
            "           3 ",
            "           0 ",
            "line 9: is below the line before",
        ),
        ("4.053", "x", "line 9: the latency \"x\" is no number"),
        (
            "0.500000            3         2.00",
            "",
            "line 9: is no line of a spectrum",
        ),
        (
            "            4          inf",
            "   4000000000          inf",
            "line 12: has 4 requests and 4000000000 in its spectrum",
        ),
    ] {
        assert!(TEXT.contains(from), "{from}");
        let found = all(&TEXT.replace(from, to))
            .err()
            .map_or(String::new(), |refusal| refusal.reason);
        assert!(
            found.starts_with(reason) && found.is_empty() == reason.is_empty(),
            "{found}\n{reason}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), letter in "[0-9e. #\n-]{0,3}") {
        let mut text = TEXT.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..at + 1, &letter);
        if let Ok(mut source) = Wrk2Rows::new(text.as_bytes(), None) {
            for _ in 0..50 {
                let _ = source.next();
            }
        }
    }
}
