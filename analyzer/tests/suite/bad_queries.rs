//! Absurd queries: one clear line, exit status 2, and never a panic.

use std::fs;

use crate::program::{Place, analyzer, printed, refused, text};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use soakbox_analyzer::recording::Recording;
use soakbox_analyzer::sql::{Session, Statements};
use soakbox_testing::Soak;

#[test]
fn absurd_queries_are_refused_in_one_line() {
    let place = Place::new();
    let root = place.seal("recording", 1, 1.0);
    let many = |start: &str, part: &str, times: usize| format!("{start}{}", part.repeat(times));
    let chain = "has a chain of more than 1000";
    for (query, reason) in [
        (many("SELECT 1", " + 1", 100_000), chain),
        (many("SELECT 1", " UNION ALL SELECT 1", 5_000), chain),
        (many("SELECT 1 WHERE true", " OR true", 20_000), chain),
        (
            many("SELECT 1 FROM annotations", ", annotations", 5_000),
            chain,
        ),
        (
            many("SELECT ", "(", 300) + "1" + &")".repeat(300),
            "depth of more than 50",
        ),
        (
            many("SELECT ", "(", 5_000) + "1" + &")".repeat(5_000),
            chain,
        ),
        (
            many("SELECT ", "CASE WHEN true THEN ", 300),
            "more than 16 queries",
        ),
        (
            "SELECT nope FROM annotations".into(),
            "nope; hint: the columns are at, until, kind, text, recorder, host\n",
        ),
        (
            "SELECT * FROM 'x.parquet'".into(),
            "hint: --table NAME=FILE makes",
        ),
        ("SELECT 1/0".into(), "divide by zero"),
        ("SELECT abs(-9223372036854775807-1)".into(), "overflow"),
        ("SELECT CAST('x' AS BIGINT)".into(), "'x'"),
        (
            "SELECT CAST(operation AS BIGINT) FROM operation_log".into(),
            "'rule_refresh'",
        ),
        ("SELECT 1\0".into(), "query: "),
        ("SELECT 'abc".into(), "unterminated string literal"),
        (
            "SELECT range(1, 9223372036854775807)".into(),
            "range too large",
        ),
        ("SELECT repeat('x', 9000000000000)".into(), "overflow"),
    ] {
        let file = place.path().join("query.sql");
        fs::write(&file, &query).unwrap();
        let line = refused(&["sql", &root, "-f", file.to_str().unwrap()]);
        assert!(
            line.contains(reason),
            "{}: {line}",
            &query[..query.len().min(60)]
        );
    }
    let file = place.path().join("query.sql");
    fs::write(&file, b"SELECT \xff").unwrap();
    let line = refused(&["sql", &root, "-f", file.to_str().unwrap()]);
    assert!(line.contains("is not UTF-8 text"), "{line}");
}

#[test]
fn long_lists_and_chains_within_the_limit_run() {
    let place = Place::new();
    let root = place.seal("recording", 1, 1.0);
    let file = place.path().join("query.sql");
    let answer = |query: String| {
        fs::write(&file, query).unwrap();
        printed(&[
            "sql",
            &root,
            "-f",
            file.to_str().unwrap(),
            "--format",
            "csv",
        ])
    };
    let list: Vec<String> = (0..100_000).map(|n| (n - 50_000).to_string()).collect();
    let found = answer(format!(
        "SELECT count(*) AS n FROM operation_log WHERE pid IN ({})",
        list.join(",")
    ));
    assert_eq!(found, "n\n4200\n");
    assert_eq!(
        answer(format!("SELECT 1{} AS n", " + 1".repeat(990))),
        "n\n991\n"
    );
    let unions = format!(
        "SELECT count(*) AS n FROM (SELECT 1{})",
        " UNION ALL SELECT 1".repeat(600)
    );
    assert_eq!(answer(unions), "n\n601\n");
}

#[test]
fn what_needs_too_much_memory_is_refused() {
    let place = Place::new();
    let root = place.seal("recording", 1, 1.0);
    for query in [
        "SELECT count(*) FROM operation_log a, operation_log b, operation_log c, operation_log d \
         WHERE a.duration_ns < b.duration_ns + c.duration_ns + d.duration_ns",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT t.n + 1 FROM t, operation_log) SELECT count(*) FROM t",
    ] {
        let output = analyzer(&["sql", &root, "--memory", "32MiB", query]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{query}: {message}");
        assert!(message.contains("allow more memory"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

fn nothing() -> Session {
    let place = tempfile::tempdir().unwrap();
    let rows = Soak {
        seconds: 1,
        ..Soak::default()
    };
    rows.seal(place.path());
    let recording = soakbox_analyzer::recording::open(place.path(), false).unwrap();
    let empty = Recording {
        segments: Vec::new(),
        ..recording
    };
    Session::new(&empty).unwrap()
}

/// Pieces of queries, of which any may follow another.
fn any_query() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "operation_log",
        "annotations",
        "WHERE",
        "duration_ns",
        "operation",
        "finished_at",
        "count(*)",
        "quantile(duration_ns, 0.5)",
        "quantiles(duration_ns, 0.1, 2)",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "1",
        "-1",
        "9223372036854775808",
        "1e400",
        "NULL",
        "'a'",
        "'",
        "\"",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        ".",
        "*",
        "+",
        "-",
        "/",
        "%",
        "=",
        "<",
        "||",
        "::",
        "AS",
        "a",
        "JOIN",
        "ON",
        "UNION ALL",
        "EXCEPT",
        "WITH",
        "RECURSIVE",
        "OVER",
        "PARTITION BY",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "INTERVAL '1 day'",
        "CAST(",
        "BIGINT)",
        "--",
        "/*",
        "*/",
        "$1",
        "EXPLAIN",
        "ANALYZE",
        "DESCRIBE",
        "SHOW TABLES",
        "SET",
        "COPY",
        "TO 'x'",
        "CREATE TABLE",
        "date_bin(",
        "VALUES",
        "NOT",
        "IN",
        "EXISTS",
        "LATERAL",
        "UNNEST(",
        "GROUPING SETS",
        "é",
        "\0",
    ]);
    let piece = prop_oneof![8 => word.prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

#[test]
fn no_text_makes_the_planner_panic() {
    let session = nothing();
    // Each run has seeds of its own.
    let mut runner = proptest::test_runner::TestRunner::default();
    let rounds = rounds(300);
    for _ in 0..rounds {
        let query = any_query().new_tree(&mut runner).unwrap().current();
        for statement in Statements::of(&query).all() {
            let panicked =
                |error: &soakbox_cli::Failure| error.to_string().contains("query engine");
            match session.prepare(statement) {
                Err(error) => assert!(!panicked(&error), "{statement:?}: {error}"),
                Ok(planned) => {
                    if let Err(error) = planned.run(|_| Ok(())) {
                        assert!(!panicked(&error), "{statement:?}: {error}");
                    }
                }
            }
        }
    }
}

/// More of them where somebody asks for it.
pub(crate) fn rounds(usual: u32) -> u32 {
    let asked = std::env::var("SOAKBOX_ROUNDS").ok();
    let factor = asked.and_then(|text| text.parse::<u32>().ok());
    usual * factor.unwrap_or(1)
}
