//! How long a run observed, where its files are gone for a time, or where UTC was set while it ran: rates and
//! findings are those of the time that passed and is known.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use serde_json::Value;
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationMetrics, RecorderHealth, Stall, Table,
};
use soakbox_testing::{Recorder, SECOND, Soak, annotation, concat};

use crate::program::{Place, analyzer, json, printed, text};

const SECONDS: usize = 240;
/// Seconds of a file.
const FILE: usize = 60;

/// Rows whose clock shows this much more.
pub(crate) fn later(batch: &RecordBatch, by_ns: i64) -> RecordBatch {
    let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
    let times = times.values().iter().map(|at| at + by_ns);
    let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let mut columns = batch.columns().to_vec();
    columns[0] = Arc::new(times) as ArrayRef;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// What happens in the seconds of a recording whose recorder does not run for a while.
#[derive(Clone, Copy, PartialEq)]
enum Pause {
    /// Nothing after the first second: the host is suspended, and the boot clock goes on. The recorder reads the
    /// intervals that the kernel side still keeps apart, and notes the gap.
    Suspended,
    /// Operations finish. The kernel side counts them in slots that it uses in turn, so that the counts of
    /// intervals that are not kept apart are in those of later ones, which the recorder notes.
    Stalled,
}

/// Intervals that the kernel side keeps apart, but for the one that it counts in.
const KEPT_APART: usize = 15;

/// The counts of an interval in which nothing happened.
fn empty(counts: &OperationMetrics) -> OperationMetrics {
    OperationMetrics {
        at_ns: counts.at_ns,
        interval: counts.interval,
        operation: counts.operation.clone(),
        operation_type: counts.operation_type,
        ..OperationMetrics::default()
    }
}

fn seal_with(root: &Path, pause: Pause, seconds: std::ops::Range<usize>) {
    seal_changed(root, pause, seconds, |_, _| ());
}

/// Seals a recording with a pause of the recorder, all in one file of each table. `change` gets each
/// second's counts.
fn seal_changed(
    root: &Path,
    pause: Pause,
    seconds: std::ops::Range<usize>,
    change: impl Fn(usize, &mut [OperationMetrics]),
) {
    let soak = Soak {
        seconds: SECONDS as i64,
        ..Soak::default()
    };
    let mut rows = soak.rows();
    let (mut log, mut metrics) = (Vec::new(), Vec::new());
    let mut late: Vec<(usize, OperationMetrics)> = Vec::new();
    for second in 0..SECONDS {
        let mut counts = std::mem::take(&mut rows.metrics[second]);
        change(second, &mut counts);
        let is_kept = !seconds.contains(&second) || second + KEPT_APART >= seconds.end;
        // A suspend begins at the end of a second, whose counts have not been read yet.
        let is_asleep = pause == Pause::Suspended && second > seconds.start;
        if is_asleep && seconds.contains(&second) {
            counts = counts.iter().map(empty).collect();
        } else {
            log.push(rows.log[second].clone());
        }
        if !is_kept {
            late.extend(counts.into_iter().map(|row| (second, row)));
            continue;
        }
        let slots = KEPT_APART + 1;
        let here = late.extract_if(.., |(earlier, _)| *earlier % slots == second % slots);
        for (_, earlier) in here {
            let mut rows = counts.iter_mut();
            let own = rows.find(|row| row.operation == earlier.operation);
            let own = own.unwrap();
            own.begun += earlier.begun;
            own.finished += earlier.finished;
            own.recorded += earlier.recorded;
            own.failures += earlier.failures;
            own.duration_sum_ns += earlier.duration_sum_ns;
        }
        metrics.extend(counts);
    }
    let mut recorder = Recorder::new(root);
    recorder.seal(Table::OPERATION_LOG, &concat(&log));
    let stall = Stall {
        merged: (seconds.len() - KEPT_APART) as u64,
        interval: metrics[0].interval + seconds.end as u64,
    };
    let metrics = OperationMetrics::batch(&metrics).unwrap();
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    let (from, to) = (seconds.start as i64, seconds.end as i64);
    if pause == Pause::Suspended {
        let gap = annotation(from + 1, Some(to), AnnotationKind::Gap, "host suspended");
        rows.annotations.push(gap);
    }
    let note = annotation(to, None, AnnotationKind::Note, &stall.to_string());
    rows.annotations.push(note);
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
}

#[test]
fn a_host_that_was_suspended_was_not_observed_and_a_recorder_that_did_not_run_was() {
    let place = Place::new();
    seal_with(place.path(), Pause::Suspended, 100..160);
    let found = summary(&place);
    assert_rates(&found, 181.0);
    assert_eq!(found["complete"], false);
    let warnings = found["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].to_string().contains("host suspended"),
        "{warnings:?}"
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true, "{info}");
    assert_steady(&place);
    let place = Place::new();
    seal_with(place.path(), Pause::Stalled, 100..160);
    let found = summary(&place);
    assert_rates(&found, 240.0);
    // Each operation has its row; in which of its seconds it was counted is not known.
    assert_eq!(
        (&found["complete"], &found["warnings"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true, "{info}");
    assert_steady(&place);
    let finding = analyzer(&["soak", place.text()]);
    let warning = text(&finding.stderr);
    let left_out = "rows or the kernel's counts are missing, and that time is left out: ";
    assert!(warning.contains(left_out), "{warning}");
    assert!(!warning.contains("counted as lost"), "{warning}");
}

/// As with `--keep-last`: of what was let go, some was counted in intervals that are written.
#[test]
fn counts_that_a_gap_and_what_is_there_share_are_not_compared() {
    let place = Place::new();
    seal_changed(place.path(), Pause::Suspended, 100..160, |at, counts| {
        if at == 100 {
            counts[0].recorded += 3;
            counts[0].finished += 3;
            counts[0].begun += 3;
        }
    });
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true, "{info}");
}

#[test]
fn a_stall_hides_no_row_that_is_missing() {
    for (second, change) in [(90, 1), (110, 1), (150, -1), (170, 1)] {
        let place = Place::new();
        seal_changed(place.path(), Pause::Stalled, 100..160, |at, counts| {
            if at == second {
                let row = &mut counts[0];
                row.recorded = row.recorded.checked_add_signed(change).unwrap();
                row.finished = row.finished.checked_add_signed(change).unwrap();
                row.begun = row.begun.checked_add_signed(change).unwrap();
            }
        });
        let info = json(&["info", place.text(), "--format", "json"]);
        assert_eq!(info["identity_ok"], false, "{second}: {info}");
    }
}

/// Seals a recording whose clock shows `shift` seconds more than boot clock and first distance, by second.
/// Files are rotated as the clock is set. Gives the files of each part.
fn seal(root: &Path, shift: impl Fn(usize) -> i64) -> Vec<Vec<PathBuf>> {
    let soak = Soak {
        seconds: SECONDS as i64,
        ..Soak::default()
    };
    let mut rows = soak.rows().with_kernel_sums();
    let by_ns = |second: usize| shift(second.min(SECONDS - 1)) * SECOND;
    let mut recorder = Recorder::new(root);
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for second in 0..SECONDS {
        match parts.last_mut() {
            Some(part) if second % FILE > 0 && shift(second) == shift(second - 1) => {
                part.push(second)
            }
            _ => parts.push(vec![second]),
        }
    }
    let mut files = Vec::new();
    for part in parts {
        let log: Vec<RecordBatch> = part
            .iter()
            .map(|second| later(&rows.log[*second], by_ns(*second)))
            .collect();
        let (mut metrics, mut health) = (Vec::new(), Vec::new());
        for second in part {
            for mut row in rows.metrics[second].clone() {
                row.at_ns += by_ns(second);
                metrics.push(row);
            }
            rows.health[second].at_ns += by_ns(second);
            health.push(rows.health[second].clone());
        }
        files.push(vec![
            recorder.seal(Table::OPERATION_LOG, &concat(&log)),
            recorder.seal(
                Table::OPERATION_METRICS,
                &OperationMetrics::batch(&metrics).unwrap(),
            ),
            recorder.seal(
                Table::RECORDER_HEALTH,
                &RecorderHealth::batch(&health).unwrap(),
            ),
        ]);
    }
    let first_ns = rows.annotations[0].at_ns;
    for note in &mut rows.annotations {
        note.at_ns += by_ns(((note.at_ns - first_ns) / SECOND) as usize);
    }
    let annotations = Annotation::batch(&rows.annotations).unwrap();
    recorder.seal(Table::ANNOTATIONS, &annotations);
    files
}

fn summary(place: &Place) -> Value {
    json(&["summary", place.text(), "--format", "json"])
}

/// Asserts the rates of both operations and the time observed. A run that ends before the latest time that
/// its clock showed ends with its last row.
fn assert_rates(summary: &Value, observed_s: f64) {
    let is_near = |found: &Value, expected: f64| {
        let found = found.as_f64().unwrap();
        (found / expected - 1.0).abs() < 1e-3
    };
    assert!(is_near(&summary["observed_s"], observed_s), "{summary}");
    for (operation, rate) in [(0, 20.0), (1, 50.0)] {
        let found = &summary["operations"][operation]["rate_per_s"];
        assert!(is_near(found, rate), "{summary}");
    }
}

fn findings(place: &Place) -> Vec<Value> {
    let output = analyzer(&["soak", place.text(), "--format", "json"]);
    let answer: Value = serde_json::from_str(&text(&output.stdout))
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    answer["findings"].as_array().unwrap().clone()
}

/// No pause, and no step of a rate.
fn assert_steady(place: &Place) {
    for finding in findings(place) {
        let of_rate = finding["subject"].as_str().unwrap().ends_with(" rate");
        let is_pause = ["outage", "stopped"]
            .iter()
            .any(|kind| finding["kind"] == *kind);
        assert!(
            !(of_rate || is_pause) || finding["status"] != "found",
            "{finding}"
        );
    }
}

#[test]
fn a_day_whose_files_are_gone_is_a_gap() {
    let gone = [
        (1..2, 60, 120),
        (1..3, 60, 180),
        (0..1, 0, 60),
        (3..4, 180, 240),
    ];
    // All files of that time, or those of rows and counts only.
    let cases = gone
        .into_iter()
        .flat_map(|case| [(case.clone(), 3), (case, 2)]);
    for ((gone, from, to), tables) in cases {
        let place = Place::new();
        let files = seal(place.path(), |_| 0);
        for file in files[gone].iter().flat_map(|part| &part[..tables]) {
            fs::remove_file(file).unwrap();
        }
        let found = summary(&place);
        assert_eq!(found["complete"], false);
        assert_rates(&found, f64::from(240 - (to - from)));
        let info = json(&["info", place.text(), "--format", "json"]);
        let gaps = info["gaps"].as_array().unwrap();
        assert_eq!(gaps.len(), 1, "{info}");
        assert_eq!(gaps[0]["cause"], "files missing", "{info}");
        let at = |second: i32| format!("2026-11-24T08:{:02}:{:02}Z", second / 60, second % 60);
        assert_eq!(
            (&gaps[0]["from"], &gaps[0]["to"]),
            (&at(from).into(), &at(to).into())
        );
        assert_steady(&place);
    }
}

#[test]
fn time_that_the_clock_skipped_was_not_observed() {
    let place = Place::new();
    seal(place.path(), |second| if second < 100 { 0 } else { 3_600 });
    let found = summary(&place);
    assert_rates(&found, 240.0);
    assert_eq!(found["complete"], true);
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("was set by +1 h 00 min at 2026-11-24T08:01:40Z"),
        "{warnings}"
    );
    assert!(printed(&["summary", place.text()]).contains("was set by +"));
    assert_steady(&place);
    let gaps = findings(&place).into_iter();
    let gaps = gaps.filter(|one| one["kind"] == "gap" && one["status"] == "found");
    assert_eq!(gaps.count(), 1);
}

#[test]
fn time_that_the_clock_showed_twice_lasted_twice_as_long() {
    // By a minute; by two, of which the second is seen again; by ten years.
    for (at, back) in [(100, 60), (180, 120), (100, 315_360_000)] {
        let place = Place::new();
        seal(place.path(), |second| if second < at { 0 } else { -back });
        let found = summary(&place);
        assert_rates(&found, 240.0);
        assert!(
            found["warnings"].to_string().contains("was set by −"),
            "{found}"
        );
        assert_steady(&place);
        let info = json(&["info", place.text(), "--format", "json"]);
        assert_eq!(info["identity_ok"], true);
    }
}

/// Two hosts at once, of which one has its clock set: the time of the other one passes as before.
#[test]
fn a_clock_that_is_set_changes_no_rate_of_another_host() {
    for shift in [3_600, -100] {
        let place = Place::new();
        seal(place.path(), |second| if second < 100 { 0 } else { shift });
        let other = Soak {
            seconds: 3_900,
            begin: -100,
            seed: 2,
            ..Soak::default()
        };
        other.seal(place.path());
        let found = summary(&place);
        let observed_s = found["observed_s"].as_f64().unwrap();
        assert!((observed_s - 3_900.0).abs() < 241.0, "{found}");
        assert!(
            found["warnings"].to_string().contains("was set by"),
            "{found}"
        );
        // Both did the same work: that of the run that was set, over the time of both.
        let expected = 20.0 * (240.0 + 3_900.0) / observed_s;
        let rate = found["operations"][0]["rate_per_s"].as_f64().unwrap();
        assert!((rate / expected - 1.0).abs() < 1e-3, "{rate} {expected}");
        let info = json(&["info", place.text(), "--format", "json"]);
        assert_eq!(info["gaps"].as_array().map(Vec::len), Some(0), "{info}");
    }
}
