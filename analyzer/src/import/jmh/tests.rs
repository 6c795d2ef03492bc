//! Results of JMH, in the form of its documentation, and what is no such result.

use super::*;
use proptest::prelude::*;

const RESULTS: &str = r#"[
    {"jmhVersion": "1.37", "benchmark": "org.x.Maps.get", "mode": "avgt", "threads": 1, "forks": 2,
     "measurementIterations": 2, "measurementTime": "1 s", "params": {"size": "10", "kind": "tree"},
     "primaryMetric": {"score": 12.5, "scoreError": "NaN", "scoreConfidence": ["NaN", "NaN"],
       "scorePercentiles": {"0.0": 12.0}, "scoreUnit": "us/op", "rawData": [[12.0, 12.5], [13.0, 12.5]]},
     "secondaryMetrics": {}},
    {"benchmark": "org.x.Maps.put", "mode": "thrpt",
     "primaryMetric": {"score": 250.0, "scoreUnit": "ops/ms", "rawData": [[200.0, 250.0]]}, "secondaryMetrics": {}},
    {"benchmark": "org.x.Maps.all", "mode": "sample",
     "primaryMetric": {"score": 0.5, "scoreUnit": "ms/op", "rawDataHistogram": [[[[0.25, 2], [0.5, 1]], [[1.0, 1]]]]}}
]"#;

type Rows = Vec<(String, u64)>;

fn all(text: &str, per: &str) -> Result<(Rows, Vec<i64>), Refusal> {
    let mut source = JmhRows::new(text.as_bytes(), per.parse().unwrap())?;
    let (mut rows, mut times) = (Vec::new(), Vec::new());
    while let Some(row) = source.next()? {
        let name = source.names()[usize::from(row.operation)].clone();
        rows.push((name, row.duration_ns));
        times.push(row.finished_at_ns);
    }
    Ok((rows, times))
}

#[test]
fn iterations_and_samples_are_rows() {
    let (rows, times) = all(RESULTS, "1").unwrap();
    let mut rows: Vec<(&str, u64)> = rows.iter().map(|(name, ns)| (name.as_str(), *ns)).collect();
    // The order of the samples of an iteration is not known.
    rows[6..9].sort_unstable();
    let get = "org.x.Maps.get(kind=tree, size=10)";
    assert_eq!(
        rows,
        [
            (get, 12_000),
            (get, 12_500),
            (get, 13_000),
            (get, 12_500),
            ("org.x.Maps.put", 5_000),
            ("org.x.Maps.put", 4_000),
            ("org.x.Maps.all", 250_000),
            ("org.x.Maps.all", 250_000),
            ("org.x.Maps.all", 500_000),
            ("org.x.Maps.all", 1_000_000),
        ]
    );
    let times: Vec<i64> = times.iter().map(|at| at / 1_000_000).collect();
    assert_eq!(times, [1, 2, 3, 4, 1, 2, 1, 2, 3, 4]);
    assert_eq!(all(RESULTS, "10").unwrap().0[0].1, 120_000);
    // A count of 0 is no sample.
    let zero = RESULTS.replace("[0.25, 2]", "[0.25, 2], [9.0, 0]");
    assert_eq!(all(&zero, "1").unwrap().0, all(RESULTS, "1").unwrap().0);
}

/// The samples of an iteration are counts of values, ascending: as rows in that order they would rise in
/// each iteration.
#[test]
fn samples_of_an_iteration_are_in_no_order_and_each_iteration_has_its_own() {
    let histogram = "[[0.25, 100], [0.5, 100]]";
    let two = format!("[[{histogram}, {histogram}]]");
    let text = RESULTS.replace("[[[[0.25, 2], [0.5, 1]], [[1.0, 1]]]]", &two);
    assert_ne!(text, RESULTS);
    let rows = all(&text, "1").unwrap().0;
    let samples: Vec<bool> = rows[6..].iter().map(|(_, ns)| *ns == 500_000).collect();
    assert_eq!(samples.len(), 400);
    let [first, second] = [&samples[..200], &samples[200..]];
    assert_ne!(first, second);
    for one in [first, second] {
        let long = |part: &[bool]| part.iter().filter(|long| **long).count();
        assert_eq!(long(one), 100);
        // 6 standard deviations: √(100 · 0.5 · 0.5 · 100 / 199) = 3.5 each.
        assert!(long(&one[..100]).abs_diff(50) <= 21, "{one:?}");
    }
}

/// Like a run of JMH 1.38 with `-bm all`: each mode is an operation, with what it measures.
#[test]
fn modes_of_one_benchmark_are_operations() {
    let names = |text: &str| -> Vec<String> {
        let mut names: Vec<String> = all(text, "1")
            .unwrap()
            .0
            .into_iter()
            .map(|row| row.0)
            .collect();
        names.dedup();
        names
    };
    let get = "org.x.Maps.get(kind=tree, size=10)";
    assert_eq!(names(RESULTS), [get, "org.x.Maps.put", "org.x.Maps.all"]);
    let text = RESULTS.replace("org.x.Maps.put", "org.x.Maps.get");
    assert_eq!(
        names(&text),
        [
            &format!("{get} avgt"),
            "org.x.Maps.get thrpt",
            "org.x.Maps.all"
        ]
    );
    // The same mode twice, with other parameters, needs no name.
    let text = text.replace("\"thrpt\"", "\"avgt\"");
    assert_eq!(names(&text), [get, "org.x.Maps.get", "org.x.Maps.all"]);
}

#[test]
fn scores_may_have_each_unit_of_jmh() {
    let second = 1_000_000_000;
    for (unit, ns) in [
        ("us/op", 12_000),
        ("s/op", 12 * second),
        ("min/op", 720 * second),
        ("hr/op", 43_200 * second),
        ("ops/min", 5 * second),
        ("ops/day", 7_200 * second),
    ] {
        let text = RESULTS.replace("\"us/op\"", &format!("\"{unit}\""));
        assert_eq!(all(&text, "1").unwrap().0[0].1, ns, "{unit}");
    }
}

/// Few bytes may have many samples: no histogram and no file has more than the limit.
#[test]
fn samples_are_limited_over_all_histograms() {
    let most = "[[1.0, 60000000]]";
    let samples = |histograms: &str| RESULTS.replace("[[0.25, 2], [0.5, 1]]", histograms);
    let accepted = JmhRows::new(samples(most).as_bytes(), Per::default());
    assert!(accepted.is_ok());
    for histograms in [
        "[[1.0, 60000000], [2.0, 60000000]]",
        "[[1.0, 60000000]], [[1.0, 60000000]]",
        "[[1.0, 1e30]]",
    ] {
        let found = all(&samples(histograms), "1").unwrap_err();
        assert_eq!(
            found.reason, "benchmark 3: the file has more than 100,000,000 samples",
            "{histograms}"
        );
    }
}

#[test]
fn what_is_no_result_is_refused() {
    for (from, to, reason) in [
        (
            "\"us/op\"",
            "\"bytes\"",
            "benchmark 1: its scores are \"bytes\"",
        ),
        (
            "\"us/op\"",
            "\"op/us\"",
            "benchmark 1: its scores are \"op/us\"",
        ),
        (
            "[[200.0, 250.0]]",
            "[[0.0, 250.0]]",
            "benchmark 2: the rate 0 has no duration",
        ),
        (
            "[[200.0, 250.0]]",
            "[[1e-320]]",
            "benchmark 2: the duration is not finite",
        ),
        (
            "[[200.0, 250.0]]",
            "[[-1.0]]",
            "benchmark 2: the duration \"-1000000\" is negative",
        ),
        (
            "[[200.0, 250.0]]",
            "[]",
            "benchmark 2: has no scores of iterations and no samples (mode \"thrpt\")",
        ),
        (
            "[[[[0.25, 2], [0.5, 1]], [[1.0, 1]]]]",
            "[[[[0.25, 0]]]]",
            "benchmark 3: has no scores of iterations and no samples (mode \"sample\")",
        ),
        (
            "[0.25, 2]",
            "[0.25, -1]",
            "benchmark 3: has the sample 0.25 -1 times",
        ),
        (
            "[0.25, 2]",
            "[0.25, 0.5]",
            "benchmark 3: has the sample 0.25 0.5 times",
        ),
        (
            "org.x.Maps.put",
            "",
            "benchmark 2: the operation is missing",
        ),
        ("\"rawData\"", "rawData", "is no JSON of JMH ("),
    ] {
        assert!(RESULTS.contains(from), "{from}");
        let found = all(&RESULTS.replace(from, to), "1").unwrap_err().reason;
        assert!(found.starts_with(reason), "{found}\n{reason}");
    }
    assert_eq!(all("", "1").unwrap_err().reason, "is empty");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), letter in "[0-9e.\\[\\]{}\",-]{0,3}") {
        let mut text = RESULTS.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..at + 1, &letter);
        if let Ok(mut source) = JmhRows::new(text.as_bytes(), Per::default()) {
            for _ in 0..50 {
                let _ = source.next();
            }
        }
    }
}
