//! `soak` on CSV files.

use std::fs;

use crate::program::{Place, json};
use crate::soak::finding;

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
fn a_file_shows_a_leak_across_the_restarts_that_are_given() {
    let place = Place::new();
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
