//! Output on stdout: a reader that goes away is no error, and a full disk is reported in one line.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::host;

/// Each command that writes to stdout, in both formats.
fn commands(recording: &str) -> Vec<Vec<&str>> {
    let commands = [
        vec!["check"],
        vec!["probes", "/proc/self/exe"],
        vec!["recover", recording],
    ];
    let forms = ["table", "json"].into_iter();
    forms
        .flat_map(|form| {
            commands.clone().map(|mut command| {
                command.extend(["--format", form]);
                command
            })
        })
        .collect()
}

/// Exit status and stderr.
fn answer(arguments: &[&str], stdout: Stdio) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|child| child.wait_with_output())
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = host::allows_bpf();
    for command in commands(&directory.path().display().to_string()) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (status, stderr) = answer(&command, writer.into());
        if command[0] == "check" && !allowed {
            assert_eq!(status, Some(2), "{command:?}: {stderr}");
            assert!(stderr.contains("does not allow"), "{command:?}: {stderr}");
        } else {
            assert_eq!((status, stderr.as_str()), (Some(0), ""), "{command:?}");
        }
    }
}

#[test]
fn a_full_disk_is_reported_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    for command in commands(&directory.path().display().to_string()) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (status, stderr) = answer(&command, full.into());
        assert_eq!(status, Some(2), "{command:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{command:?}: {stderr}");
        assert!(
            stderr.contains("to stdout: no space left") && stderr.contains("hint: "),
            "{command:?}: {stderr}"
        );
    }
}
