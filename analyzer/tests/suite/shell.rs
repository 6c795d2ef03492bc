//! The shell of `sql` on a real terminal: editing, completion, history, paging, and a query that is
//! stopped by Ctrl-C.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::skip;
use crate::program::{Place, text};
use serde_json::json;
use soakbox_testing::Soak;

/// What a person does.
pub(crate) enum Step<'a> {
    Expect(&'a str),
    Send(&'a str),
    /// Types the first text again and again until the second one is shown.
    Until(&'a str, &'a str),
}
use Step::{Expect, Send, Until};

/// Types into a shell on a recording; returns what was shown, `None` without Python.
fn typed(recording: &str, state: &Path, pager: &str, steps: &[Step<'_>]) -> Option<String> {
    let state = state.to_str().unwrap();
    let variables = [
        ("XDG_STATE_HOME", state),
        ("PAGER", pager),
        ("NO_COLOR", "1"),
    ];
    let shown = on_terminal(&["sql", recording], &variables, steps)?;
    assert!(shown.ends_with("exit 0\n"), "{shown}");
    Some(shown)
}

/// Runs the program on a terminal; returns what was shown with the exit status, `None` without
/// Python.
pub(crate) fn on_terminal(
    arguments: &[&str],
    variables: &[(&str, &str)],
    steps: &[Step<'_>],
) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/terminal.py");
    let child = Command::new("python3")
        .args([script, env!("CARGO_BIN_EXE_soakbox-analyzer")])
        .args(arguments)
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skip("SOAKBOX_REQUIRE_TOOLS", "python3");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    for step in steps {
        let line = match step {
            Expect(text) => json!(["expect", text]),
            Send(keys) => json!(["send", keys]),
            Until(keys, text) => json!(["until", keys, text]),
        };
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}");
    Some(shown)
}

fn place() -> Place {
    let place = Place::new();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(&place.path().join("recording"));
    place
}

const READY: Step<'static> = Expect("soakbox> ");

#[test]
fn statements_and_commands_are_typed_completed_and_kept() {
    let place = place();
    let recording = place.path().join("recording");
    let recording = recording.to_str().unwrap();
    let state = place.path().join("state");
    let shown = typed(
        recording,
        &state,
        "",
        &[
            READY,
            // Completed, with a mistake that is removed, over two lines.
            Send("SELECT count(*) AS nx\u{7f}\r"),
            Expect("\r\n"),
            Send("FROM operation_l\t WHERE operation = 'rul\t;\r"),
            Expect("100"),
            READY,
            Send("SELEC 1;\r"),
            Expect("error: query: expected: an SQL statement"),
            READY,
            Send("\\d annotations\r"),
            Expect("The moment of the event"),
            READY,
            Send("\\format csv\r"),
            READY,
            Send("\\timing\r"),
            Expect("timing is on"),
            READY,
            Send("SELECT 6 * 7 AS answer;\r"),
            Expect("answer\r\n42\r\n"),
            Expect(" s\r\n"),
            READY,
            Send("\\format parquet\r"),
            Expect("is binary"),
            READY,
            Send("\\?\r"),
            Expect("\\timing"),
            READY,
            Send("\\nothing\r"),
            Expect("is no command"),
            READY,
            // Given up.
            Send("SELECT nonsense\u{3}"),
            READY,
            // Typed while the one before runs.
            Send("SELECT 7 AS first;\rSELECT 8 AS second;\r"),
            Expect("first\r\n7\r\n"),
            Expect("second\r\n8\r\n"),
            READY,
            Send("\u{4}"),
        ],
    );
    if shown.is_none() {
        return;
    }
    let history = state.join("soakbox/sql-history");
    let history = fs::read_to_string(history).unwrap();
    let entries = || history.lines().filter(|line| *line != "#V2");
    assert_eq!(
        entries().next(),
        Some("SELECT count(*) AS n\\nFROM operation_log WHERE operation = 'rule_refresh';")
    );
    // Another shell has it again: eight entries up is the first one.
    let again = format!("{};", "\u{1b}[A".repeat(entries().count()));
    let again = again.trim_end_matches(';');
    typed(
        recording,
        &state,
        "",
        &[
            READY,
            Send(again),
            Send("\r"),
            Expect("100"),
            READY,
            Send("\\q\r"),
        ],
    );
}

#[test]
fn ctrl_c_stops_a_query_and_the_shell_goes_on() {
    let place = place();
    let recording = place.path().join("recording");
    // A million times a million rows take hours.
    let endless = "SELECT sum(a.value + b.value) FROM generate_series(1, 1000000) AS a, \
                   generate_series(1, 1000000) AS b;\r";
    typed(
        recording.to_str().unwrap(),
        // A history that cannot be written is no failure.
        Path::new("/proc/nothing"),
        "",
        &[
            READY,
            Send(endless),
            Expect("running for "),
            Until("\u{3}", "stopped"),
            READY,
            Send("SELECT 6 * 7 AS answer;\r"),
            Expect("42"),
            READY,
            Send("\u{4}"),
        ],
    );
}

#[test]
fn long_answers_go_through_the_pager_and_short_ones_do_not() {
    let place = place();
    let recording = place.path().join("recording");
    let pager = place.path().join("pager");
    let paged = place.path().join("paged");
    fs::write(&pager, format!("#!/bin/sh\ncat > {}\n", paged.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&pager, mode).unwrap();
    let shown = typed(
        recording.to_str().unwrap(),
        &place.path().join("state"),
        pager.to_str().unwrap(),
        &[
            READY,
            Send("SELECT 6 * 7 AS answer;\r"),
            Expect("42"),
            READY,
            Send("SELECT operation, finished_at FROM operation_log;\r"),
            Expect("\r\n"),
            READY,
            Send("\u{4}"),
        ],
    );
    if shown.is_none() {
        return;
    }
    let paged = fs::read_to_string(&paged).unwrap();
    assert_eq!(paged.lines().count(), 2 + 350, "{paged}");
}

#[test]
fn functions_and_views_are_described() {
    let place = place();
    let recording = place.path().join("recording");
    let shown = typed(
        recording.to_str().unwrap(),
        &place.path().join("state"),
        "",
        &[
            READY,
            Send("\\h quantile\r"),
            Expect("quantile(column, p)"),
            Expect("at least a share p"),
            READY,
            Send("\\h MESH_METRICS\r"),
            Expect("per operation and interval"),
            READY,
            Send("\\d mesh_metrics\r"),
            Expect("CPUs that the operations kept busy"),
            READY,
            Send("\\h date_bin\r"),
            Expect("date_bin("),
            READY,
            Send("\\h nope\r"),
            Expect("error: nope: is no function and no view"),
            READY,
            Send("\\q\r"),
        ],
    );
    let Some(shown) = shown else { return };
    assert!(shown.ends_with("exit 0\n"), "{shown}");
}
