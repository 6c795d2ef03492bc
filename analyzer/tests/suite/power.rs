//! `compare --plan` and `selftest`: what comparisons with a base can show, and how often runs of
//! one build are called worse than each other.

use serde_json::Value;

use crate::program::{Place, analyzer, json, printed, refused, text};

/// Runs of one build. Its run-to-run effect is drawn: up to 3% in each direction.
fn build(place: &Place, name: &str, runs: u64) -> String {
    for run in 0..runs {
        let effect = (run * 7 % 13) as f64 / 13.0 - 0.5;
        place.seal(&format!("{name}/{run:02}"), 100 + run, 1.0 + 0.06 * effect);
    }
    place.path().join(name).to_str().unwrap().to_owned()
}

fn effect<'a>(answer: &'a Value, metric: &str) -> &'a Value {
    let effects = answer["effects"].as_array().unwrap();
    let wanted =
        |effect: &&Value| effect["operation"] == "traffic_control" && effect["metric"] == metric;
    effects.iter().find(wanted).unwrap()
}

#[test]
fn a_plan_says_which_changes_will_be_found_and_comparisons_find_them() {
    let place = Place::new();
    let base = build(&place, "base", 5);
    let plan = |more: &[&str]| {
        let arguments = ["compare", base.as_str(), "--plan", "--format", "json"];
        json(&[&arguments, more].concat())
    };
    let five = plan(&["--per-side", "5"]);
    assert_eq!(
        (&five["schema"], &five["runs"]),
        (&"soakbox.power/1".into(), &5.into())
    );
    assert_eq!(five["self_test"], Value::Null);
    let detectable = effect(&five, "duration_p50")["detectable"]
        .as_f64()
        .unwrap();
    assert!((0.05..0.3).contains(&detectable), "{detectable}");
    let twenty = plan(&["--per-side", "20"]);
    assert!(
        effect(&twenty, "duration_p50")["detectable"]
            .as_f64()
            .unwrap()
            < detectable
    );
    let runs = |change: &str| {
        let answer = plan(&["--detect", change]);
        effect(&answer, "duration_p50")["runs_for_change"].as_u64()
    };
    assert!(
        runs("50%") < runs("12%"),
        "{:?} {:?}",
        runs("50%"),
        runs("12%")
    );
    assert_eq!(runs("1%"), None, "less than the threshold is never found");

    // Twice the change that 80% of comparisons find is found; a quarter of the threshold is not.
    for (name, change, found) in [("slow", 2.0 * detectable, true), ("same", 0.0125, false)] {
        for run in 0..5 {
            let effect = (run * 5 % 13) as f64 / 13.0 - 0.5;
            let scale = (1.0 + change) * (1.0 + 0.06 * effect);
            place.seal(&format!("{name}/{run:02}"), 500 + run, scale);
        }
        let candidate = place.path().join(name);
        let output = analyzer(&[
            "compare",
            &base,
            "--against",
            candidate.to_str().unwrap(),
            "--format=json",
        ]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = &effect(&answer, "duration_p50")["verdict"];
        assert_eq!(verdict == "regressed", found, "{name}: {verdict}");
    }
}

#[test]
fn a_plan_of_one_run_has_its_variation_from_a_history() {
    let place = Place::new();
    let good = build(&place, "good", 6);
    let base = place.seal("base", 50, 1.0);
    let plan = |history: &[&str], per_side: &str| {
        let arguments = ["compare", &base, "--plan", "--format=json", "--per-side"];
        json(&[&arguments[..], &[per_side, "--history"], history].concat())
    };
    let one = plan(&[&good], "1");
    let history = serde_json::json!({"runs": 6, "builds": 1});
    assert_eq!((&one["runs"], &one["history"]), (&1.into(), &history));
    let p50 = effect(&one, "duration_p50");
    let detectable = p50["detectable"].as_f64().unwrap();
    let more = plan(&[&good], "5");
    let with_five = effect(&more, "duration_p50")["detectable"]
        .as_f64()
        .unwrap();
    assert!((0.05..detectable).contains(&with_five), "{with_five} {p50}");
    // Runs of the base that the history has too are those of the base.
    let both = json(&[
        "compare",
        &base,
        "--plan",
        "--format=json",
        "--history",
        &good,
        &base,
    ]);
    assert_eq!(both["history"], history);

    // Twice the change that 80% of such comparisons find is found; a part of the threshold is not.
    for (name, change, found) in [("slow", 2.0 * detectable, true), ("same", 0.0125, false)] {
        let candidate = place.seal(name, 700, 1.0 + change);
        let output = analyzer(&[
            "compare",
            &base,
            "--against",
            &candidate,
            "--format=json",
            "--history",
            &good,
        ]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["scope"], "runs");
        let verdict = &effect(&answer, "duration_p50")["verdict"];
        assert_eq!(verdict == "regressed", found, "{name}: {verdict}");
    }
    let table = printed(&["compare", &base, "--plan", "--history", &good]);
    assert!(
        table.starts_with("From 1 run of the base and 6 runs of 1 build in the history. "),
        "{table}"
    );
}

#[test]
fn a_history_that_tells_nothing_about_the_base_is_refused() {
    let place = Place::new();
    let base = place.seal("base", 50, 1.0);
    let numbers = place.path().join("numbers.csv");
    let rows: String = (0..600)
        .map(|row| format!("{}\n", 100 + row * 7 % 13))
        .collect();
    std::fs::write(&numbers, format!("us\n{rows}")).unwrap();
    let other = |name: &str| {
        let path = place.path().join(name).to_str().unwrap().to_owned();
        printed_nothing(&[
            "import",
            "csv",
            numbers.to_str().unwrap(),
            "-o",
            &path,
            "--duration=us:us",
            "--every=100ms",
            "--operation==other",
        ]);
        path
    };
    let single = place.seal("single", 51, 1.0);
    let expected = "has no two runs of one build besides those that are compared";
    for history in [&[&*single][..], &[&*base, &*single]] {
        let line = refused(&[&["compare", &*base, "--plan", "--history"], history].concat());
        assert!(line.contains(expected), "{line}");
    }
    // Runs of another program.
    let [one, two] = ["other-1", "other-2"].map(other);
    let line = refused(&["compare", &base, "--plan", "--history", &one, &two]);
    let expected = "--history: has no metric of an operation of the base";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn a_self_test_counts_the_false_alarms_of_one_build() {
    let place = Place::new();
    let base = build(&place, "runs", 12);
    for (per_side, comparisons) in [("1", 6), ("2", 3), ("3", 2), ("6", 1)] {
        let answer = json(&[
            "selftest",
            &base,
            "--per-side",
            per_side,
            "--format",
            "json",
        ]);
        let test = &answer["self_test"];
        assert_eq!(test["comparisons"], comparisons, "{answer}");
        let number = |key: &str| test[key].as_f64().unwrap();
        let rate = number("alarms") / f64::from(comparisons);
        assert!((number("low")..=number("high")).contains(&rate), "{test}");
        if per_side != "1" {
            assert_eq!(test["alarms"], 0, "{answer}");
            // Clopper and Pearson without an alarm: 1 − 0.025^(1/n).
            let high = 1.0 - 0.025_f64.powf(1.0 / f64::from(comparisons));
            assert!((number("high") - high).abs() < 1e-6, "{test}");
        }
    }
    // A baseline of the same runs gives the same answer.
    let kept = place
        .path()
        .join("kept.baseline")
        .to_str()
        .unwrap()
        .to_owned();
    printed_nothing(&["baseline", "create", &base, "-o", &kept]);
    let of = |runs: &str| json(&["selftest", runs, "--format", "json"]);
    assert_eq!(of(&kept), of(&base));
    let table = place.plain(&printed(&[
        "selftest",
        &base,
        "--metric=duration_p50",
        "--metric=failure_rate",
    ]));
    insta::assert_snapshot!("selftest", table);
}

fn printed_nothing(arguments: &[&str]) {
    let output = analyzer(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn too_few_runs_are_refused_with_the_number_that_is_needed() {
    let place = Place::new();
    let nine = build(&place, "nine", 9);
    let ten = build(&place, "ten", 10);
    let one = place.seal("one", 7, 1.0);
    let refused = |arguments: &[&str], expected: &str| {
        let line = refused(arguments);
        assert!(line.contains(expected), "{expected}: {line}");
    };
    refused(
        &["selftest", &nine],
        "needs 10 runs of one build or more, and there are 9",
    );
    refused(
        &["selftest", &ten, "--per-side", "6"],
        "6 runs per side are too many for 10 runs",
    );
    refused(
        &["compare", &one, "--plan"],
        "does not tell how much runs of one build differ",
    );
    refused(&["compare", &nine, "--plan", "--detect", "5"], "--detect 5");
    refused(
        &["compare", &nine, "--plan", "--format", "markdown"],
        "--format markdown",
    );
    refused(
        &["compare", &nine, "--plan", "--operation", "none"],
        "no run has it",
    );
    for wrong in [
        &["compare", &nine, "--plan", "--against", &ten][..],
        &["compare", &nine, "--against", &ten, "--per-side", "3"],
        &["selftest", &ten, "--per-side", "0"],
        &["compare", &nine],
    ] {
        assert_eq!(analyzer(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
