//! `soak` on recordings and on CSV files.

use std::fs;

use serde_json::Value;
use soakbox_schemas::tables::{OperationMetrics, Table};
use soakbox_testing::{Recorder, START_NS, Soak};

use crate::program::{Place, json, printed, refused};

fn finding<'a>(answer: &'a Value, kind: &str, subject: &str) -> &'a Value {
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
    assert!(table.lines().nth(1).unwrap().contains("found"), "{table}");
}

#[test]
fn a_csv_file_shows_a_leak_under_a_sawtooth() {
    let place = Place::new();
    let file = place.path().join("heap.csv");
    let mut text = "seconds,heap\n".to_owned();
    for minute in 0..1_440_u32 {
        let tooth = f64::from(minute % 30) / 30.0;
        let noise = f64::from(minute * 7919 % 101) / 101.0 - 0.5;
        let heap = 1_000.0 + f64::from(minute) / 60.0 * 10.0 + 300.0 * tooth + 5.0 * noise;
        text.push_str(&format!("{},{heap:.2}\n", minute * 60));
    }
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let asked = [
        "soak", "--csv", file, "--value", "heap", "--time", "seconds", "--format", "json",
    ];
    let answer = json(&asked);
    let leak = finding(&answer, "leak", "heap");
    assert_eq!(leak["status"], "found", "{leak}");
    let slope = leak["slope_per_hour"].as_f64().unwrap();
    assert!((9.0..11.0).contains(&slope), "{leak}");
    assert_eq!(json(&asked), answer);
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
fn the_restarts_of_a_recording_and_those_that_are_given_show_a_leak() {
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
    // A file has no annotations.
    let file = place.path().join("heap.csv");
    let mut text = "at,heap\n".to_owned();
    let mut noise = 1_u64;
    for minute in 0..4_320_u64 {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        let heap = 100.0 + 2.0 * (minute % 360) as f64 / 60.0 + (noise >> 40) as f64 / 8e6;
        let (day, hour) = (1 + minute / 1_440, minute / 60 % 24);
        text.push_str(&format!(
            "2026-01-{day:02} {hour:02}:{:02},{heap}\n",
            minute % 60
        ));
    }
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let csv = [
        "soak", "--csv", file, "--value", "heap", "--time", "at", "--format", "json",
    ];
    let unknown = json(&csv);
    let leak = finding(&unknown, "leak", "heap");
    assert_eq!(leak["status"], "inconclusive", "{leak}");
    assert!(
        leak["reason"].as_str().unwrap().contains("restarts"),
        "{leak}"
    );
    let mut given = csv.to_vec();
    let restarts: Vec<String> = (1..12)
        .map(|n| format!("2026-01-{:02} {:02}:00", 1 + n / 4, 6 * (n % 4)))
        .collect();
    for restart in restarts.iter().rev() {
        given.extend(["--restart", restart]);
    }
    let answer = json(&given);
    let leak = finding(&answer, "leak", "heap");
    assert_eq!(leak["status"], "found", "{leak}");
    let slope = leak["slope_per_hour"].as_f64().unwrap();
    assert!((slope / 2.0 - 1.0).abs() < 0.1, "{leak}");
    let mut none = csv.to_vec();
    none.extend(["--restart", "none"]);
    let answer = json(&none);
    assert_eq!(finding(&answer, "leak", "heap")["status"], "absent");
}

#[test]
fn evenly_spaced_points_of_a_file_have_periods() {
    let place = Place::new();
    for (name, jitter, status) in [("even", 0, "found"), ("ragged", 25, "inconclusive")] {
        let file = place.path().join(name);
        let mut text = "s,v\n".to_owned();
        for point in 0..1_200_u32 {
            let noise = f64::from(point * 7919 % 101) / 101.0;
            let value =
                50.0 + 5.0 * (f64::from(point) / 20.0 * std::f64::consts::TAU).sin() + noise;
            let at = 60 * point + jitter * (point % 2);
            if point % 50 != 7 {
                text.push_str(&format!("{at},{value}\n"));
            }
        }
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let answer = json(&[
            "soak", "--csv", file, "--value", "v", "--time", "s", "--format", "json",
        ]);
        let period = finding(&answer, "period", "v");
        assert_eq!(period["status"], status, "{period}");
        if status == "found" {
            let seconds = period["period_s"].as_f64().unwrap();
            assert!((seconds - 1200.0).abs() < 12.0, "{period}");
        }
    }
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
