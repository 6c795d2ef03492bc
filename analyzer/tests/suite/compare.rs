//! `compare` on recordings: its words, its exit statuses, and what it refuses.

use std::path::Path;

use crate::program::{Place, analyzer, text};
use serde_json::Value;
use soakbox_schemas::tables::{OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, concat};

/// Seals `runs` recordings of `soak`, each with a seed of its own, into `name` and gives their
/// paths.
fn seal(place: &Place, name: &str, runs: u64, soak: Soak) -> Vec<String> {
    let runs = (0..runs).map(|run| {
        let seed = soak.seed + run;
        place.seal_soak(&format!("{name}-{run}"), &Soak { seed, ..soak })
    });
    runs.collect()
}

/// The exit status, stdout and stderr of a comparison.
fn compare(base: &[String], candidate: &[String], more: &[&str]) -> (i32, String, String) {
    let base = base.iter().map(String::as_str);
    let candidate = candidate.iter().map(String::as_str);
    let arguments = ["compare"].into_iter().chain(base);
    let arguments = arguments.chain(["--against"]).chain(candidate);
    let arguments: Vec<&str> = arguments.chain(more.iter().copied()).collect();
    let output = analyzer(&arguments);
    let status = output.status.code().unwrap();
    (status, text(&output.stdout), text(&output.stderr))
}

/// The exit status and the JSON of a comparison.
fn verdict(base: &[String], candidate: &[String], more: &[&str]) -> (i32, Value) {
    let more = [more, &["--format", "json"]].concat();
    let (status, answer, message) = compare(base, candidate, &more);
    assert_ne!(status, 2, "{message}");
    (status, serde_json::from_str(&answer).unwrap())
}

fn effect<'a>(answer: &'a Value, operation: &str, metric: &str) -> &'a Value {
    let effects = answer["effects"].as_array().unwrap().iter();
    let mut found = effects.filter(|e| e["operation"] == operation && e["metric"] == metric);
    found.next().unwrap()
}

const SLOWER: Soak = Soak {
    seconds: 60,
    refreshes_per_second: 20,
    controls_per_second: 50,
    slowdown: 1.0,
    lost: 0,
    gap_at: None,
    seed: 100,
    scale: 1.2,
    begin: 0,
    restart_every: None,
    decline: 0.0,
    stops_at: None,
};
const HEALTHY: Soak = Soak {
    seed: 1,
    scale: 1.0,
    ..SLOWER
};

#[test]
fn each_look_at_a_growing_comparison_has_its_part_of_the_false_alarms() {
    let place = Place::new();
    let base = seal(&place, "base", 5, HEALTHY);
    let candidate = seal(&place, "candidate", 4, SLOWER);
    let low = |more: &[&str]| {
        let (status, answer) = verdict(&base, &candidate, more);
        let found = effect(&answer, "rule_refresh", "duration_p50");
        (status, found["low"].as_f64(), answer["look"].clone())
    };
    let (status, all, look) = low(&[]);
    assert_eq!((status, look), (1, Value::Null));
    // The only look has the whole rate, and each further one a smaller part.
    let mut before = (status, all);
    for (planned, looked, share) in [("4", "0", 1.0), ("4", "2", 0.75), ("8", "3", 0.109_375)] {
        let (status, found, look) = low(&["--planned", planned, "--looked", looked]);
        assert_eq!((&look["now"], status), (&4.into(), 1), "{look}");
        assert!(
            (look["share"].as_f64().unwrap() - share).abs() < 1e-9,
            "{look}"
        );
        match share == 1.0 {
            true => assert_eq!((status, found), before),
            false => assert!(found < before.1, "{look}: {found:?}"),
        }
        before = (status, found);
    }
    // So small a part decides nothing.
    assert_eq!(low(&["--planned", "60000"]).0, 3);
    let (_, table, _) = compare(&base, &candidate, &["--planned", "8"]);
    let fact = "4 of 8 planned runs per side, with 25";
    assert!(table.contains(fact), "{table}");
    for (more, reason) in [
        (
            ["--planned", "3", "--looked", "0"],
            "--planned 3: there are 4 runs per side",
        ),
        (
            ["--planned", "9", "--looked", "4"],
            "--looked 4: there are 4 runs per side, and none was added since",
        ),
    ] {
        let (status, _, message) = compare(&base, &candidate, &more);
        assert_eq!(status, 2);
        assert!(message.contains(reason), "{message}");
    }
    let (status, _, message) = compare(&base, &candidate, &["--looked", "3"]);
    assert!(status == 2 && message.contains("--planned"), "{message}");
}

#[test]
fn slower_runs_are_a_regression_and_one_slower_run_is_none() {
    let place = Place::new();
    let base = seal(&place, "base", 4, HEALTHY);
    let candidate = seal(&place, "candidate", 4, SLOWER);
    let (status, answer) = verdict(&base, &candidate, &[]);
    assert_eq!(
        (status, &answer["verdict"], &answer["scope"]),
        (1, &"regressed".into(), &"runs".into())
    );
    assert_eq!(answer["schema"], "soakbox.verdict/1");
    for operation in ["rule_refresh", "traffic_control"] {
        for metric in ["duration_p50", "duration_mean", "cpu"] {
            let found = effect(&answer, operation, metric);
            assert_eq!(found["verdict"], "regressed", "{found}");
            let change = found["change"].as_f64().unwrap();
            assert!((0.15..0.25).contains(&change), "{found}");
            assert_eq!(found["runs"], serde_json::json!([4, 4]));
        }
        assert_ne!(effect(&answer, operation, "rate")["verdict"], "regressed");
    }
    // Nobody knows the outcome of rule_refresh, and it processes no data.
    let effects = answer["effects"].as_array().unwrap();
    let of_refresh = effects.iter().filter(|e| e["operation"] == "rule_refresh");
    let metrics: Vec<&str> = of_refresh.map(|e| e["metric"].as_str().unwrap()).collect();
    assert!(
        !metrics.contains(&"failure_rate") && !metrics.contains(&"bytes_rate"),
        "{metrics:?}"
    );

    let (status, answer) = verdict(&base[..1], &candidate[..1], &[]);
    assert_eq!(
        (status, &answer["verdict"], &answer["scope"]),
        (4, &"worse_run".into(), &"pair".into())
    );
    let (status, answer) = verdict(&candidate, &base, &[]);
    assert_eq!((status, &answer["verdict"]), (0, &"improved".into()));
    let (status, answer) = verdict(&base, &candidate, &["--threshold", "50%"]);
    assert_eq!((status, &answer["verdict"]), (0, &"pass".into()));
}

#[test]
fn the_same_runs_pass_and_are_never_regressed() {
    let place = Place::new();
    let base = seal(&place, "base", 4, HEALTHY);
    let candidate = seal(
        &place,
        "candidate",
        4,
        Soak {
            seed: 50,
            ..HEALTHY
        },
    );
    let (status, answer) = verdict(&base, &candidate, &["--threshold", "10%"]);
    assert_eq!(
        (status, &answer["verdict"]),
        (0, &"pass".into()),
        "{answer}"
    );
    for soak in [
        HEALTHY,
        Soak {
            slowdown: 2.0,
            ..HEALTHY
        },
        Soak {
            seconds: 120,
            ..Soak::incomplete()
        },
        Soak {
            seconds: 3,
            ..HEALTHY
        },
        Soak {
            refreshes_per_second: 0,
            ..HEALTHY
        },
    ] {
        let same = seal(&place, "same", 1, soak);
        for more in [&[][..], &["--threshold", "0%"]] {
            let (status, answer) = verdict(&same, &same, more);
            let effects = answer["effects"].as_array().unwrap();
            let worse = effects.iter().filter(|e| e["verdict"] == "regressed");
            assert_eq!(worse.count(), 0, "{answer}");
            assert!([0, 3].contains(&status));
        }
    }
}

#[test]
fn the_change_of_a_rate_has_the_direction_that_was_measured_wherever_a_person_reads_it() {
    let place = Place::new();
    let at = |controls_per_second| Soak {
        controls_per_second,
        ..HEALTHY
    };
    let [slow, fast] =
        [("slow", 40), ("fast", 80)].map(|(name, rate)| seal(&place, name, 3, at(rate)));
    for (base, candidate, sign, word, is) in [
        (
            &fast,
            &slow,
            "−",
            "regressed",
            "lies below the threshold −5 %",
        ),
        (
            &slow,
            &fast,
            "+",
            "improved",
            "lies above the threshold 5 %",
        ),
    ] {
        let (_, answer) = verdict(base, candidate, &[]);
        let rate = effect(&answer, "traffic_control", "rate");
        let number = |of: &Value| of.as_f64().unwrap();
        let (change, measured) = (number(&rate["change"]), &rate["measured"]);
        assert_eq!(rate["verdict"], word, "{rate}");
        // `change` keeps its sign, by which up is worse; `measured` is candidate / base − 1.
        assert_eq!(change > 0.0, word == "regressed", "{rate}");
        assert_eq!(number(&measured["change"]), -change, "{rate}");
        let ratio = number(&rate["candidate"]) / number(&rate["base"]) - 1.0;
        assert!((number(&measured["change"]) - ratio).abs() < 1e-9, "{rate}");
        assert_eq!(
            measured["low"].as_f64(),
            rate["high"].as_f64().map(|end| -end),
            "{rate}"
        );
        assert_eq!(
            measured["high"].as_f64(),
            rate["low"].as_f64().map(|end| -end),
            "{rate}"
        );
        assert!(rate["reason"].as_str().unwrap().contains(is), "{rate}");
        let p99 = effect(&answer, "rule_refresh", "duration_p99");
        assert_eq!(p99["measured"]["change"], p99["change"], "{p99}");
        // 40 /s and 80 /s.
        let shown = if sign == "+" { "+100 %" } else { "−50.0 %" };
        let is_rate = |line: &&str| {
            let line = line.replace('\\', "");
            let other = ["bytes_rate", "failure_rate"]
                .iter()
                .any(|name| line.contains(name));
            line.contains("traffic_control") && line.contains("rate") && !other
        };
        // A test that passed has no figures.
        let formats = ["table", "markdown", "junit"].into_iter();
        for format in formats.filter(|format| *format != "junit" || word == "regressed") {
            let (_, text, _) = compare(base, candidate, &["--format", format]);
            let lines: Vec<&str> = text.lines().filter(is_rate).collect();
            assert!(lines.len() == 1 && lines[0].contains(shown), "{text}");
        }
        let page = place.path().join("page.html");
        let page = page.to_str().unwrap();
        let sides = |runs: &[String]| {
            runs.iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let words = format!(
            "report {} --against {} -o {page}",
            sides(base),
            sides(candidate)
        );
        crate::program::printed(&words.split(' ').collect::<Vec<_>>());
        let page = std::fs::read_to_string(page).unwrap();
        let cell = r#"<th scope="row">traffic_control</th><td class="text">rate</td>"#;
        let rows: Vec<&str> = page.lines().filter(|line| line.contains(cell)).collect();
        assert!(rows.len() >= 2, "{rows:?}");
        for row in rows {
            assert!(row.contains(shown), "{row}");
        }
    }
}

#[test]
fn an_operation_that_stopped_is_regressed() {
    let place = Place::new();
    let base = seal(&place, "base", 3, HEALTHY);
    let stopped = Soak {
        controls_per_second: 0,
        ..HEALTHY
    };
    let candidate = seal(&place, "candidate", 3, stopped);
    let (status, answer) = verdict(&base, &candidate, &[]);
    assert_eq!((status, &answer["verdict"]), (1, &"regressed".into()));
    let rate = effect(&answer, "traffic_control", "rate");
    assert_eq!(
        (&rate["verdict"], &rate["change"]),
        (&"regressed".into(), &1.0.into()),
        "{rate}"
    );
    // The row has both rates, although no interval was computed from them.
    let value = |rate: &Value, key: &str| rate[key].as_f64().unwrap();
    let controls = HEALTHY.controls_per_second as f64;
    assert!(
        (value(rate, "base") / controls - 1.0).abs() < 0.01,
        "{rate}"
    );
    assert_eq!(rate["candidate"], 0.0, "{rate}");
    let (_, table, _) = compare(&base, &candidate, &["--metric=rate"]);
    let rows = |row: &&str| row.contains("traffic_control") && row.contains("50.0 /s");
    let rows: Vec<&str> = table.lines().filter(rows).collect();
    assert_eq!(rows.len(), 1, "{table}");
    // A person reads the change that was measured, and the verdict that it is worse.
    assert!(
        rows[0].contains("−100 %") && rows[0].contains("regressed"),
        "{table}"
    );
    assert_eq!(rate["measured"]["change"], -1.0, "{rate}");
    // One that stops on the way has the mean over the whole run.
    let halfway = Soak {
        stops_at: Some(HEALTHY.seconds / 2),
        ..HEALTHY
    };
    let candidate = seal(&place, "halfway", 3, halfway);
    let (_, answer) = verdict(&base, &candidate, &[]);
    let rate = effect(&answer, "traffic_control", "rate");
    assert_eq!(rate["verdict"], "regressed", "{rate}");
    assert!(
        (value(rate, "base") / controls - 1.0).abs() < 0.01,
        "{rate}"
    );
    assert!(
        (value(rate, "candidate") / controls - 0.5).abs() < 0.02,
        "{rate}"
    );
}

/// A recording with counters and no row.
fn idle(path: &Path) -> Vec<String> {
    let rows = Soak {
        refreshes_per_second: 0,
        controls_per_second: 0,
        ..HEALTHY
    }
    .rows();
    let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
    let mut recorder = Recorder::new(path);
    recorder.seal(Table::OPERATION_METRICS, &metrics);
    recorder.seal_start();
    vec![path.to_str().unwrap().to_owned()]
}

#[test]
fn no_evidence_is_no_pass() {
    let place = Place::new();
    let nothing = idle(&place.path().join("nothing"));
    let (status, answer) = verdict(&nothing, &nothing, &[]);
    assert_eq!(
        (status, &answer["verdict"]),
        (3, &"inconclusive".into()),
        "{answer}"
    );
    let some = seal(&place, "some", 1, HEALTHY);
    assert_eq!(verdict(&nothing, &some, &[]).0, 3);
    assert_eq!(verdict(&some, &nothing, &[]).1["verdict"], "worse_run");
    let short = seal(
        &place,
        "short",
        1,
        Soak {
            seconds: 1,
            ..HEALTHY
        },
    );
    assert_eq!(verdict(&some, &short, &[]).0, 3);
}

#[test]
fn operations_of_one_side_count_as_the_options_say() {
    let place = Place::new();
    let both = seal(&place, "both", 2, HEALTHY);
    // Another program: only its own operation was observed.
    let other = place.path().join("other");
    soakbox_testing::ForeignTexts::all("other").seal(&other);
    let other = vec![other.to_str().unwrap().to_owned()];
    let (status, answer) = verdict(&both, &other, &[]);
    assert_eq!((status, &answer["verdict"]), (3, &"inconclusive".into()));
    let names: Vec<(&str, &str)> = answer["one_sided"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["operation"].as_str().unwrap(),
                one["side"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("other", "candidate"),
        ("rule_refresh", "base"),
        ("traffic_control", "base"),
    ];
    assert_eq!(names, expected);
    let differing: Vec<&str> = answer["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["property"].as_str().unwrap())
        .collect();
    assert_eq!(
        differing,
        [
            "host",
            "CPU",
            "target",
            "length",
            "operations of one side only"
        ]
    );
    let (_, answer) = verdict(&both, &other, &["--only-base", "regressed"]);
    assert_eq!(answer["one_sided"][1]["verdict"], "regressed");
    let (_, table, _) = compare(&both, &other, &[]);
    assert!(
        table.contains("other has runs of the candidate only\n"),
        "{table}"
    );
    assert!(table.contains("rule_refresh has runs of the base only, which counts as inconclusive"));
}

#[test]
fn runs_that_were_recorded_in_turn_are_pairs() {
    let place = Place::new();
    let at = |name: &str, begin: i64, scale: f64| {
        let path = place.path().join(name);
        let soak = Soak {
            begin,
            scale,
            seconds: 30,
            seed: begin as u64,
            ..HEALTHY
        };
        soak.seal(&path);
    };
    for (index, begin) in [0, 150, 200].into_iter().enumerate() {
        at(&format!("base/{index}"), begin, 1.0);
    }
    for (index, begin) in [50, 100, 250].into_iter().enumerate() {
        at(&format!("candidate/{index}"), begin, 1.3);
    }
    let side = |name: &str| vec![place.path().join(name).to_str().unwrap().to_owned()];
    let (base, candidate) = (side("base"), side("candidate"));
    let (status, answer) = verdict(&base, &candidate, &[]);
    assert_eq!((status, &answer["paired"]), (1, &true.into()));
    assert_eq!(answer["base"]["runs"].as_array().unwrap().len(), 3);
    let (_, answer) = verdict(&base, &candidate, &["--unpaired"]);
    assert_eq!(answer["paired"], false);
    let one = side("base/0");
    let (_, answer) = verdict(&one, &one, &["--paired"]);
    assert_eq!(
        answer["scope"], "pair",
        "one pair has no variance from run to run"
    );
}

#[test]
fn lost_operations_and_gaps_are_not_read_as_complete() {
    let place = Place::new();
    let base = seal(
        &place,
        "base",
        1,
        Soak {
            seconds: 120,
            ..HEALTHY
        },
    );
    let incomplete = seal(
        &place,
        "incomplete",
        1,
        Soak {
            lost: 30,
            ..Soak::incomplete()
        },
    );
    let (_, answer) = verdict(&base, &incomplete, &[]);
    let worst = effect(&answer, "traffic_control", "duration_p99");
    assert!(
        worst["loss"]["fraction"].as_f64().unwrap() > 0.02,
        "{worst}"
    );
    assert_eq!(worst["verdict"], "inconclusive");
    // Ten seconds without observation are no lower rate, and lost operations did finish.
    let rate = effect(&answer, "traffic_control", "rate");
    let change = rate["change"].as_f64().unwrap();
    assert!((-0.05..0.005).contains(&change), "{rate}");
    let (_, _, message) = compare(&base, &incomplete, &[]);
    assert!(
        message.contains("incomplete-0: traffic_control: 150 of"),
        "{message}"
    );
    assert!(
        message.contains("incomplete-0: observation was incomplete once"),
        "{message}"
    );
    let warnings = answer["candidate"]["runs"][0]["warnings"]
        .as_array()
        .unwrap();
    assert_eq!(warnings.len(), 2);
}

#[test]
fn a_killed_recorder_leaves_runs_that_can_be_compared() {
    let place = Place::new();
    let base = seal(&place, "base", 1, HEALTHY);
    let killed = place.path().join("killed");
    let rows = HEALTHY.rows();
    let mut recorder = Recorder::new(&killed);
    recorder.seal_start();
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..40]));
    recorder.journal(Table::OPERATION_LOG, &rows.log[40..55]);
    let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
    recorder.journal(Table::OPERATION_METRICS, &[metrics]);
    drop(recorder);
    let killed = vec![killed.to_str().unwrap().to_owned()];
    let (_, _, message) = compare(&base, &killed, &[]);
    assert!(message.contains("ended without sealing"), "{message}");
    let (_, answer) = verdict(&base, &killed, &[]);
    // Its counters go on for five seconds, its rows do not.
    let refresh = effect(&answer, "rule_refresh", "duration_p50");
    assert_ne!(refresh["verdict"], "regressed", "{refresh}");
    assert!(refresh["change"].as_f64().unwrap().abs() < 0.02);
}

#[test]
fn the_same_input_gives_the_same_bytes_and_the_copy_is_the_answer() {
    let place = Place::new();
    let base = seal(&place, "base", 2, HEALTHY);
    let candidate = seal(&place, "candidate", 2, SLOWER);
    let copy = place.path().join("verdict.json");
    let more = [
        "--format",
        "json",
        "--seed",
        "7",
        "--json",
        copy.to_str().unwrap(),
    ];
    let first = compare(&base, &candidate, &more);
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), first.1);
    assert_eq!(compare(&base, &candidate, &more), first);
    let answer: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!(answer["seed"], 7);
}
