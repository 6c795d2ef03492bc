//! Samples of Criterion and what are none.

use super::*;
use proptest::prelude::*;

const SAMPLE: &str =
    r#"{"sampling_mode":"Linear","iters":[100.0,200.0,300.0],"times":[1500.0,2900.0,4500.0]}"#;
const MESSAGES: &str = concat!(
    r#"{"reason":"benchmark-complete","id":"norm","report_directory":"target/criterion/norm","iteration_count":[30,60],"#,
    r#""measured_values":[124200.0,234000.0],"unit":"ns","throughput":[],"typical":{"estimate":3419.4}}"#,
    "\n",
    r#"{"reason":"group-complete","group_name":"norm","benchmarks":["norm"],"report_directory":"x"}"#,
    "\n",
);

fn all(text: &str, per: &str) -> Result<Vec<(String, u64, i64)>, Refusal> {
    let mut source = CriterionRows::new(per.parse().unwrap());
    source.add(text.as_bytes(), "group/one")?;
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        let name = source.names()[usize::from(row.operation)].clone();
        rows.push((name, row.duration_ns, row.finished_at_ns));
    }
    Ok(rows)
}

#[test]
fn each_sample_is_a_row() {
    let row = |name: &str, ns, at| (name.to_owned(), ns, at);
    let one = "group/one";
    assert_eq!(
        all(SAMPLE, "1").unwrap(),
        [
            row(one, 15, 1_000_000),
            row(one, 15, 2_000_000),
            row(one, 15, 3_000_000)
        ]
    );
    assert_eq!(
        all(SAMPLE, "10").unwrap()[1],
        row("group/one × 10", 145, 2_000_000)
    );
    assert_eq!(
        all(MESSAGES, "1").unwrap(),
        [row("norm", 4140, 1_000_000), row("norm", 3900, 2_000_000)]
    );
}

#[test]
fn what_is_no_sample_is_refused() {
    for (text, from, to, reason) in [
        (
            SAMPLE,
            "100.0,",
            "",
            "line 1: has 2 numbers of iterations and 3 times",
        ),
        (
            SAMPLE,
            "200.0",
            "0.0",
            "line 1: sample 2: 2900 ns for 0 iterations",
        ),
        (
            SAMPLE,
            "1500.0",
            "-1",
            "line 1: sample 1: -1 ns for 100 iterations",
        ),
        (
            SAMPLE,
            "1500.0",
            "\"x\"",
            "line 1: is no JSON of Criterion (",
        ),
        (
            SAMPLE,
            "\"iters\"",
            "\"items\"",
            "line 1: has neither iters",
        ),
        (
            SAMPLE,
            "1500.0",
            "1.0",
            "the duration \"0.01\" is less than a nanosecond",
        ),
        (
            MESSAGES,
            "\"ns\"",
            "\"cycles\"",
            "line 1: its values are \"cycles\"",
        ),
        (MESSAGES, "\"id\"", "\"ie\"", "line 1: has no id"),
        (MESSAGES, "benchmark-complete", "warning", "has no sample"),
        (SAMPLE, SAMPLE, "", "has no sample"),
    ] {
        let found = all(&text.replace(from, to), "1").unwrap_err().reason;
        assert!(found.starts_with(reason), "{found}\n{reason}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in any::<prop::sample::Index>(), letter in "[0-9e.\\[\\]{}\",-]{0,3}") {
        for text in [SAMPLE, MESSAGES] {
            let mut text = text.to_owned();
            let at = at.index(text.len());
            text.replace_range(at..at + 1, &letter);
            let _ = all(&text, "1");
        }
    }
}
