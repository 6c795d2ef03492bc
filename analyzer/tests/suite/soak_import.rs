//! `soak` on recordings of loads that are written as CSV files and imported: teeth of a collector,
//! outages, periods, and what is known where nothing was observed. The seeds are drawn when the test
//! runs.

use std::fmt::Write as _;
use std::fs;

use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;
use soakbox_testing::Soak;

use crate::program::{Place, json, printed};
use crate::rates::process::{Random, uniform};
use crate::soak::finding;

/// A drawn seed and its random numbers.
fn drawn() -> (u64, Random) {
    let seed = crate::seed::drawn();
    (seed, Random::new(u128::from(seed) << 64 | 1))
}

/// An operation: seconds since the begin, its duration in ns, and a last cell.
type Row = (f64, f64, String);

/// Imports the rows, with their last cell as memory or as success, and gives the recording.
fn imported(place: &Place, name: &str, last: &str, rows: impl Iterator<Item = Row>) -> String {
    let file = place.path().join(format!("{name}.csv"));
    let root = place.path().join(name);
    let mut text = "t,d,last\n".to_owned();
    for (at, duration, last) in rows {
        writeln!(text, "{:.4},{duration:.0},{last}", 1.795e9 + at).unwrap();
    }
    fs::write(&file, text).unwrap();
    let root = root.to_str().unwrap().to_owned();
    printed(&[
        "import",
        "csv",
        file.to_str().unwrap(),
        "-o",
        &root,
        "--finished-at",
        "t:s",
        "--duration",
        "d:ns",
        &format!("--{last}"),
        "last",
    ]);
    root
}

fn soak(root: &str, more: &[&str]) -> Value {
    json(&[&["soak", root, "--format", "json"], more].concat())
}

fn normal(random: &mut Random) -> f64 {
    StandardNormal.sample(random)
}

/// A duration of about a millisecond.
fn duration(random: &mut Random) -> f64 {
    1e6 * (0.5 * normal(random)).exp()
}

/// Ten operations a second over `hours`, those at times that `runs` refuses left out; `slow` is a
/// factor of their durations.
fn load(
    place: &Place,
    name: &str,
    hours: f64,
    random: &mut Random,
    runs: fn(f64) -> bool,
    slow: fn(f64) -> f64,
) -> String {
    let rows: Vec<Row> = (0..(hours * 36_000.0) as usize)
        .map(|index| index as f64 / 10.0)
        .filter(|at| runs(*at))
        .map(|at| (at, slow(at) * duration(random), "true".to_owned()))
        .collect();
    imported(place, name, "success", rows.into_iter())
}

#[test]
fn a_recording_shows_the_floor_of_its_teeth() {
    let (seed, mut random) = drawn();
    // Teeth of 10 minutes and 30%, noise of 2%: healthy, with 1% an hour, and four times as high at
    // the end on a flat floor.
    for (name, growth, taller) in [
        ("healthy", 0.0, 0.0),
        ("leaks", 0.01, 0.0),
        ("taller", 0.0, 3.0),
    ] {
        let (mut found, mut absent) = (0, 0);
        for trial in 0..6 {
            let place = Place::new();
            let phase = uniform(&mut random);
            let mut row = |index: usize| {
                let at = index as f64 * 10.0;
                let day = at / 86_400.0;
                let tooth = 0.3 * (at / 600.0 + phase).fract() * (1.0 + taller * day);
                let level = 1.0 + tooth + 0.02 * normal(&mut random);
                let memory = 1e8 * (level + growth * 24.0 * day);
                (at, 1e6, format!("{memory:.0}"))
            };
            let root = imported(&place, "run", "memory", (0..8_640).map(&mut row));
            let answer = soak(&root, &["--metric", "memory"]);
            let leak = finding(&answer, "leak", "operation memory");
            found += usize::from(leak["status"] == "found");
            absent += usize::from(leak["status"] == "absent");
            let period = finding(&answer, "period", "operation memory");
            let seconds = period["period_s"].as_f64().unwrap();
            assert!(
                (seconds - 600.0).abs() < 6.0,
                "seed {seed}, {trial}: {period}"
            );
        }
        let case = format!("seed {seed}, {name}: {found} found, {absent} absent");
        match name {
            "leaks" => assert!(found == 6, "{case}"),
            "healthy" => assert!(found == 0 && absent >= 2, "{case}"),
            _ => assert!(found == 0, "{case}"),
        }
    }
}

#[test]
fn outages_on_the_way_are_found_and_no_part_of_the_rate() {
    let (seed, mut random) = drawn();
    let place = Place::new();
    let outages = |answer: &Value| -> Vec<Value> {
        let all = answer["findings"].as_array().unwrap().iter();
        let found = all.filter(|one| one["kind"] == "outage" && one["status"] == "found");
        found.cloned().collect()
    };
    let usual: fn(f64) -> f64 = |_| 1.0;
    // 20 of 120 minutes; one minute in each half an hour; an hour between two half minutes.
    type Case = (&'static str, f64, fn(f64) -> bool, usize, &'static str);
    let cases: [Case; 4] = [
        (
            "long",
            2.0,
            |at| !(3000.0..4200.0).contains(&at),
            1,
            "20 min",
        ),
        (
            "short",
            2.0,
            |at| at % 2000.0 >= 60.0 || at < 100.0,
            3,
            "60.0 s",
        ),
        (
            "apart",
            61.0 / 60.0,
            |at| !(30.0..3630.0).contains(&at),
            1,
            "1 h 00 min",
        ),
        ("none", 2.0, |_| true, 0, ""),
    ];
    for (name, hours, runs, number, lasted) in cases {
        let root = load(&place, name, hours, &mut random, runs, usual);
        let answer = soak(&root, &[]);
        let found = outages(&answer);
        assert_eq!(found.len(), number, "seed {seed}, {name}: {answer}");
        for outage in &found {
            let reason = outage["reason"].as_str().unwrap();
            let seconds = match lasted {
                "60.0 s" => ["56.0 s", "58.0 s", "60.0 s"]
                    .iter()
                    .any(|s| reason.contains(s)),
                lasted => {
                    let minutes = ["19 min", "20 min", "59 min", "1 h 00 min"];
                    minutes.iter().any(|s| reason.contains(s)) && !lasted.is_empty()
                }
            };
            assert!(seconds && reason.contains("are usual"), "{reason}");
            assert!(outage["from"].is_string() && outage["to"].is_string());
        }
        if name == "apart" {
            continue;
        }
        let decay = finding(&answer, "decay", "operation rate");
        assert_eq!(decay["status"], "absent", "seed {seed}, {name}: {decay}");
        assert_ne!(
            finding(&answer, "unsteady", "operation rate")["status"],
            "found"
        );
    }
    // What the recorder did not see is no outage.
    let gap = place.path().join("gap");
    fs::create_dir(&gap).unwrap();
    Soak {
        gap_at: Some(40),
        ..Soak::default()
    }
    .seal(&gap);
    let answer = soak(gap.to_str().unwrap(), &["--metric", "rate"]);
    assert_eq!(outages(&answer), Vec::<Value>::new());
    assert_eq!(finding(&answer, "gap", "run")["status"], "found");
}

#[test]
fn a_slow_phase_each_minute_has_one_period_in_all_metrics() {
    let (seed, mut random) = drawn();
    let place = Place::new();
    let slow: fn(f64) -> f64 = |at| if at % 60.0 < 5.0 { 5.0 } else { 1.0 };
    let root = load(&place, "minute", 2.0, &mut random, |_| true, slow);
    let answer = soak(&root, &[]);
    for metric in ["duration_p50", "duration_p99", "duration_mean"] {
        let subject = format!("operation {metric}");
        let period = finding(&answer, "period", &subject);
        let seconds = period["period_s"].as_f64().unwrap_or(0.0);
        assert!((seconds - 60.0).abs() < 0.6, "seed {seed}: {period}");
        let drift = finding(&answer, "drift", &subject);
        let reason = drift["reason"].as_str().unwrap();
        assert!(!reason.contains("sawtooth"), "{drift}");
    }
}

#[test]
fn an_operation_that_never_finished_is_not_judged() {
    let place = Place::new();
    Soak {
        controls_per_second: 0,
        ..Soak::default()
    }
    .seal(place.path());
    let answer = soak(place.text(), &["--operation", "traffic_control"]);
    let all = answer["findings"].as_array().unwrap();
    assert!(all.iter().any(|one| one["kind"] == "stopped"), "{answer}");
    for one in all.iter().filter(|one| one["kind"] != "gap") {
        assert_eq!(one["status"], "inconclusive", "{one}");
        assert_eq!(one["reason"], "none finished in the whole run", "{one}");
    }
}

#[test]
fn a_column_without_values_is_not_judged_and_a_constant_one_says_what_would_be_seen() {
    let place = Place::new();
    for (name, cell) in [("empty", ""), ("zero", "0")] {
        let file = place.path().join(name);
        let lines = (0..1440).map(|minute| format!("{},{cell}\n", 60 * minute));
        fs::write(&file, format!("t,v\n{}", lines.collect::<String>())).unwrap();
        let file = file.to_str().unwrap();
        let answer = json(&[
            "soak", "--csv", file, "--value", "v", "--time", "t", "--format", "json",
        ]);
        for one in answer["findings"].as_array().unwrap() {
            let reason = one["reason"].as_str().unwrap();
            if name == "empty" {
                assert_eq!(one["status"], "inconclusive", "{one}");
                assert!(!reason.contains("as many as 0"), "{one}");
            } else {
                assert_eq!(one["status"], "absent", "{one}");
                assert!(reason.contains("would have been seen"), "{one}");
            }
        }
    }
}

#[test]
fn the_table_has_its_result_in_words_first_and_what_is_absent_last() {
    let (seed, mut random) = drawn();
    let place = Place::new();
    let rows = (0..36_000).map(|index| {
        let at = index as f64 / 5.0;
        // So steep that no noise hides it at the rate of false alarms that all findings share.
        let fails = uniform(&mut random) < 0.02 + 0.5 * at / 7_200.0;
        (at, duration(&mut random), (!fails).to_string())
    });
    let rows: Vec<Row> = rows.collect();
    let root = imported(&place, "run", "success", rows.into_iter());
    let table = printed(&["soak", &root]);
    let case = format!("seed {seed}: {table}");
    let first = table.lines().next().unwrap();
    assert!(
        first.starts_with("FOUND: ")
            && first.contains("failure_rate rises by +")
            && first.contains(" pp per hour"),
        "{case}"
    );
    // One line for each subject in which something is absent.
    assert!(!first.contains("failure_rate did not settle"), "{case}");
    let absent = table.split("nothing found in").nth(1).unwrap();
    assert!(!table.contains(" absent "), "{case}");
    assert!(
        absent.contains("a decay of −") && absent.contains("a period of ± "),
        "{case}"
    );
    assert!(
        absent.contains("an outage of ") && absent.contains("a late step of "),
        "{case}"
    );
    // A rise that is found in a part of the run begins later.
    let info = json(&["info", &root, "--format", "json"]);
    let begin = info["from"].as_str().unwrap();
    assert!(
        !table.contains(begin),
        "the begin of the run is not repeated: {case}"
    );
    let quiet = load(&place, "quiet", 1.0, &mut random, |_| true, |_| 1.0);
    let table = printed(&["soak", &quiet, "--metric", "rate"]);
    assert!(table.starts_with("NOTHING FOUND"), "{table}");
}
