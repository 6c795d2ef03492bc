//! Recordings whose probes were switched off and on (`--max-overhead`): rates are for observed time,
//! and the time off is neither a loss nor a gap.

use std::path::Path;

use soakbox_schemas::tables::{Annotation, AnnotationKind, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, annotation, concat};

use crate::program::{Place, analyzer, json, printed, text};

const SECOND_NS: u64 = 1_000_000_000;
/// One second of each cycle is observed, s.
const CYCLE: u64 = 4;

const SOAK: Soak = Soak {
    seconds: 240,
    refreshes_per_second: 20,
    controls_per_second: 50,
    slowdown: 1.0,
    lost: 0,
    gap_at: None,
    seed: 7,
    scale: 1.0,
    begin: 0,
    restart_every: None,
    decline: 0.0,
    stops_at: None,
};

/// Seals a recording of which one second in [`CYCLE`] was observed; in the second half all time, where
/// `then_on`.
fn seal(root: &Path, soak: Soak, then_on: bool) {
    seal_on_host(root, soak, then_on, "soak-1");
}

fn seal_on_host(root: &Path, soak: Soak, then_on: bool, host: &str) {
    let mut rows = soak.rows();
    if let Some(second) = soak.stops_at {
        let text = "no process runs the observed files any more";
        let exit = annotation(second, None, AnnotationKind::TargetExited, text);
        rows.annotations.push(exit);
    }
    let uuid = match host {
        "soak-1" => "5a1b2c3d-0000-4000-8000-00000000000a",
        _ => "6a1b2c3d-0000-4000-8000-00000000000a",
    };
    let mut recorder = Recorder::new(root).with_uuid(uuid, host);
    let is_always = |second: usize| then_on && second as i64 >= soak.seconds / 2;
    let is_on = |second: usize| is_always(second) || (second as u64).is_multiple_of(CYCLE);
    let log = rows.log.iter().enumerate();
    let log: Vec<_> = log
        .filter(|(second, _)| is_on(*second))
        .map(|(_, batch)| batch.clone())
        .collect();
    recorder.seal(Table::OPERATION_LOG, &concat(&log));
    let metrics = rows
        .metrics
        .into_iter()
        .enumerate()
        .flat_map(|(second, rows)| {
            rows.into_iter().map(move |row| {
                let times = match (is_always(second), is_on(second)) {
                    (true, _) => (SECOND_NS, 0, SECOND_NS),
                    (false, true) => (SECOND_NS, 0, CYCLE * SECOND_NS),
                    (false, false) => (0, SECOND_NS, 0),
                };
                let row = match is_on(second) {
                    true => row,
                    false => OperationMetrics {
                        at_ns: row.at_ns,
                        interval: row.interval,
                        operation: row.operation,
                        operation_type: row.operation_type,
                        ..OperationMetrics::default()
                    },
                };
                OperationMetrics {
                    observed_ns: Some(times.0),
                    unobserved_ns: Some(times.1),
                    represented_ns: Some(times.2),
                    ..row
                }
            })
        });
    let metrics: Vec<OperationMetrics> = metrics.collect();
    recorder.seal(
        Table::OPERATION_METRICS,
        &OperationMetrics::batch(&metrics).unwrap(),
    );
    recorder.seal(
        Table::ANNOTATIONS,
        &Annotation::batch(&rows.annotations).unwrap(),
    );
}

fn rate(place: &Place) -> f64 {
    let summary = json(&["summary", place.text(), "--format", "json"]);
    assert_eq!(summary["complete"], true, "{summary}");
    summary["operations"][1]["rate_per_s"].as_f64().unwrap()
}

/// As with `--until-exit`: the recorder goes on counting until nobody has come for a while.
#[test]
fn time_after_the_end_of_the_target_stands_for_none() {
    let place = Place::new();
    let soak = Soak {
        stops_at: Some(180),
        refreshes_per_second: 0,
        ..SOAK
    };
    seal(place.path(), soak, false);
    assert!((rate(&place) - 50.0).abs() < 0.5, "{}", rate(&place));
}

#[test]
fn rates_are_for_observed_time_and_nothing_is_missing() {
    let place = Place::new();
    seal(place.path(), SOAK, false);
    assert!((rate(&place) - 50.0).abs() < 1e-6);
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["identity_ok"], true);
    assert_eq!(info["warnings"], serde_json::json!([]));
    let control = &info["operations"][1];
    assert_eq!(control["observed_share"], 0.25);
    assert_eq!(control["unobserved_ns"], 180 * SECOND_NS);
    let output = analyzer(&["info", place.text()]);
    let answer = text(&output.stdout);
    assert!(answer.contains("traffic_control 25.000%"), "{answer}");
    let by_minute = json(&[
        "sql",
        place.text(),
        "--query",
        "rate-by-minute",
        "--format",
        "json",
    ]);
    let rates: Vec<f64> = by_minute
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["operation"] == "traffic_control")
        .map(|row| row["finished_per_s"].as_f64().unwrap())
        .collect();
    assert!(
        rates.iter().all(|rate| (rate - 50.0).abs() < 1e-6),
        "{rates:?}"
    );
    let mesh = "SELECT max(rate_per_s) AS most, min(rate_per_s) AS least FROM mesh_metrics \
                WHERE operation = 'traffic_control' AND observed_s > 0.9";
    let mesh = json(&["sql", place.text(), "-c", mesh, "--format", "json"]);
    assert_eq!(
        (&mesh[0]["most"], &mesh[0]["least"]),
        (&50.0.into(), &50.0.into())
    );
}

/// Twice the load in the half that was observed all the time: the other half counts as much.
#[test]
fn an_hour_that_was_observed_little_weighs_as_much_as_another() {
    let place = Place::new();
    let declining = Soak {
        decline: 1.0,
        ..SOAK
    };
    let whole = Place::new();
    declining.seal(whole.path());
    seal(place.path(), declining, true);
    let (part, whole) = (rate(&place), rate(&whole));
    assert!((part / whole - 1.0).abs() < 0.03, "{part} {whole}");
}

#[test]
fn verdicts_compare_rates_of_observed_time() {
    let (base, candidate) = (Place::new(), Place::new());
    SOAK.seal(base.path());
    seal(candidate.path(), Soak { seed: 8, ..SOAK }, false);
    let output = analyzer(&[
        "compare",
        base.text(),
        "--against",
        candidate.text(),
        "--metric=rate",
        "--format",
        "json",
    ]);
    let answer: serde_json::Value = serde_json::from_str(&text(&output.stdout))
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let effects = answer["effects"].as_array().unwrap();
    assert!(!effects.is_empty(), "{answer}");
    for effect in effects {
        let value = |side: &str| effect[side].as_f64().unwrap();
        assert!(
            (value("candidate") / value("base") - 1.0).abs() < 0.01,
            "{effect}"
        );
        assert_ne!(effect["verdict"], "regressed", "{effect}");
    }
    let output = analyzer(&[
        "soak",
        candidate.text(),
        "--metric=rate",
        "--format",
        "json",
    ]);
    let answer: serde_json::Value = serde_json::from_str(&text(&output.stdout))
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let findings = answer["findings"].as_array().unwrap();
    assert!(!findings.is_empty(), "{answer}");
    for finding in findings {
        let is_of_time = ["outage", "stopped", "gap", "unsteady"]
            .iter()
            .any(|kind| finding["kind"] == *kind);
        assert!(!is_of_time || finding["status"] == "absent", "{finding}");
    }
}

/// The numbers of a line of a chart, of `traffic_control`, where it has any.
fn charted(place: &Place, kind: &str, track: &str) -> Vec<f64> {
    let csv = printed(&["chart", kind, place.text(), "--format", "csv"]);
    let own = format!("traffic_control,{track},");
    let lines = csv.lines().filter(|line| line.starts_with(&own));
    let values = lines.map(|line| line.rsplit(',').next().unwrap());
    let numbers: Vec<f64> = values.filter_map(|value| value.parse().ok()).collect();
    assert!(numbers.len() > 8, "{csv}");
    numbers
}

/// Whatever the length of the windows is.
#[test]
fn charts_have_the_rates_of_all_operations() {
    for seconds in [40, 240, 1_000] {
        let soak = Soak { seconds, ..SOAK };
        let (place, whole) = (Place::new(), Place::new());
        seal(place.path(), soak, false);
        soak.seal(whole.path());
        let finished = charted(&place, "throughput", "finished");
        for rate in &finished {
            assert!((rate - 50.0).abs() < 1e-6, "{seconds} s: {finished:?}");
        }
        let mean = |numbers: Vec<f64>| numbers.iter().sum::<f64>() / numbers.len() as f64;
        for track in ["on CPU", "user", "system"] {
            let [part, all] = [&place, &whole].map(|one| mean(charted(one, "cpu", track)));
            assert!(
                (part / all - 1.0).abs() < 0.1,
                "{seconds} s {track}: {part} {all}"
            );
        }
    }
}

/// A recorder that was started again with a limit, or without one, and two on two hosts at once.
#[test]
fn each_run_stands_for_its_own_time() {
    let place = Place::new();
    SOAK.seal(place.path());
    let later = Soak { begin: 240, ..SOAK };
    seal(place.path(), later, false);
    assert!((rate(&place) - 50.0).abs() < 1e-6);
    let info = json(&["info", place.text(), "--format", "json"]);
    assert_eq!(info["operations"][1]["observed_share"], 0.625);
    let place = Place::new();
    seal(place.path(), SOAK, false);
    seal_on_host(place.path(), SOAK, false, "soak-2");
    assert!((rate(&place) - 100.0).abs() < 1e-6);
}
