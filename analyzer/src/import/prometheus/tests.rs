//! Answers of Prometheus and what are none.

use super::*;
use proptest::prelude::*;

const SERIES: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
  {"metric":{"__name__":"p99","job":"api"},"values":[[1795507200,"0.25"],[1795507215.5,"1e-3"],[1795507230,"NaN"]]},
  {"metric":{"job":"web"},"values":[[1795507200,"3"]]}]}}"#;

const BUCKETS: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
  {"metric":{"le":"0.1","job":"api"},"values":[[1795507200,"5"],[1795507210,"7"],[1795507220,"1"]]},
  {"metric":{"le":"0.3","job":"api"},"values":[[1795507200,"5"],[1795507210,"8"],[1795507220,"3"]]},
  {"metric":{"le":"+Inf","job":"api"},"values":[[1795507200,"6"],[1795507210,"10"],[1795507220,"3"]]}]}}"#;

type Found = Vec<(String, u64, i64)>;

fn all(text: &str, operation: Option<&str>) -> Result<Found, Refusal> {
    let operation = operation.map(|name| name.parse().unwrap());
    let mut source = PrometheusRows::new(text.as_bytes(), Unit::Seconds, operation.as_ref())?;
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        let name = source.names()[usize::from(row.operation)].clone();
        rows.push((
            name,
            row.duration_ns,
            row.finished_at_ns - 1_795_507_200_000_000_000,
        ));
    }
    Ok(rows)
}

#[test]
fn each_value_of_a_series_is_a_row() {
    let row = |name: &str, ns, at| (name.to_owned(), ns, at);
    assert_eq!(
        all(SERIES, None).unwrap(),
        [
            row("p99{job=api}", 250_000_000, 0),
            row("p99{job=api}", 1_000_000, 15_500_000_000),
            row("{job=web}", 3_000_000_000, 0),
        ]
    );
    assert_eq!(all(SERIES, Some("job")).unwrap()[2].0, "web");
    assert_eq!(all(SERIES, Some("=x")).unwrap()[2].0, "x");
}

#[test]
fn the_increase_of_buckets_is_operations() {
    let rows = all(BUCKETS, None).unwrap();
    let of = |begin: i64| {
        let within = |at: i64| at > begin * 1_000_000_000 && at <= (begin + 10) * 1_000_000_000;
        let rows = rows.iter().filter(|(_, _, at)| within(*at));
        let mut durations: Vec<u64> = rows.map(|(_, ns, _)| *ns / 1_000_000).collect();
        durations.sort_unstable();
        durations
    };
    // Two below 0.1 s, one below 0.3 s, one above.
    assert_eq!(of(0), [50, 50, 200, 300]);
    // All counters began again.
    assert_eq!(of(10), [50, 200, 200]);
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|(name, ..)| name == "{job=api}"));
}

/// The server restarted and was faster than before: only some counts fall.
#[test]
fn a_histogram_of_which_one_count_falls_began_again() {
    let answer = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"le":"0.1"},"values":[[1000,"10"],[1015,"12"],[1030,"20"]]},
        {"metric":{"le":"1"},"values":[[1000,"90"],[1015,"40"],[1030,"50"]]},
        {"metric":{"le":"+Inf"},"values":[[1000,"100"],[1015,"50"],[1030,"60"]]}]}}"#;
    let rows = all(answer, None).unwrap();
    let restarted_ns = 1_015_000_000_000 - 1_795_507_200_000_000_000;
    let count = |ms: u64| {
        let rows = rows.iter().filter(|(_, ns, _)| *ns == ms * 1_000_000);
        let (first, last): (Vec<_>, Vec<_>) = rows.partition(|(_, _, at)| *at <= restarted_ns);
        (first.len(), last.len())
    };
    assert_eq!(
        [count(50), count(550), count(1000)],
        [(12, 8), (28, 2), (10, 0)]
    );
}

#[test]
fn what_is_no_matrix_of_durations_is_refused() {
    for (text, from, to, reason) in [
        (SERIES, "matrix", "vector", "has a \"vector\" and no matrix"),
        (
            SERIES,
            "\"success\",",
            "\"error\",\"error\":\"bad query\",",
            "is no answer with data: \"bad query\"",
        ),
        (
            SERIES,
            "\"0.25\"",
            "\"-1\"",
            "series 1: the value \"-1\" is negative",
        ),
        (
            SERIES,
            "\"0.25\"",
            "\"+Inf\"",
            "series 1: the value \"+Inf\" is no number",
        ),
        (
            SERIES,
            "[1795507200,\"3\"]",
            "[-5,\"3\"]",
            "series 2: the time -5 is before 1970",
        ),
        (
            SERIES,
            "[1795507200,\"3\"]",
            "[1e300,\"3\"]",
            "series 2: the time is after 2261",
        ),
        (
            SERIES,
            "\"metric\"",
            "\"m\"",
            "is no JSON of Prometheus (missing field `metric`",
        ),
        (
            BUCKETS,
            "\"+Inf\"",
            "\"1\"",
            "buckets of \"{job=api}\": have none with le=\"+Inf\"",
        ),
        (
            BUCKETS,
            "\"0.3\"",
            "\"x\"",
            "series 2: the bound \"x\" is no number",
        ),
        (
            BUCKETS,
            "\"0.3\"",
            "\"0.1\"",
            "series 2: has a second count of the same bucket",
        ),
        (
            BUCKETS,
            "[1795507200,\"5\"],[1795507210,\"8\"],",
            "",
            "buckets of \"{job=api}\": have not the same times",
        ),
        (
            BUCKETS,
            "\"8\"",
            "\"1e30\"",
            "buckets of \"{job=api}\": the histogram has more than",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let found = all(&text.replace(from, to), None).unwrap_err().reason;
        assert!(found.starts_with(reason), "{found}\n{reason}");
    }
    let native = SERIES.replacen("\"values\":", "\"histograms\":", 1);
    let found = all(&native, None).unwrap_err();
    assert_eq!(
        found.reason,
        "series 1: has native histograms, which import does not read"
    );
    assert!(found.hint.unwrap().contains("histogram_quantile"));
    let found = all(SERIES, Some("instance")).unwrap_err().reason;
    assert_eq!(found, "series 1: has no label \"instance\"");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), letter in "[0-9e.\\[\\]{}\",-]{0,3}") {
        for text in [SERIES, BUCKETS] {
            let mut text = text.to_owned();
            let at = at.index(text.len());
            text.replace_range(at..at + 1, &letter);
            if let Ok(mut source) = PrometheusRows::new(text.as_bytes(), Unit::Seconds, None) {
                for _ in 0..50 {
                    let _ = source.next();
                }
            }
        }
    }
}
