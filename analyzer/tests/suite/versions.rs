//! Recordings of every version of the format, made by the recorders of their time (tests/data), and
//! what is answered about them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Place, analyzer, refused, text};
use soakbox_schemas::recording::FORMAT_VERSION;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// All that a command prints, without the place of the recording.
fn answers(name: &str, arguments: &[&str]) -> String {
    let root = data(name);
    let root = root.to_str().unwrap();
    let output = analyzer(&[&[arguments[0], root][..], &arguments[1..]].concat());
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{printed}");
    printed.replace(root, "[DIR]")
}

const SUMS: &str = "
    SELECT recorder, operation, count(*) AS n, sum(duration_ns) AS duration, sum(cpu_ns) AS cpu,
      sum(memory_bytes) AS memory, count(success) AS known, sum(return_value) AS returned,
      sum(sample_weight) AS weight, count(goroutine) AS goroutines, max(finished_at) AS last
    FROM operation_log GROUP BY recorder, operation ORDER BY recorder, operation;
    SELECT recorder, operation, count(*) AS n, sum(begun) AS begun, sum(finished) AS finished,
      sum(recorded) AS recorded, sum(lost) AS lost, sum(duration_sum_ns) AS duration
    FROM operation_metrics GROUP BY recorder, operation ORDER BY recorder, operation;
    SELECT recorder, count(*) AS n, sum(events_received) AS received, sum(events_dropped) AS dropped,
      sum(seals_failed) AS failed, sum(written_bytes) AS written
    FROM recorder_health GROUP BY recorder ORDER BY recorder;
    SELECT recorder, at, kind, text FROM annotations ORDER BY at, kind";

#[test]
fn every_format_reads() {
    for name in ["format-1", "format-1-durations", "format-1-first"] {
        let info = answers(name, &["info", "--format", "json"]);
        insta::assert_snapshot!(format!("version_{name}_info"), info);
        let sums = answers(name, &["sql", "-c", SUMS, "--format", "ndjson"]);
        insta::assert_snapshot!(format!("version_{name}_sums"), sums);
        for command in ["summary", "changes"] {
            let output = analyzer(&[command, data(name).to_str().unwrap()]);
            let printed = text(&output.stderr);
            assert!(!printed.contains("error: "), "{name} {command}: {printed}");
            // Its recorder could not know the columns that came later. A new one needs its version
            // (`since`) in the declaration of its table.
            assert!(!printed.contains("column"), "{name} {command}: {printed}");
        }
    }
}

#[test]
fn the_current_format_has_a_recording() {
    let current = data(&format!("format-{FORMAT_VERSION}"));
    assert!(current.is_dir(), "record one, see tests/data/README.md");
    let number: u64 = FORMAT_VERSION.parse().unwrap();
    assert!(data(&format!("format-{}", number + 1)).is_dir());
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    for (name, ending) in [("format-2", ".parquet"), ("format-2-journal", ".journal")] {
        let root = data(name);
        for arguments in [&["info"][..], &["summary"], &["sql", "SELECT 1"]] {
            let root = root.to_str().unwrap();
            let line = refused(&[&[arguments[0], root][..], &arguments[1..]].concat());
            for part in [
                ending,
                "has format 2; the newest that this version reads is 1",
                "hint: a newer soakbox-analyzer reads it; --skip-damaged reads the rest",
            ] {
                assert!(line.contains(part), "{line}");
            }
        }
    }
    // Next to files of this version the rest can be read.
    let place = Place::new();
    copy(&data("format-1"), place.path());
    copy(&data("format-2"), place.path());
    let output = analyzer(&["info", place.text(), "--skip-damaged"]);
    assert!(output.status.success());
    let warnings = text(&output.stderr);
    assert!(warnings.contains("has format 2"), "{warnings}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}
