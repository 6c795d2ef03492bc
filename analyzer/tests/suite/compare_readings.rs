//! What a comparison reads and says besides its verdict: incomplete runs, lengths, pairs by number,
//! percentiles that disagree, thresholds that apply to nothing.

use std::path::Path;

use crate::program::{Place, analyzer, printed, refused, text};
use soakbox_analyzer::compare::{Settings, compare};
use soakbox_analyzer::output::verdict_text;
use soakbox_analyzer::windows::{Run, RunIdentity, Series, Window, WindowLength};
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_testing::Soak;

/// Short runs that one process of a comparison reads fast.
fn short() -> Soak {
    Soak {
        seconds: 30,
        ..Soak::default()
    }
}

fn stderr(arguments: &[&str]) -> (i32, String) {
    let output = analyzer(arguments);
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn a_recording_without_its_annotations_is_incomplete_for_every_command() {
    let place = Place::new();
    let whole = place.seal_soak("whole", &short());
    let bare = place.seal_soak("bare", &Soak { seed: 2, ..short() });
    let warning = "are missing or do not begin with its start";
    let baseline = place.path().join("x.sbl");
    let baseline = baseline.to_str().unwrap();
    let commands = |bare: &str| {
        [
            stderr(&["info", bare]),
            stderr(&["summary", bare]),
            stderr(&["compare", &whole, "--against", bare]),
            stderr(&["baseline", "create", bare, "-o", baseline]),
        ]
    };
    for (_, message) in commands(&bare) {
        assert!(!message.contains(warning), "{message}");
    }
    std::fs::remove_dir_all(Path::new(&bare).join("annotations")).unwrap();
    let [info, summary, compared, kept] = commands(&bare);
    let info_text = text(&analyzer(&["info", &bare]).stdout) + &info.1;
    assert!(info_text.contains(warning), "{info_text}");
    let shown = text(&analyzer(&["summary", &bare]).stdout) + &summary.1;
    assert!(shown.contains(warning), "{shown}");
    assert_eq!(compared.0, 3, "{}", compared.1);
    assert!(compared.1.contains(warning), "{}", compared.1);
    assert_eq!(kept.0, 2, "a baseline has good runs: {}", kept.1);
    assert!(kept.1.contains(warning), "{}", kept.1);
}

#[test]
fn runs_of_another_length_are_named() {
    let place = Place::new();
    let base = place.seal_soak(
        "base",
        &Soak {
            seconds: 60,
            ..short()
        },
    );
    let half = place.seal_soak("half", &Soak { seed: 2, ..short() });
    let like = place.seal_soak(
        "like",
        &Soak {
            seconds: 60,
            seed: 3,
            ..short()
        },
    );
    let shown =
        |candidate: &str| text(&analyzer(&["compare", &base, "--against", candidate]).stdout);
    assert!(
        shown(&half).contains("length: 60.0 s | 30.0 s"),
        "{}",
        shown(&half)
    );
    assert!(!shown(&like).contains("length"), "{}", shown(&like));
}

#[test]
fn the_runs_of_numbered_pairs_are_compared_by_their_numbers() {
    let place = Place::new();
    // The second pair was recorded before the first one, and the third candidate before its base.
    for (side, begins) in [("base", [200, 0, 500]), ("candidate", [240, 40, 400])] {
        for (number, begin) in (1..).zip(begins) {
            let soak = Soak {
                begin,
                seed: begin as u64 + 1,
                ..short()
            };
            place.seal_soak(&format!("{side}/{number:03}"), &soak);
        }
    }
    let side = |side: &str| place.path().join(side).to_str().unwrap().to_owned();
    let explained = |more: &[&str]| {
        let (base, candidate) = (side("base"), side("candidate"));
        let typed = [
            "compare",
            &base,
            "--against",
            &candidate,
            "--metric",
            "duration_p50",
        ];
        let explain = ["--explain", "rule_refresh", "duration_p50"];
        place.plain(&text(
            &analyzer(&[&typed[..], &explain, more].concat()).stdout,
        ))
    };
    let shown = explained(&[]);
    assert!(shown.contains("by the numbers of their pairs"), "{shown}");
    for side in ["base", "candidate"] {
        for number in 1..=3 {
            let mut lines = shown
                .lines()
                .skip_while(|line| !line.contains("standard error"));
            let name = format!("[DIR]/{side}/00{number}");
            let row = lines.find(|line| line.contains(&name)).unwrap();
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells[..3], [&*name, side, &*number.to_string()], "{shown}");
        }
    }
    assert!(!explained(&["--unpaired"]).contains("  pairs "));
}

/// A run of 100 windows whose durations are these, again and again, in another order.
fn run(durations: &[i64], seed: i64) -> Run {
    let window = |second: i64| {
        let own = |(at, ns): (i64, &i64)| ns + (at * 7919 + second * 104_729 + seed * 31) % 1_000;
        let all: Vec<i64> = (0..).zip(durations).map(own).collect();
        let mut encoded = Vec::new();
        SparseHistogram::of(all.iter().copied()).encode(&mut encoded);
        Some(Window {
            count: all.len() as u64,
            duration_ns: all.iter().sum::<i64>() as u64,
            durations: encoded,
            ..Window::default()
        })
    };
    let series = Series {
        length: WindowLength::SECOND,
        windows: (0..100).map(window).collect(),
    };
    Run {
        restarts_ns: Vec::new(),
        identity: RunIdentity {
            name: format!("run {seed}"),
            ..RunIdentity::default()
        },
        operations: [("work".to_owned(), series)].into(),
    }
}

#[test]
fn percentiles_that_disagree_are_named_and_not_averaged() {
    let ordinary: Vec<i64> = (0..200).map(|at| 100_000 + 50 * at).collect();
    // The slowest five of 200 take twice as long.
    let tail = |at: usize| if at >= 195 { 2 } else { 1 };
    let slow_tail: Vec<i64> = ordinary
        .iter()
        .enumerate()
        .map(|(at, ns)| ns * tail(at))
        .collect();
    let side = |durations: &[i64], seed: i64| -> Vec<Run> {
        (0..3).map(|number| run(durations, seed + number)).collect()
    };
    let judged = |candidate: &[i64]| {
        compare(
            &side(&ordinary, 1),
            &side(candidate, 10),
            &Settings::default(),
        )
        .unwrap()
    };
    let answer = judged(&slow_tail);
    let json = serde_json::to_value(&answer).unwrap();
    let one = &json["disagreements"][0];
    assert_eq!(one["operation"], "work");
    assert_eq!(
        one["pass"],
        serde_json::json!(["duration_p50", "duration_p95"]),
        "{one}"
    );
    assert_eq!(
        one["regressed"],
        serde_json::json!(["duration_p99", "duration_p999"]),
        "{one}"
    );
    let shown = verdict_text(&answer);
    let line = "percentiles of work: duration_p99, duration_p999 regressed; duration_p50, duration_p95 pass";
    assert!(shown.contains(line), "{shown}");
    // All of them worse, or none, agree.
    let slower: Vec<i64> = ordinary.iter().map(|ns| ns * 2).collect();
    for candidate in [&slower, &ordinary] {
        let json = serde_json::to_value(judged(candidate)).unwrap();
        assert_eq!(json["disagreements"], serde_json::json!([]));
    }
}

#[test]
fn durations_whose_sum_is_beyond_64_bits_have_their_mean() {
    let huge = 9_000_000_000_000_000_000;
    // Sums that do not fit are the largest number.
    let mut saturated = run(&[huge], 1);
    let windows = saturated
        .operations
        .get_mut("work")
        .unwrap()
        .windows
        .iter_mut();
    windows
        .flatten()
        .for_each(|window| window.duration_ns = u64::MAX);
    let again = compare(&[saturated.clone()], &[saturated], &Settings::default()).unwrap();
    let json = serde_json::to_value(&again).unwrap();
    let effects = json["effects"].as_array().unwrap();
    let mean = effects
        .iter()
        .find(|one| one["metric"] == "duration_mean")
        .unwrap();
    let mean = mean["base"].as_f64().unwrap();
    assert!((mean / huge as f64 - 1.0).abs() < 0.01, "{mean}");
}

#[test]
fn a_threshold_that_applies_to_nothing_is_named() {
    let place = Place::new();
    let base = place.seal_soak("base", &short());
    let typed = |threshold: &str| {
        let arguments = [
            "compare",
            &base,
            "--against",
            &base,
            "--threshold",
            threshold,
        ];
        text(&analyzer(&arguments).stdout)
    };
    let shown = typed("traffic_control:rate=2");
    assert!(
        shown.contains("threshold traffic_control:rate=2: it is a difference"),
        "{shown}"
    );
    assert!(!typed("rate=2%").contains("unused"));
    let message = refused(&["compare", &base, "--against", &base, "--threshold", "-5%"]);
    assert!(message.contains("-5% is below 0"), "{message}");
}

#[test]
fn a_directory_of_runs_leads_to_one_of_them() {
    let place = Place::new();
    let run = place.seal_soak("series/base/001", &short());
    let series = place.path().join("series");
    for command in ["info", "summary"] {
        for directory in [&series, &series.join("base")] {
            let message = refused(&[command, directory.to_str().unwrap()]);
            assert!(message.contains(&format!("such as {run}")), "{message}");
        }
    }
    let message = refused(&["compare", series.to_str().unwrap(), "--against", &run]);
    assert!(message.contains(&format!("such as {run}")), "{message}");
    assert!(printed(&["info", &run]).contains("traffic_control"));
}
