//! Baselines: they stand for their recordings.

use std::fs;

use crate::program::{Place, analyzer, json, one_space, printed, refused, text};
use soakbox_analyzer::baseline::BaselineFile;
use soakbox_cli::escaped;
use soakbox_testing::{ForeignTexts, HOSTILE_TEXTS, Soak};

fn soak(seed: u64, scale: f64) -> Soak {
    Soak {
        seconds: 60,
        seed,
        scale,
        begin: 100 * seed as i64,
        ..Soak::default()
    }
}

fn file(place: &Place, name: &str) -> String {
    place.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_baseline_gives_the_verdicts_of_its_recordings() {
    let place = Place::new();
    let runs: Vec<String> = (1..4)
        .map(|seed| place.seal_soak(&format!("good-{seed}"), &soak(seed, 1.0)))
        .collect();
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let good = file(&place, "good.baseline");
    let output = analyzer(&["baseline", "create", runs[0], runs[1], "-o", &good]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).starts_with("wrote 2 runs into "),
        "{}",
        text(&output.stderr)
    );
    printed(&["baseline", "add", &good, runs[2]]);
    assert!(fs::metadata(&good).unwrap().len() < 300_000);
    let slower = place.seal_soak("slower", &soak(9, 1.3));
    let effects = |base: &[&str], candidate: &str| {
        let arguments = [
            &["compare"],
            base,
            &["--against", candidate, "--format", "json"],
        ]
        .concat();
        let output = analyzer(&arguments);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut effects = answer["effects"].clone();
        for effect in effects.as_array_mut().unwrap() {
            // The names of runs differ.
            effect["unusable"] = serde_json::Value::Null;
        }
        (output.status.code(), answer["verdict"].clone(), effects)
    };
    let of_recordings = effects(&runs, &slower);
    assert_eq!(
        (of_recordings.0, &of_recordings.1),
        (Some(1), &"regressed".into())
    );
    // Without the recordings.
    for run in runs {
        fs::remove_dir_all(run).unwrap();
    }
    assert_eq!(effects(&[&good], &slower), of_recordings);
    let same = effects(&[&good], &good);
    assert_ne!(same.1, "regressed");
}

#[test]
fn a_baseline_supplies_the_variation_of_runs_to_a_single_run_of_each_side() {
    let place = Place::new();
    let sealed = |seed: u64, scale: f64| place.seal_soak(&format!("{seed}"), &soak(seed, scale));
    let scales = [0.9, 1.08, 0.95, 1.1, 1.0, 0.92];
    let good: Vec<String> = (1..)
        .zip(scales)
        .map(|(seed, scale)| sealed(seed, scale))
        .collect();
    let file = file(&place, "good.baseline");
    let create = [&["baseline", "create"], &names(&good)[..], &["-o", &file]].concat();
    assert!(analyzer(&create).status.success());
    let own = sealed(10, 0.9);
    let judge = |base: &[&str], candidate: &str| {
        let candidate = ["--against", candidate, "--format", "json"];
        let output = analyzer(&[&["compare"], base, &candidate].concat());
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let word = answer["verdict"].as_str().unwrap().to_owned();
        (word, answer["scope"].as_str().unwrap().to_owned())
    };
    // As slow as runs of the baseline are, and far slower than any of them.
    let (like, slower) = (sealed(11, 1.1), sealed(12, 1.8));
    for (candidate, alone, with_history) in [
        (&like, "worse_run", None),
        (&slower, "worse_run", Some("regressed")),
    ] {
        let (word, scope) = judge(&[&own], candidate);
        assert_eq!((&*word, &*scope), (alone, "pair"));
        for base in [
            &[&*file][..],
            &[&*own, &*file],
            &[&*own, "--history", &*file],
        ] {
            let (word, scope) = judge(base, candidate);
            assert_eq!(scope, "runs");
            match with_history {
                Some(expected) => assert_eq!(word, expected),
                None => assert_ne!(word, "regressed", "{base:?}"),
            }
        }
    }
}

#[test]
fn a_history_counts_runs_of_one_build_that_are_not_compared() {
    let place = Place::new();
    let sealed = |seed: u64, scale: f64| place.seal_soak(&format!("{seed}"), &soak(seed, scale));
    let runs: Vec<String> = (1..6).map(|seed| sealed(seed, 1.0)).collect();
    let runs = names(&runs);
    let judge = |history: &[&str]| {
        let compared = ["compare", runs[0], "--against", runs[1], "--history"];
        analyzer(&[&compared, history, &["--format", "json"]].concat())
    };
    for (history, used) in [(&runs[2..], 3), (&runs[..], 3), (&runs[1..4], 2)] {
        let answer: serde_json::Value = serde_json::from_slice(&judge(history).stdout).unwrap();
        assert_eq!(
            answer["history"],
            serde_json::json!({"runs": used, "builds": 1})
        );
        assert_eq!(answer["scope"], "runs");
    }
    for too_few in [&runs[..2], &runs[2..3]] {
        let output = judge(too_few);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        let reason = "--history: has no two runs of one build besides those that are compared";
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_run_that_a_history_has_twice_is_refused() {
    let place = Place::new();
    let runs: Vec<String> = (1..5)
        .map(|seed| place.seal_soak(&format!("{seed}"), &soak(seed, 1.0)))
        .collect();
    let [base, candidate, one, other] = names(&runs)[..] else {
        unreachable!()
    };
    let history = [one, other, one];
    let asked = ["compare", base, "--against", candidate, "--history"];
    let message = refused(&[&asked[..], &history].concat());
    assert!(message.contains("--history"), "{message}");
}

fn names(paths: &[String]) -> Vec<&str> {
    paths.iter().map(String::as_str).collect()
}

#[test]
fn show_list_and_diff_name_the_runs_and_what_differs() {
    let place = Place::new();
    let run = place.seal_soak("run", &soak(1, 1.0));
    let incomplete = Soak {
        begin: 500,
        ..Soak::incomplete()
    };
    let incomplete = place.seal_soak("incomplete", &incomplete);
    let (good, other) = (
        file(&place, "good.baseline"),
        file(&place, "other.baseline"),
    );
    analyzer(&["baseline", "create", &run, "-o", &good]);
    analyzer(&["baseline", "create", &run, &incomplete, "-o", &other]);
    insta::assert_snapshot!(
        "baseline_show",
        place.plain(&printed(&["baseline", "show", &other]))
    );
    let shown = json(&["baseline", "show", &good, "--format", "json"]);
    assert_eq!(shown["schema"], "soakbox.baseline/1");
    assert_eq!(shown["runs"][0]["operations"][0]["count"], 1200);
    let list = printed(&["baseline", "list", place.text()]);
    insta::assert_snapshot!("baseline_list", one_space(&place.plain(&list)));
    insta::assert_snapshot!(
        "baseline_diff",
        place.plain(&printed(&["baseline", "diff", &good, &other]))
    );
    assert!(printed(&["baseline", "diff", &good, &run]).contains("nothing differs"));
    let diff = json(&["baseline", "diff", &good, &other, "--format", "json"]);
    assert_eq!(diff["differences"][0]["property"], "length");
    assert_eq!(diff["differences"][1]["property"], "runs");
    insta::assert_snapshot!("baseline_help", printed(&["baseline", "--help"]));
}

#[test]
fn foreign_names_are_shown_and_kept() {
    // The other texts are in the test of a verdict, which has the same tables.
    for hostile in &HOSTILE_TEXTS[..2] {
        let place = Place::new();
        let root = place.path().join("recording");
        ForeignTexts::all(hostile).seal(&root);
        let good = file(&place, "good.baseline");
        analyzer(&["baseline", "create", root.to_str().unwrap(), "-o", &good]);
        let table = printed(&["baseline", "show", &good]);
        assert!(
            !table.contains(|c: char| c.is_control() && c != '\n'),
            "{table}"
        );
        assert!(table.contains(&*escaped(hostile)), "{table}");
        let shown = json(&["baseline", "show", &good, "--format", "json"]);
        assert_eq!(shown["runs"][0]["operations"][0]["operation"], *hostile);
        assert_eq!(shown["runs"][0]["targets"][0]["path"], *hostile);
    }
}

#[test]
fn the_settings_of_the_recorder_are_kept_and_those_that_differ_are_named() {
    let place = Place::new();
    let run = place.seal_soak("run", &soak(1, 1.0));
    let (kept, other) = (
        file(&place, "kept.baseline"),
        file(&place, "other.baseline"),
    );
    let made = analyzer(&["baseline", "create", &run, "-o", &kept]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut baseline = BaselineFile::read(kept.as_ref()).unwrap();
    let mut write = |path: &str, digest: &str, settings: [(&str, &str); 2]| {
        let identity = &mut baseline.runs[0].identity;
        identity.config_digest = digest.to_owned();
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        identity.settings = settings.into();
        fs::write(path, baseline.encode().unwrap()).unwrap();
        assert_eq!(BaselineFile::read(path.as_ref()).unwrap(), baseline);
    };
    let probe = ("op.get", "uprobe:/a:f,type=2");
    write(&kept, "0a", [probe, ("ring-bytes", "4096")]);
    write(&other, "0b", [probe, ("ring-bytes", "65536")]);
    let shown = printed(&["baseline", "diff", &kept, &other]);
    let expected = "configuration ring-bytes = 4096 ring-bytes = 65536";
    assert!(one_space(&shown).contains(expected), "{shown}");
    assert!(!shown.contains("op.get"), "{shown}");
    let compared = text(&analyzer(&["compare", &kept, "--against", &other]).stdout);
    let expected = "configuration: ring-bytes = 4096 | ring-bytes = 65536";
    assert!(compared.contains(expected), "{compared}");
    let added = text(&analyzer(&["baseline", "show", &other, "--format=json"]).stdout);
    assert!(added.contains("65536"), "{added}");
}

#[test]
fn mistakes_get_one_clear_line_and_an_earlier_baseline_stays() {
    let place = Place::new();
    let run = place.seal_soak("run", &soak(1, 1.0));
    let good = file(&place, "good.baseline");
    analyzer(&["baseline", "create", &run, "-o", &good]);
    let before = fs::read(&good).unwrap();
    fs::write(file(&place, "text"), "no baseline").unwrap();
    fs::write(file(&place, "cut"), &before[..before.len() / 2]).unwrap();
    let segment = walk(&place.path().join("run/operation_log"));
    let (text_file, cut, missing) = (
        file(&place, "text"),
        file(&place, "cut"),
        file(&place, "missing"),
    );
    let nowhere = file(&place, "missing/good");
    let cases: &[&[&str]] = &[
        &["baseline"],
        &["baseline", "create", &run],
        &["baseline", "create", "-o", &good],
        &["baseline", "create", &missing, "-o", &good],
        &["baseline", "create", &run, "-o", &nowhere],
        &["baseline", "add", &good, &run],
        &["baseline", "add", &missing, &run],
        &["baseline", "add", &text_file, &run],
        &["baseline", "show", &run],
        &["baseline", "show", &cut],
        &["baseline", "list", &text_file],
        &["baseline", "diff", &good],
        &["compare", &text_file, "--against", &run],
        &["compare", &run, "--against", &cut],
    ];
    let mut transcript = String::new();
    for case in cases {
        transcript.push_str(&format!("$ {}\n{}\n", case.join(" "), refused(case)));
    }
    insta::assert_snapshot!("baseline_mistakes", place.plain(&transcript));
    assert!(
        refused(&["baseline", "show", &segment]).contains("is a Parquet file, but no baseline")
    );
    assert_eq!(fs::read(&good).unwrap(), before);
    // A pipeline without a baseline yet: no mistake, and no pass.
    let output = analyzer(&["compare", &missing, "--against", &run]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("there is no such base; hint: "));
}

/// The first file below a directory.
fn walk(directory: &std::path::Path) -> String {
    let entry = fs::read_dir(directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    if entry.is_dir() {
        walk(&entry)
    } else {
        entry.to_str().unwrap().to_owned()
    }
}
