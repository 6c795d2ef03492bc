//! `soak` on recordings and on CSV files.

use std::fs;

use serde_json::Value;
use soakbox_testing::Soak;

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
fn mistakes_get_one_clear_line() {
    let place = Place::new();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(place.path());
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
    ];
    let mut transcript = String::new();
    for case in cases {
        transcript.push_str(&format!("$ {}\n{}\n", case.join(" "), refused(case)));
    }
    insta::assert_snapshot!("soak_mistakes", place.plain(&transcript));
}
