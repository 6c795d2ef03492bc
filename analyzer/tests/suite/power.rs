//! `compare --plan` and `selftest`: what comparisons with a base can show, and how often runs of
//! one build are called worse than each other.

use serde_json::Value;
use soakbox_analyzer::baseline::BaselineFile;

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

#[test]
fn a_self_test_says_what_is_certain_and_what_would_show_more() {
    let place = Place::new();
    let base = build(&place, "runs", 10);
    let answer = json(&["selftest", &base, "--format=json", "--metric=duration_p50"]);
    let test = &answer["self_test"];
    assert_eq!(
        (&test["comparisons"], &test["alarms"]),
        (&2.into(), &0.into())
    );
    assert_eq!(test["shared"]["comparisons"], 200, "{test}");
    // 1 − 0.025^(1/36) is the first such number below 10%.
    let rare = serde_json::json!({"rate": 0.1, "comparisons": 36, "runs": 144});
    assert_eq!(test["rare"], rare);
    let again = json(&["selftest", &base, "--format=json", "--metric=duration_p50"]);
    assert_eq!(again, answer, "the same runs are chosen");
    // One run per side: 90 ordered pairs, of which all are compared.
    let pairs = json(&[
        "selftest",
        &base,
        "--format=json",
        "--per-side=1",
        "--metric=rate",
    ]);
    assert_eq!(pairs["self_test"]["shared"]["comparisons"], 90, "{pairs}");
}

#[test]
fn proposed_thresholds_are_those_of_the_comparisons_that_read_them() {
    let place = Place::new();
    let base = build(&place, "runs", 10);
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (mine, file) = (at("mine.toml"), at("proposed.toml"));
    std::fs::write(
        &mine,
        "threshold = \"6%\"\ngates = [\"duration_p50\", \"rate\"]\n",
    )
    .unwrap();
    let answer = json(&[
        "selftest",
        &base,
        "--format=json",
        "--per-side=5",
        "--config",
        &mine,
        "--propose-thresholds",
        &file,
    ]);
    let proposed = |effect: &Value| effect["proposed"].as_f64();
    let effects = answer["effects"].as_array().unwrap();
    let raised = effects
        .iter()
        .filter(|effect| proposed(effect) > effect["threshold"].as_f64());
    assert!(raised.count() > 0, "{answer}");
    let runs = |from: u64| -> Vec<String> {
        (from..from + 5)
            .map(|run| format!("{base}/{run:02}"))
            .collect()
    };
    let (first, second) = (runs(0), runs(5));
    let compared = |config: &str| {
        let mut arguments = vec!["compare", "--format=json", "--config", config];
        arguments.extend(first.iter().map(String::as_str));
        arguments.push("--against");
        arguments.extend(second.iter().map(String::as_str));
        let output = analyzer(&arguments);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (before, after) = (compared(&mine), compared(&file));
    assert_eq!(after["gates"], before["gates"]);
    for effect in effects {
        let same = |other: &&Value| {
            ["operation", "metric"].map(|key| &other[key])
                == ["operation", "metric"].map(|key| &effect[key])
        };
        let used = after["effects"]
            .as_array()
            .unwrap()
            .iter()
            .find(same)
            .unwrap();
        let expected = proposed(effect).or(effect["threshold"].as_f64());
        // The file has decimal digits.
        let distance = used["threshold"].as_f64().unwrap() - expected.unwrap();
        assert!(distance.abs() < 1e-9, "{effect} {used}");
    }
    let verdict = |answer: &Value| answer["verdict"].as_str().unwrap().to_owned();
    assert_eq!(verdict(&after), "pass", "{after}");
    // A plan proposes too, and says for how many runs; a comparison does not.
    let planned = at("planned.toml");
    printed(&[
        "compare",
        &base,
        "--plan",
        "--per-side=5",
        "--config",
        &mine,
        "--propose-thresholds",
        &planned,
    ]);
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&planned), read(&file));
    assert!(
        read(&file).contains("10 runs of one build makes necessary in comparisons of 5 per side")
    );
    let wrong = [
        "compare",
        &base,
        "--against",
        &base,
        "--propose-thresholds",
        &planned,
    ];
    assert_eq!(analyzer(&wrong).status.code(), Some(2));
}

#[test]
fn runs_of_several_builds_are_reported() {
    let place = Place::new();
    let source = build(&place, "runs", 10);
    let kept = place
        .path()
        .join("kept.baseline")
        .to_str()
        .unwrap()
        .to_owned();
    printed_nothing(&["baseline", "create", &source, "-o", &kept]);
    let whole = BaselineFile::read(kept.as_ref()).unwrap();
    let of = |name: &str, runs: std::ops::Range<usize>, builds: &[&str]| {
        let mut part = whole.runs[runs].to_vec();
        for (run, build) in part.iter_mut().zip(builds.iter().cycle()) {
            run.identity.targets[0].build_id = Some((*build).to_owned());
        }
        let file = BaselineFile { runs: part };
        let path = place.path().join(name);
        std::fs::write(&path, file.encode().unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let warned = |arguments: &[&str]| {
        let output = analyzer(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    };
    let one = of("one.baseline", 0..10, &["aa"]);
    let (shown, message) = warned(&["selftest", &one]);
    assert!(!message.contains("builds"), "{message}");
    assert!(
        shown.contains("comparisons of this build with itself"),
        "{shown}"
    );
    let several = of("several.baseline", 0..10, &["dd", "aa", "c\u{1b}c", "bb"]);
    let (shown, message) = warned(&["selftest", &several]);
    let expected = "warning: the runs are of 4 builds (aa, bb, c\\u{1b}c, …): ";
    assert!(message.starts_with(expected), "{message}");
    assert!(
        shown.contains("comparisons of these runs of 4 builds with each other"),
        "{shown}"
    );

    let first = of("first.baseline", 0..5, &["aa"]);
    let (_, message) = warned(&["baseline", "add", &first, &of("same", 5..6, &["aa"])]);
    assert!(!message.contains("warning"), "{message}");
    let (_, message) = warned(&["baseline", "add", &first, &of("other", 6..8, &["bb", "aa"])]);
    let expected = "warning: the build of the new runs differs: aa | aa, bb; ";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_change_within_the_threshold_is_never_found() {
    let place = Place::new();
    let base = build(&place, "runs", 5);
    let cells = |more: &[&str]| -> Vec<String> {
        let arguments = ["compare", &base, "--plan", "--metric=duration_p50"];
        let table = printed(&[&arguments, more].concat());
        let rows = table.lines().filter(|row| row.contains("duration_p50"));
        let last = rows.map(|row| row.split("  ").last().unwrap().trim().to_owned());
        last.collect()
    };
    assert_eq!(cells(&["--detect=5%"]), ["never", "never"]);
    assert_eq!(
        cells(&["--detect=3%", "--threshold=4%"]),
        ["never", "never"]
    );
    let mixed = cells(&["--detect=5%", "--threshold=traffic_control:duration_p50=1%"]);
    assert_eq!(mixed[0], "never");
    assert!(mixed[1].parse::<usize>().unwrap() > 1, "{mixed:?}");
    // One that is a little larger needs many runs, but not infinitely many.
    assert_eq!(cells(&["--detect=5.001%"]), ["more than 1000"; 2]);
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
