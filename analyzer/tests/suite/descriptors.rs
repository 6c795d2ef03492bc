//! The program never panics, whatever its stdout and stderr are: closed, full, or a pipe that
//! nobody reads. An answer that cannot be written to stdout is a failure. A message that cannot be
//! written to stderr stops nothing.

use std::process::{Command, Output, Stdio};

use crate::program::text;
use soakbox_testing::Soak;

/// States of a descriptor, and the shell redirections that cause them. The pipe at 8 has no reader.
const STATES: [(&str, &str); 3] = [("closed", ">&-"), ("full", ">/dev/full"), ("unread", ">&8")];

/// Runs the program with redirected descriptors; returns the output of the other ones.
fn run(arguments: &[&str], redirections: &str) -> Output {
    let place = tempfile::tempdir().unwrap();
    let pipe = place.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let script =
        format!("exec 9<>\"$PIPE\" 8>\"$PIPE\" 9>&-; exec \"$0\" \"$@\" {redirections} 8>&-");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_soakbox-analyzer")])
        .args(arguments)
        .env("PIPE", &pipe)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A command, whether its answer goes to stdout, and its exit status if both descriptors can be
/// written.
struct Case<'a> {
    arguments: Vec<&'a str>,
    prints: bool,
    code: i32,
}

fn cases<'a>(root: &'a str, file: &'a str) -> Vec<Case<'a>> {
    let case = |prints, code| {
        move |arguments: &[&'a str]| Case {
            arguments: arguments.to_vec(),
            prints,
            code,
        }
    };
    let (answer, silent, mistake) = (case(true, 0), case(false, 0), case(false, 2));
    let query = "SELECT * FROM operation_log ORDER BY finished_at, operation, duration_ns";
    vec![
        answer(&["--help"]),
        answer(&["help", "sql"]),
        answer(&["--version"]),
        answer(&["info", root]),
        answer(&["info", root, "--format=json"]),
        answer(&["summary", root]),
        answer(&["summary", root, "--format=json"]),
        answer(&["sql", root, query]),
        answer(&["sql", root, query, "--format=json"]),
        answer(&["sql", root, query, "--format=csv"]),
        answer(&["sql", root, "EXPLAIN SELECT 1"]),
        answer(&["chart", root, "-o", "-"]),
        answer(&["chart", root, "-o", "/dev/stdout"]),
        answer(&["report", root, "-o", "-"]),
        silent(&["chart", root, "-o", file]),
        silent(&["report", root, "--against", root, "-o", file]),
        mistake(&[]),
        mistake(&["inof"]),
        mistake(&["info", "/nonexistent"]),
        mistake(&["sql", root, "SELEC"]),
        mistake(&["report", root, "-o", "/nonexistent/report.html"]),
        mistake(&["chart", root, "-o", "/dev/full"]),
    ]
}

#[test]
fn no_state_of_stdout_and_stderr_makes_it_panic() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    // With a loss and a gap, so that there are warnings to write.
    let soak = Soak {
        seconds: 30,
        lost: 3,
        gap_at: Some(10),
        ..Soak::default()
    };
    soak.seal(&root);
    let file = place.path().join("file");
    let (root, file) = (root.to_str().unwrap(), file.to_str().unwrap());
    let mut turn = 0;
    for case in cases(root, file) {
        let usual = run(&case.arguments, "");
        assert_eq!(usual.status.code(), Some(case.code), "{:?}", case.arguments);
        assert_eq!(
            usual.stdout.is_empty(),
            !case.prints,
            "{:?}",
            case.arguments
        );
        for (state, to) in STATES {
            let full = state == "full" && case.prints;
            let failing = if full { 2 } else { case.code };
            // Each descriptor alone, and both. Every command runs with four or five of these nine
            // combinations.
            turn += 1;
            let combinations = [
                (format!("1{to}"), failing),
                (format!("2{to}"), case.code),
                (format!("1{to} 2{to}"), failing),
            ];
            let full = state == "full";
            let chosen = combinations.into_iter().enumerate();
            let chosen = chosen.filter(|(index, _)| (full && *index < 2) || turn % 3 == *index);
            for (_, (redirections, code)) in chosen {
                let found = run(&case.arguments, &redirections);
                let what = format!("{:?} {redirections}: {found:?}", case.arguments);
                assert_eq!(found.status.code(), Some(code), "{what}");
                if redirections.starts_with('2') {
                    assert_eq!(found.stdout, usual.stdout, "{what}");
                } else if !redirections.contains('2') {
                    let lines = text(&found.stderr);
                    let errors = lines.lines().filter(|line| line.starts_with("error: "));
                    assert_eq!(errors.count(), usize::from(code == 2), "{what}");
                    assert!(!lines.contains("panicked"), "{what}");
                }
            }
        }
        let _ = std::fs::remove_file(file);
    }
}
