//! Journals that no recorder will seal make a recording incomplete in every command; a recorder
//! that still runs does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::host::{Own, workspace_program};
use crate::program::{analyzer, json, printed, text};
use serde_json::json;
use soakbox_schemas::recording::{LOCK_FILE, journal_directory};
use soakbox_schemas::tables::{OperationMetrics, Table};
use soakbox_testing::{Recorder, Rows, Soak, UUID, concat};

const OTHER: &str = "ffffffff-0000-4000-8000-000000000002";

fn rows() -> Rows {
    let soak = Soak {
        seconds: 30,
        ..Soak::default()
    };
    soak.rows()
}

/// Twenty seconds sealed, ten more in the journals of a recorder that holds them.
fn running(root: &Path) -> Recorder {
    let rows = rows();
    let mut recorder = Recorder::new(root);
    recorder.seal_start();
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..20]));
    recorder.journal(Table::OPERATION_LOG, &rows.log[20..]);
    let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
    recorder.journal(Table::OPERATION_METRICS, &[metrics]);
    recorder
}

#[test]
fn counts_are_shown_before_there_is_anything_to_compare() {
    // The last two intervals of a recorder that still runs are not compared.
    for (intervals, agree, shown) in [
        (1, json!(null), "not known"),
        (2, json!(null), "not known"),
        (3, json!(true), "yes"),
        (7, json!(true), "yes"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let rows = rows();
        let mut recorder = Recorder::new(root.path());
        recorder.seal_start();
        recorder.journal(Table::OPERATION_LOG, &rows.log[..intervals]);
        let metrics = OperationMetrics::batch(&rows.metrics[..intervals].concat()).unwrap();
        recorder.journal(Table::OPERATION_METRICS, &[metrics]);
        let root = root.path().to_str().unwrap();
        let info = json(&["info", root, "--format", "json"]);
        let summary = json(&["summary", root, "--format", "json"]);
        let table = printed(&["info", root]);
        for (index, per_interval) in [20, 50].into_iter().enumerate() {
            let finished = per_interval * intervals;
            let counted = &info["operations"][index];
            assert_eq!(counted["identity_ok"], agree, "{intervals}: {counted}");
            assert_eq!(counted["finished"], finished);
            assert_eq!(summary["operations"][index]["finished"], finished);
            assert_eq!(summary["operations"][index]["lost"], 0);
            let line = table.lines().find(|line| {
                let name = counted["operation"].as_str().unwrap();
                line.trim_start().starts_with(name)
            });
            let line = line.unwrap();
            assert!(line.ends_with(shown), "{line}");
            assert!(line.contains(&finished.to_string()), "{line}");
        }
    }
}

fn warnings(output: &Output) -> Vec<String> {
    let lines = text(&output.stderr);
    lines.lines().map(str::to_owned).collect()
}

/// The warnings of a recording. Every command must give exactly the same ones, but for `sql`, which
/// does not compare counts and rows.
fn asked(root: &Path) -> Vec<String> {
    let (root, place) = (root.to_str().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (chart, report) = (file("chart.svg"), file("report.html"));
    let summary = json(&["summary", root, "--format", "json"]);
    let listed: Vec<String> = summary["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(summary["complete"], listed.is_empty());
    let info = json(&["info", root, "--format", "json"]);
    assert_eq!(info["warnings"], summary["warnings"]);
    assert_eq!(info["running"], summary["running"]);
    let expected: Vec<String> = listed
        .iter()
        .map(|line| format!("warning: {line}"))
        .collect();
    let commands: [&[&str]; 5] = [
        &["info", root],
        &["summary", root, "--format=json"],
        &["sql", root, "SELECT 1", "--format=csv"],
        &["chart", root, "-o", &chart],
        &["report", root, "-o", &report],
    ];
    for command in commands {
        let output = analyzer(command);
        assert!(output.status.success(), "{command:?}");
        let mut expected = expected.clone();
        if command[0] == "sql" {
            expected.retain(|warning| !warning.ends_with("disagree; `info` shows both"));
        }
        assert_eq!(warnings(&output), expected, "{command:?}");
    }
    let table = printed(&["summary", root]);
    assert_eq!(table.contains("INCOMPLETE"), !listed.is_empty());
    let html = fs::read_to_string(&report).unwrap();
    assert_eq!(html.contains("class=\"incomplete\""), !listed.is_empty());
    assert_eq!(html.contains("class=\"complete\""), listed.is_empty());
    for warning in &listed {
        assert!(table.contains(warning), "{table}");
        assert!(html.contains(&warning.replace('"', "&quot;")), "{html}");
    }
    let runs = !summary["running"].as_array().unwrap().is_empty();
    assert_eq!(html.contains("<dd>still running</dd>"), runs);
    assert_eq!(printed(&["info", root]).contains("still running"), runs);
    assert_eq!(table.contains("still running"), runs);
    listed
}

/// The warnings of one command only, for variations of a case.
fn listed(root: &Path) -> Vec<String> {
    let summary = json(&["summary", root.to_str().unwrap(), "--format", "json"]);
    assert_eq!(summary["complete"], summary["warnings"] == json!([]));
    let warnings = summary["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| warning.as_str().unwrap().to_owned())
        .collect()
}

fn ended(recorder: &str, rows: &str) -> String {
    format!(
        "the recorder {recorder} ended without sealing: {rows} in its journals are read, and \
         later rows may be missing; `soakbox-recorder recover DIR` seals the journals"
    )
}

#[test]
fn a_recorder_that_still_runs_is_no_damage() {
    let place = tempfile::tempdir().unwrap();
    let recorder = running(place.path());
    assert_eq!(asked(place.path()), [""; 0]);
    let root = place.path().to_str().unwrap();
    let summary = json(&["summary", root, "--format", "json"]);
    assert_eq!(summary["running"], json!(["0a1b2c3d"]));
    drop(recorder);
}

#[test]
fn a_killed_recorder_is_reported_by_every_command() {
    let place = tempfile::tempdir().unwrap();
    drop(running(place.path()));
    assert_eq!(asked(place.path()), [ended("0a1b2c3d", "760 rows")]);
    // Whatever the content of the lock file is.
    let lock = journal_directory(place.path(), UUID).join(LOCK_FILE);
    for text in ["", "stopped\n", "nonsense"] {
        fs::write(&lock, text).unwrap();
        assert_eq!(
            listed(place.path()),
            [ended("0a1b2c3d", "760 rows")],
            "{text:?}"
        );
    }
    fs::remove_file(&lock).unwrap();
    assert_eq!(listed(place.path()), [ended("0a1b2c3d", "760 rows")]);
}

/// The recorder had sealed everything so far, and is killed before the next row.
#[test]
fn a_recorder_that_is_killed_without_a_row_in_its_journals_is_reported_too() {
    let place = tempfile::tempdir().unwrap();
    let mut recorder = Soak::default().seal(place.path());
    recorder.start();
    assert_eq!(asked(place.path()), [""; 0]);
    drop(recorder);
    assert_eq!(asked(place.path()), [ended("0a1b2c3d", "0 rows")]);
    // After a clean stop there is nothing to report.
    let lock = journal_directory(place.path(), UUID).join(LOCK_FILE);
    fs::write(&lock, "stopped\n").unwrap();
    assert_eq!(listed(place.path()), [""; 0]);
}

#[test]
fn of_several_recorders_only_the_dead_are_reported() {
    for dead in [0, 1, 2] {
        let place = tempfile::tempdir().unwrap();
        let mut recorders: Vec<Recorder> = ["11111111", "22222222", "33333333"]
            .iter()
            .map(|start| {
                let uuid = format!("{start}{}", &OTHER[8..]);
                let mut recorder = Recorder::new(place.path()).with_uuid(&uuid, "soak-2");
                recorder.seal_start();
                recorder.journal(Table::OPERATION_LOG, &rows().log[..3]);
                recorder
            })
            .collect();
        let gone = recorders.remove(dead);
        let name = gone.uuid[..8].to_owned();
        drop(gone);
        let warnings = match dead {
            1 => asked(place.path()),
            _ => listed(place.path()),
        };
        assert_eq!(warnings, [ended(&name, "210 rows")]);
        // A sealed run in the same recording changes nothing.
        Soak::default().seal(place.path());
        assert_eq!(listed(place.path()), [ended(&name, "210 rows")]);
        drop(recorders);
        assert_eq!(listed(place.path()).len(), 3);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_copy_of_a_running_recording_is_incomplete_and_the_original_is_not() {
    let place = tempfile::tempdir().unwrap();
    let (original, copied) = (place.path().join("original"), place.path().join("copied"));
    let recorder = running(&original);
    copy(&original, &copied);
    assert_eq!(asked(&copied), [ended("0a1b2c3d", "760 rows")]);
    assert_eq!(asked(&original), [""; 0]);
    drop(recorder);
}

/// `root` and every file and directory below it; a directory is before its content.
fn everything(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn reading_needs_no_write_permission_and_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    drop(running(&root));
    let paths = everything(&root);
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in paths.iter().rev() {
        mode(path, if path.is_dir() { 0o555 } else { 0o444 });
    }
    let state = || -> Vec<_> {
        let state = |path: &PathBuf| {
            (
                path.clone(),
                fs::metadata(path).unwrap().modified().unwrap(),
            )
        };
        everything(&root).iter().map(state).collect()
    };
    let before = state();
    assert_eq!(asked(&root), [ended("0a1b2c3d", "760 rows")]);
    assert_eq!(state(), before);
    for path in paths.iter().filter(|path| path.is_dir()) {
        mode(path, 0o755);
    }
}

/// The real recorder, killed while it writes.
#[test]
fn a_recorder_killed_by_a_signal_leaves_an_incomplete_recording() {
    let Some(recorder) = workspace_program("soakbox-recorder", &["--version"]) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recording");
    let mut recorder = Own::start(
        Command::new(recorder)
            .args(["replay", "--synthetic", "1", "--seconds", "300000", "-o"])
            .arg(&root),
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    let has_rows = || {
        let output = analyzer(&["info", root.to_str().unwrap(), "--format=json"]);
        let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        info["tables"]["operation_log"]["rows"].as_u64() > Some(0)
    };
    while !has_rows() {
        assert!(Instant::now() < deadline, "no journal in 60 s");
        assert!(
            recorder.0.try_wait().unwrap().is_none(),
            "it ended by itself"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    recorder.0.kill().unwrap();
    recorder.0.wait().unwrap();
    let found = asked(&root);
    assert!(found[0].contains("ended without sealing"), "{found:?}");
}
