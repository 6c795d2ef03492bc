//! Results of Go's benchmarks and what is no such result.

use super::*;
use proptest::prelude::*;

/// By Go 1.2x, of a package with three benchmarks.
const RESULTS: &str = include_str!("../../../tests/data/go-bench.txt");

fn all(text: &[u8], per: &str) -> Result<(Vec<Row>, Vec<String>), Refusal> {
    let mut source = GoBenchRows::new(text, per.parse().unwrap());
    let mut rows = Vec::new();
    while let Some(row) = source.next()? {
        rows.push(row);
    }
    Ok((rows, source.names().to_vec()))
}

#[test]
fn each_line_of_a_real_run_is_a_row() {
    let (rows, names) = all(RESULTS.as_bytes(), "1000").unwrap();
    let lines = RESULTS.lines().filter(|line| line.contains("ns/op"));
    assert_eq!(rows.len(), lines.clone().count());
    for (row, line) in rows.iter().zip(lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = format!("example.com/bench.{} × 1000", words[0]);
        assert_eq!(names[usize::from(row.operation)], name);
        let at = words.iter().position(|word| *word == "ns/op").unwrap();
        let ns: f64 = words[at - 1].parse().unwrap();
        assert_eq!(row.duration_ns, (ns * 1000.0).round() as u64, "{line}");
    }
    // All benchmarks are in the same time.
    let times = rows.iter().map(|row| row.finished_at_ns / 1_000_000);
    assert_eq!(times.collect::<Vec<_>>(), [1, 2, 3, 4].repeat(4));
    assert_eq!(names.len(), 4);
}

#[test]
fn other_lines_are_left_out_and_broken_ones_refused() {
    let (rows, names) = all(
        b"hello\nFAILOVER to node 2\nFAIL over\n--- FAILOVER\nBenchmarkA\nBenchmarkA: x\n\
            BenchmarkA-8 100 2000 ns/op 3 B/op\r\nPASS\nok \tp\t1s\nBenchmarks are fun\n",
        "1",
    )
    .unwrap();
    assert_eq!((rows[0].duration_ns, rows.len()), (2000, 1));
    assert_eq!(rows[0].finished_at_ns, 1_000_000);
    assert_eq!(names, ["BenchmarkA-8"]);
    for (text, reason) in [
        ("x\nBenchmarkA 10 5", "line 2: \"5\" has no unit"),
        (
            "BenchmarkA 10 x ns/op",
            "line 1: the duration \"x\" is no number",
        ),
        (
            "BenchmarkA 10 -5 ns/op",
            "line 1: the duration \"-5\" is negative",
        ),
        (
            "BenchmarkA 10 0.3 ns/op",
            "line 1: the duration \"0.3\" is less than a nanosecond",
        ),
        (
            "BenchmarkA 10 3 MB/s",
            "line 1: \"BenchmarkA\" has no value in ns/op",
        ),
        (
            "BenchmarkA 10 3 ns/op 4 ns/op",
            "line 1: has two values in ns/op",
        ),
        (
            "BenchmarkA 10 3 ns/op\n--- FAIL: BenchmarkB",
            "line 2: \"--- FAIL: BenchmarkB\" shows",
        ),
        ("x\nFAIL\r\n", "line 2: \"FAIL\" shows"),
        (
            "FAIL\tp [build failed]",
            "line 1: \"FAIL\\tp [build failed]\" shows",
        ),
        ("panic: x", "line 1: \"panic: x\" shows"),
    ] {
        let found = all(text.as_bytes(), "1").unwrap_err().reason;
        assert!(found.starts_with(reason), "{found}\n{reason}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut text = RESULTS.as_bytes().to_vec();
        let at = at.index(text.len());
        let end = (at + bytes.len()).min(text.len());
        text.splice(at..end, bytes);
        let _ = all(&text, "10");
    }
}
