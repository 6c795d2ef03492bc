//! `import csv` of long streams: a killed import leaves nothing that is read as a recording, and a
//! file of any length fits into memory.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::import_refused::entries;
use crate::program::{Place, count, json, printed, refused, text};

/// Rows of a segment.
const SEGMENT_ROWS: u64 = 524_288;
/// The most memory that an import of any file may use, bytes.
const MOST_MEMORY: u64 = 112 << 20;

/// An import from stdin.
fn start(output: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(["import", "csv", "-", "-o"])
        .arg(output)
        .args([
            "--duration",
            "us:us",
            "--finished-at",
            "at:us",
            "--operation",
            "op",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes the rows `range` of an import from stdin.
fn write_rows(into: &mut impl Write, range: std::ops::Range<u64>) {
    let mut text = String::new();
    for row in range {
        let at = 1_795_507_200_000_000 + row * 100;
        let operation = ["get", "put", "delete"][row as usize % 3];
        text.push_str(&format!(
            "{at},{}.{:03},{operation}\n",
            100 + row % 977,
            row % 1000
        ));
        if text.len() > 1 << 20 {
            into.write_all(text.as_bytes()).unwrap();
            text.clear();
        }
    }
    into.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_killed_import_leaves_nothing_that_is_read_and_the_next_one_removes_the_rest() {
    let place = Place::new();
    let output = place.path().join("run");
    let staging = place.path().join(".run.importing");
    let mut child = start(&output);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"at,us,op\n").unwrap();
    // More rows than a segment and the pipe have: a whole segment is on the disk then.
    write_rows(&mut input, 0..SEGMENT_ROWS + 100_000);
    let written = staging.join("operation_log.importing");
    let limit = Instant::now() + Duration::from_secs(60);
    while !written.is_dir() {
        assert!(Instant::now() < limit, "no segment was written");
        std::thread::sleep(Duration::from_millis(10));
    }
    let small = place.path().join("small.csv");
    fs::write(&small, "us\n1\n2\n").unwrap();
    let again = |expected: Option<&str>| {
        let arguments = [
            "import",
            "csv",
            small.to_str().unwrap(),
            "-o",
            output.to_str().unwrap(),
            "--duration",
            "us:us",
        ];
        match expected {
            Some(expected) => assert!(refused(&arguments).contains(expected)),
            None => drop(printed(&arguments)),
        }
    };
    again(Some("is being written by another import"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(entries(place.path()), [".run.importing", "small.csv"]);
    for directory in [&output, &staging, &place.path().to_owned()] {
        let directory = directory.to_str().unwrap();
        for arguments in [&["info", directory][..], &["changes", directory]] {
            refused(arguments);
        }
    }
    again(None);
    assert_eq!(entries(place.path()), ["run", "small.csv"]);
    assert_eq!(count(output.to_str().unwrap(), "operation_log"), 2);
}

/// The most memory that a process has used so far, bytes.
fn peak(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_file_of_any_length_fits_into_memory() {
    let place = Place::new();
    let output = place.path().join("run");
    let mut child = start(&output);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"at,us,op\n").unwrap();
    let rows = 4 * SEGMENT_ROWS + 1;
    write_rows(&mut input, 0..rows);
    // All rows but those in the pipe are read.
    let used = peak(&child);
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert!(used < MOST_MEMORY, "{used} bytes");
    let root = output.to_str().unwrap();
    assert_eq!(count(root, "operation_log"), rows);
    let sorted = "SELECT sum(duration_ns) AS sum FROM operation_log";
    let found = json(&["sql", root, sorted, "--format", "json"]);
    let sum: u64 = (0..rows)
        .map(|row| (100 + row % 977) * 1000 + row % 1000)
        .sum();
    assert_eq!(found[0]["sum"], sum);
}
