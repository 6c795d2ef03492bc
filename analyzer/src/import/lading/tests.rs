//! Lines in the form of lading's definition, and what are none.

use super::*;
use proptest::prelude::*;

const CAPTURE: &str = r#"{"run_id":"3c0e6d7e-0000-4000-8000-000000000001","time":1795507200123,"fetch_index":0,"metric_name":"latency","metric_kind":"gauge","value":1.5,"job":"api","replicate":"1"}
{"run_id":"3c0e6d7e-0000-4000-8000-000000000001","time":1795507201123,"fetch_index":1,"metric_name":"bytes_written","metric_kind":"counter","value":100}
{"run_id":"3c0e6d7e-0000-4000-8000-000000000001","time":1795507201123,"fetch_index":1,"metric_name":"latency","metric_kind":"gauge","value":2,"job":"web"}
"#;

fn all(
    text: &str,
    metric: &str,
    operation: Option<&str>,
) -> Result<Vec<(String, u64, i64)>, Refusal> {
    let about = Lading {
        metric: metric.to_owned(),
        unit: Unit::Milliseconds,
        operation: operation.map(|name| name.parse().unwrap()),
    };
    let mut source = LadingRows::new(text.as_bytes(), &about);
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        let name = source.names()[usize::from(row.operation)].clone();
        rows.push((name, row.duration_ns, row.finished_at_ns / 1_000_000));
    }
    Ok(rows)
}

#[test]
fn each_value_of_the_metric_is_a_row() {
    let row = |name: &str, ns, at| (name.to_owned(), ns, at);
    let (first, last) = (1_795_507_200_123, 1_795_507_201_123);
    assert_eq!(
        all(CAPTURE, "latency", None).unwrap(),
        [
            row("latency", 1_500_000, first),
            row("latency", 2_000_000, last)
        ]
    );
    let by_job = all(CAPTURE, "latency", Some("job")).unwrap();
    assert_eq!((by_job[0].0.as_str(), by_job[1].0.as_str()), ("api", "web"));
    assert_eq!(all(CAPTURE, "latency", Some("=x")).unwrap()[1].0, "x");
    assert_eq!(all(CAPTURE, "other", None).unwrap(), []);
    // lading writes null for what is not finite: no matter, where it is of another metric.
    let null = CAPTURE.replace("\"value\":100", "\"value\":null");
    assert_eq!(all(&null, "latency", Some("job")).unwrap(), by_job);
    let parquet = all("PAR1\u{0}\n", "latency", None).unwrap_err();
    assert_eq!(parquet.reason, "line 1: is a capture in Parquet");
    assert!(parquet.hint.unwrap().contains("import parquet"));
}

#[test]
fn what_is_no_duration_is_refused() {
    let refused = |text: &str, metric, operation| all(text, metric, operation).unwrap_err().reason;
    assert_eq!(
        refused(CAPTURE, "bytes_written", None),
        "line 2: bytes_written is a counter"
    );
    assert_eq!(
        refused(CAPTURE, "latency", Some("replicate")),
        "line 3: has no label \"replicate\""
    );
    assert_eq!(
        refused(CAPTURE, "latency", Some("fetch_index")),
        "line 1: the value of \"fetch_index\" is no text"
    );
    for (from, to, reason) in [
        ("1.5", "-1.5", "line 1: the value \"-1.5\" is negative"),
        ("1.5", "\"x\"", "line 1: the value \"x\" is no number"),
        ("1.5", "null", "line 1: the value null is no number"),
        ("\"value\":1.5,", "", "line 1: the value null is no number"),
        ("1795507200123", "-1", "line 1: is no JSON of lading ("),
        (
            "1795507200123",
            "18446744073709551615",
            "line 1: the time is after 2261",
        ),
        (
            "\"metric_name\":\"latency\",",
            "",
            "line 1: is no JSON of lading (missing field",
        ),
    ] {
        let found = refused(&CAPTURE.replacen(from, to, 1), "latency", None);
        assert!(found.starts_with(reason), "{found}\n{reason}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), letter in "[0-9e.\\[\\]{}\",-]{0,3}") {
        let mut text = CAPTURE.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..at + 1, &letter);
        let _ = all(&text, "latency", Some("job"));
    }
}
