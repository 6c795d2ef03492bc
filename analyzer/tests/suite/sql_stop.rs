//! A query that is stopped by a signal: exit status, temporary files, the output file; and the line
//! that shows how far it is.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Place, text};
use crate::shell::{Step, on_terminal};

/// Sorts for hours, with temporary files.
const ENDLESS: &str = "SELECT a.value * 7919 % 999983 AS n FROM generate_series(1, 1000000) AS a, \
                       generate_series(1, 1000000) AS b ORDER BY n";

fn start(recording: &str, temporary: &Path, output: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args([
            "sql", recording, ENDLESS, "--memory", "32MiB", "--format", "csv", "-o", output,
        ])
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether a file in this directory, or below it, has content.
fn has_content(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.metadata() {
        Ok(of) if of.is_dir() => has_content(&entry.path()),
        Ok(of) => of.len() > 0,
        Err(_) => false,
    })
}

#[test]
fn a_signal_stops_a_query_and_nothing_is_left_of_it() {
    let place = Place::with_recording();
    for (signal, name, status) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)] {
        let files = tempfile::tempdir().unwrap();
        let temporary = files.path().join("temporary");
        fs::create_dir(&temporary).unwrap();
        let output = files.path().join("rows.csv");
        fs::write(&output, "earlier").unwrap();
        let mut child = start(place.text(), &temporary, output.to_str().unwrap());
        // The signal comes while the query has temporary files.
        while !has_content(&temporary) {
            assert!(child.try_wait().unwrap().is_none(), "the query ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{ended:?}");
        let reported = format!("error: query: stopped by {name}\n");
        assert_eq!(text(&ended.stderr), reported);
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(&output).unwrap(), "earlier");
        assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_long_query_shows_on_a_terminal_how_far_it_is() {
    let place = Place::with_recording();
    let query = "SELECT count(*) FROM operation_log, generate_series(1, 1000000) AS a, \
                 generate_series(1, 1000000) AS b WHERE a.value % 7 = b.value % 5";
    let shown = on_terminal(
        &["sql", place.text(), query],
        &[],
        &[
            // From the first second on, or later where the machine is busy.
            Step::Expect("] 100% of the files read, "),
            Step::Expect(" s"),
            Step::Expect("\r\u{1b}[K["),
            Step::Send("\u{3}"),
            Step::Expect("\r\u{1b}[Kerror: query: stopped by SIGINT"),
        ],
    );
    if let Some(shown) = shown {
        assert!(shown.ends_with("exit 130\n"), "{shown}");
    }
}
