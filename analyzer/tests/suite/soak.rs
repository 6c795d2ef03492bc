//! `soak` on recordings.

use std::fs;

use serde_json::Value;
use soakbox_schemas::tables::{OperationMetrics, Table};
use soakbox_testing::{Recorder, START_NS, Soak};

use crate::program::{Place, json, printed, refused};

/// The finding of this kind and subject.
pub(crate) fn finding<'a>(answer: &'a Value, kind: &str, subject: &str) -> &'a Value {
    let findings = answer["findings"].as_array().unwrap().iter();
    let mut named = findings.filter(|one| one["kind"] == kind && one["subject"] == subject);
    named
        .next()
        .unwrap_or_else(|| panic!("no {kind} of {subject}: {answer}"))
}

#[test]
fn a_recording_shows_its_leak_its_slowdown_and_its_gap() {
    let place = Place::new();
    // Memory grows by 4,096 bytes a second.
    Soak {
        seconds: 300,
        slowdown: 1.5,
        gap_at: Some(40),
        ..Soak::default()
    }
    .seal(place.path());
    let answer = json(&["soak", place.text(), "--format", "json"]);
    assert_eq!(answer["schema"], "soakbox.soak/1");
    let leak = finding(&answer, "leak", "rule_refresh memory");
    assert_eq!(
        (&leak["status"], &leak["unit"]),
        (&"found".into(), &"bytes".into())
    );
    let slope = leak["slope_per_hour"].as_f64().unwrap();
    assert!((slope / (3600.0 * 4096.0) - 1.0).abs() < 0.05, "{leak}");
    assert_eq!(finding(&answer, "gap", "run")["status"], "found");
    assert_eq!(
        finding(&answer, "unsteady", "rule_refresh duration_p50")["status"],
        "found"
    );
    assert_ne!(
        finding(&answer, "decay", "traffic_control rate")["status"],
        "found"
    );
    assert_eq!(
        finding(&answer, "bursts", "traffic_control failures")["status"],
        "absent"
    );
    // Against itself nothing grows.
    let same = json(&[
        "soak",
        place.text(),
        "--reference",
        place.text(),
        "--format",
        "json",
    ]);
    assert_ne!(
        finding(&same, "leak", "rule_refresh memory")["status"],
        "found"
    );
    // 64 MiB and a limit of 80 MiB: about an hour.
    let limited = [
        "soak",
        place.text(),
        "--metric",
        "memory",
        "--limit",
        "83886080",
        "--format",
        "json",
    ];
    let limited = json(&limited);
    let left = finding(&limited, "leak", "rule_refresh memory")["time_to_limit_s"]
        .as_f64()
        .unwrap();
    assert!((3_000.0..4_500.0).contains(&left), "{left}");
    let table = printed(&["soak", place.text()]);
    assert!(
        table.starts_with("FOUND: rule_refresh memory leaks by +14.1 MiB per hour"),
        "{table}"
    );
}

#[test]
fn growth_beyond_a_reference_is_judged_by_operation_and_metric() {
    let soak = |decline: f64, seed| Soak {
        seconds: 300,
        controls_per_second: 200,
        decline,
        seed,
        ..Soak::default()
    };
    let (good, same, worse) = (Place::new(), Place::new(), Place::new());
    soak(0.3, 1).seal(good.path());
    soak(0.3, 2).seal(same.path());
    soak(0.6, 3).seal(worse.path());
    let status = |run: &Place, reference: Option<&str>| {
        let mut asked = vec!["soak", run.text(), "--format", "json"];
        if let Some(reference) = reference {
            asked.extend(["--reference", reference]);
        }
        let answer = json(&asked);
        let decay = finding(&answer, "decay", "traffic_control rate").clone();
        (
            decay["status"].as_str().unwrap().to_owned(),
            decay["slope_per_hour"].as_f64().unwrap(),
        )
    };
    // 200 /s fall by 30% in 300 s.
    let (alone, slope) = status(&same, None);
    assert_eq!(alone, "found");
    assert!((slope / (-0.3 * 200.0 * 12.0) - 1.0).abs() < 0.1, "{slope}");
    let (beyond, slope) = status(&same, Some(good.text()));
    assert_ne!(beyond, "found");
    assert!(slope.abs() < 50.0, "{slope}");
    let (beyond, slope) = status(&worse, Some(good.text()));
    assert_eq!(beyond, "found");
    assert!((slope / (-0.3 * 200.0 * 12.0) - 1.0).abs() < 0.2, "{slope}");
    // Two runs against one: each series of both has the reference.
    let both = Place::new();
    for (name, decline, seed) in [("a", 0.3, 4), ("b", 0.6, 5)] {
        let path = both.path().join(name);
        fs::create_dir(&path).unwrap();
        soak(decline, seed).seal(&path);
    }
    let answer = json(&[
        "soak",
        both.text(),
        "--reference",
        good.text(),
        "--format",
        "json",
    ]);
    for (name, found) in [("a", false), ("b", true)] {
        let run = both.path().join(name);
        let subject = format!("{} traffic_control rate", run.display());
        let decay = finding(&answer, "decay", &subject);
        assert_eq!(decay["status"] == "found", found, "{decay}");
        assert!(
            !decay["reason"].as_str().unwrap().contains("reference"),
            "{decay}"
        );
    }
}

#[test]
fn a_service_that_stopped_is_named() {
    for (seconds, stops_at) in [
        (60, Some(30)),
        (120, Some(100)),
        (120, None),
        (300, Some(290)),
    ] {
        let place = Place::new();
        Soak {
            seconds,
            stops_at,
            ..Soak::default()
        }
        .seal(place.path());
        let answer = json(&[
            "soak",
            place.text(),
            "--operation",
            "traffic_control",
            "--metric",
            "rate",
            "--format",
            "json",
        ]);
        let kinds = answer["findings"].as_array().unwrap().iter();
        let kinds: Vec<&str> = kinds.map(|one| one["kind"].as_str().unwrap()).collect();
        assert!(!kinds.contains(&"bursts"), "{kinds:?}");
        let stopped = finding(&answer, "stopped", "traffic_control");
        let status = match stops_at {
            None => "absent",
            Some(290) => "inconclusive",
            Some(_) => "found",
        };
        assert_eq!(stopped["status"], status, "{stopped}");
        if let Some(at) = stops_at {
            let from = stopped["from"].as_str().unwrap();
            let second = format!("{:02}:{:02}", at / 60, at % 60);
            let before = format!("{:02}:{:02}", (at - 1) / 60, (at - 1) % 60);
            assert!(
                from.contains(&format!("08:{second}")) || from.contains(&format!("08:{before}")),
                "{stopped}"
            );
        }
        if status == "inconclusive" {
            continue;
        }
        for kind in ["decay", "unsteady"] {
            let other = finding(&answer, kind, "traffic_control rate");
            assert_ne!(other["status"], "found", "{other}");
            assert_ne!(other["detectable"], 0.0, "{other}");
        }
    }
}

#[test]
fn the_restarts_of_a_recording_show_a_leak() {
    let place = Place::new();
    // 4,096 bytes a second in lives of 60 s.
    Soak {
        seconds: 300,
        restart_every: Some(60),
        ..Soak::default()
    }
    .seal(place.path());
    let asked = [
        "soak",
        place.text(),
        "--metric",
        "memory",
        "--format",
        "json",
    ];
    let answer = json(&asked);
    let leak = finding(&answer, "leak", "rule_refresh memory");
    assert_eq!(leak["status"], "found", "{leak}");
    let slope = leak["slope_per_hour"].as_f64().unwrap();
    assert!((slope / (3600.0 * 4096.0) - 1.0).abs() < 0.05, "{leak}");
}

#[test]
fn a_limit_that_was_reached_and_healthy_searches_are_reported() {
    let place = Place::new();
    Soak::default().seal(place.path());
    // 64 MiB and more from the begin on.
    let asked = [
        "soak",
        place.text(),
        "--metric",
        "memory",
        "--limit",
        "67108000",
    ];
    let table = printed(&asked);
    assert!(
        table.contains("the limit was reached at 2026-11-24T08:00:00"),
        "{table}"
    );
    let answer = json(&[&asked[..], &["--format", "json"]].concat());
    let leak = finding(&answer, "leak", "rule_refresh memory");
    assert_eq!(leak["time_to_limit_s"], 0.0);
    // Two operations with a leak, a drift, a period and a steady state each.
    assert_eq!(
        (&answer["searches"], &answer["false_alarm"]),
        (&8.into(), &0.05.into())
    );
    let mut alarms = 0;
    for seed in 0..6 {
        let place = Place::new();
        Soak {
            seconds: 60,
            seed: 100 + seed,
            ..Soak::default()
        }
        .seal(place.path());
        let mut asked = vec!["soak", place.text(), "--format", "json"];
        // The memory of this load grows.
        for metric in [
            "duration_p50",
            "duration_p99",
            "cpu",
            "failure_rate",
            "rate",
        ] {
            asked.extend(["--metric", metric]);
        }
        let answer = json(&asked);
        let findings = answer["findings"].as_array().unwrap();
        let named = answer["searches"].as_u64().unwrap() + 1;
        assert_eq!(findings.len() as u64, named, "one of them is the gap");
        alarms += usize::from(findings.iter().any(|one| one["status"] == "found"));
    }
    assert!(alarms <= 2, "{alarms} of 6");
}

#[test]
fn mistakes_get_one_clear_line() {
    let place = Place::new();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(place.path());
    let runs = Place::new();
    for (begin, uuid) in [
        (0, "11111111-2222-4333-8444-555555555555"),
        (60, "21111111-2222-4333-8444-555555555555"),
    ] {
        let soak = Soak {
            seconds: 5,
            begin,
            ..Soak::default()
        };
        let path = runs.path().join(uuid);
        fs::create_dir(&path).unwrap();
        soak.seal(&path);
    }
    let other = Place::new();
    Recorder::new(other.path()).seal(
        Table::OPERATION_METRICS,
        &OperationMetrics::batch(&[OperationMetrics {
            at_ns: START_NS,
            operation: "other".to_owned(),
            ..OperationMetrics::default()
        }])
        .unwrap(),
    );
    let huge = &format!("1{}%", "0".repeat(300));
    let root = place.text();
    let cases: &[&[&str]] = &[
        &["soak"],
        &["soak", "/nonexistent"],
        &["soak", "--csv", "/nonexistent.csv", "--value", "x"],
        &[
            "soak",
            "--csv",
            "/nonexistent.csv",
            "--value",
            "x",
            "--time",
            "t",
        ],
        &["soak", root, "--limit", "5"],
        &["soak", root, "--cycle", "-1"],
        &["soak", root, "--tolerance", "a lot"],
        &["soak", root, "--metric", "p99"],
        &["soak", root, "--metric", "duration_p999"],
        &["soak", root, "--operation", "nosuch"],
        &["soak", root, "--false-alarm", "0.9"],
        &["soak", root, "--limit", "inf", "--metric", "memory"],
        &["soak", root, "--tolerance", huge],
        &["soak", root, "--restart", "soon"],
        &["soak", root, "--restart", "none", "--restart", "5"],
        &["soak", root, "--restart", "2026-11-24T09:00:00Z"],
        &["soak", root, "--reference", runs.text()],
        &["soak", root, "--reference", other.text()],
    ];
    let mut transcript = String::new();
    for case in cases {
        transcript.push_str(&format!("$ {}\n{}\n", case.join(" "), refused(case)));
    }
    let transcript = runs.plain(&transcript).replace(other.text(), "[OTHER]");
    insta::assert_snapshot!("soak_mistakes", place.plain(&transcript));
}
