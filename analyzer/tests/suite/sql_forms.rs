//! Where `sql` gets its queries: an argument, `-c`, files, stdin, its own ones.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::program::{Place, analyzer, json, printed, refused, text};

/// Runs the program with this text on stdin.
fn with_stdin(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_query_may_be_an_argument_an_option_a_file_or_stdin() {
    let place = Place::with_recording();
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("query.sql");
    let query = "-- a head; with a semicolon\nSELECT count(*) AS n FROM operation_log;\n";
    fs::write(&file, query).unwrap();
    let file = file.to_str().unwrap();
    let expected = "n\n350\n";
    for form in [
        vec![query.split_once('\n').unwrap().1],
        vec!["-c", query],
        vec!["--command", query],
        vec!["-f", file],
        vec!["--file", file],
    ] {
        let arguments = [&["sql", place.text(), "--format", "csv"][..], &form].concat();
        assert_eq!(printed(&arguments), expected, "{form:?}");
    }
    for form in [vec![], vec!["-f", "-"]] {
        let arguments = [&["sql", place.text(), "--format", "csv"][..], &form].concat();
        let output = with_stdin(&arguments, query.as_bytes());
        assert_eq!(text(&output.stdout), expected, "{form:?}");
    }
}

#[test]
fn statements_run_in_order_and_a_mistake_in_one_prints_nothing() {
    let place = Place::with_recording();
    let run = |arguments: &[&str]| printed(&[&["sql", place.text()][..], arguments].concat());
    assert_eq!(
        run(&["SELECT 1 AS a; SELECT ';' AS b;", "--format", "csv"]),
        "a\n1\nb\n;\n"
    );
    let each = ["-c", "SELECT 1 AS a", "-c", "SELECT 2 AS b", "--format"];
    assert_eq!(
        run(&[&each[..], &["ndjson"]].concat()),
        "{\"a\":1}\n{\"b\":2}\n"
    );
    assert_eq!(
        run(&[&each[..], &["table"]].concat()),
        "a\n-\n1\n\nb\n-\n2\n"
    );
    let line = refused(&["sql", place.text(), "SELECT 1; SELEC 2"]);
    assert!(line.starts_with("error: query 2 of 2: "), "{line}");
    let output = analyzer(&[
        "sql",
        place.text(),
        "SELECT 1 AS a; SELECT 1 / 0",
        "--format",
        "csv",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("query 2 of 2: divide by zero"));
}

#[test]
fn a_missing_or_unreadable_query_is_one_clear_line() {
    let place = Place::with_recording();
    let files = tempfile::tempdir().unwrap();
    let binary = files.path().join("binary.sql");
    fs::write(&binary, b"SELECT '\xff'").unwrap();
    let comment = files.path().join("comment.sql");
    fs::write(&comment, "-- nothing\n;").unwrap();
    let at = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (binary, comment) = (at(&binary), at(&comment));
    for (form, reason) in [
        (
            &["-f", "/nonexistent.sql"][..],
            "/nonexistent.sql: cannot be read",
        ),
        (&["-f", &binary], "is not UTF-8 text"),
        (&["-f", &comment], "has no statement"),
        (&["-f", "/"], "cannot be read: is a directory"),
        (&["-c", " "], "query: is empty"),
        (&["-c", "SELECT 1", "-f", "x"], "cannot be used with"),
        (&["SELECT 1", "--query", "gaps"], "SELECT 1: "),
        (&["--query", "no-such"], "no query has this name"),
        (&["--print", "gaps"], "cannot be used with"),
        (&["--queries"], "cannot be used with"),
        (
            &["\\d operation_log"],
            "\\d: is a command of the shell, and no SQL",
        ),
    ] {
        let line = refused(&[&["sql", place.text()][..], form].concat());
        assert!(line.contains(reason), "{form:?}: {line}");
    }
    let output = with_stdin(&["sql", place.text()], b" ; -- nothing");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no statement"));
    refused(&["sql"]);
    assert!(refused(&["sql", "--print", "no-such"]).contains("no query has this name"));
}

#[test]
fn the_queries_of_the_program_are_listed_printed_and_changed() {
    let list = json(&["sql", "--queries", "--format", "json"]);
    let list = list.as_array().unwrap();
    assert!(list.len() > 10);
    for query in list {
        let name = query["query"].as_str().unwrap();
        let text = printed(&["sql", "--print", name]);
        assert!(text.starts_with("-- ") && text.contains("SELECT"), "{text}");
        let description = query["description"].as_str().unwrap();
        assert!(description.len() > 20, "{name}: {description}");
    }
    let place = Place::with_recording();
    let changed = printed(&["sql", "--print", "slowest-operations"]).replace("10", "3");
    let output = with_stdin(
        &["sql", place.text(), "--format", "csv"],
        changed.as_bytes(),
    );
    assert_eq!(text(&output.stdout).lines().count(), 4);
}
