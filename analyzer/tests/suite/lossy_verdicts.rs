//! Verdicts, changes, drifts and pictures of recordings that lost nine rows of ten, unfairly: they are
//! those of the recordings with all rows, within 1/128.

use serde_json::Value;
use soakbox_analyzer::figures::{DurationsOf, Reading, Timeline};
use soakbox_testing::{SECOND, Soak};

use crate::lossy::{Done, Fate, Making, all, mixed, unfair};
use crate::program::{Place, analyzer, json, printed, text};
use crate::seed::drawn;

/// How exact the histograms are.
const EXACT: f64 = 1.0 / 128.0;
const LATE_NS: i64 = 300_000_000;

/// A load that is not the same twice.
fn load(seed: u64) -> Soak {
    Soak {
        seconds: 60 + (seed % 7) as i64,
        seed: seed % 100_000,
        ..Soak::default()
    }
}

/// Seals `runs` recordings of a load; gives their paths.
fn seal(
    place: &Place,
    name: &str,
    runs: u64,
    soak: Soak,
    late_ns: i64,
    fate: &dyn Fn(Done) -> Fate,
) -> Vec<String> {
    let runs = (0..runs).map(|run| {
        let making = Making {
            soak: Soak {
                seed: soak.seed + run,
                ..soak
            },
            late_ns,
            fate,
            has_histogram: &|_| true,
        };
        making.seal(&place.path().join(format!("{name}-{run}")))
    });
    runs.collect()
}

/// The exit status and the JSON of a comparison.
fn verdict(base: &[String], candidate: &[String], threshold: &str) -> (i32, Value) {
    let base = base.iter().map(String::as_str);
    let candidate = candidate.iter().map(String::as_str);
    let arguments = ["compare"].into_iter().chain(base).chain(["--against"]);
    let arguments = arguments.chain(candidate);
    let options = ["--threshold", threshold, "--format", "json"];
    let arguments: Vec<&str> = arguments.chain(options).collect();
    let output = analyzer(&arguments);
    let answer = serde_json::from_slice(&output.stdout);
    let message = text(&output.stderr);
    (output.status.code().unwrap(), answer.expect(&message))
}

fn is_near(found: &Value, exact: &Value, tolerance: f64) -> bool {
    match (found.as_f64(), exact.as_f64()) {
        (Some(found), Some(exact)) => (found - exact).abs() <= tolerance,
        _ => found == exact,
    }
}

/// Whether a warm-up was cut off. In longer windows it ends elsewhere.
fn is_cut(effect: &Value) -> bool {
    effect["warmup_cut"][0] != 0
}

/// Asserts that a comparison is that of the complete recordings: the verdict, and each value and change.
fn assert_same(found: &(i32, Value), exact: &(i32, Value), case: &str) {
    let word = |(status, answer): &(i32, Value)| format!("{status} {}", answer["verdict"]);
    let blockers = &found.1["blockers"];
    // p999 of a minute is that of few operations: within 1/128 its interval may be a wider one.
    let is_tail = |one: &Value| one["kind"] == "undecided" && one["metric"] == "duration_p999";
    let has_wider_tail = exact.1["verdict"] == "pass"
        && found.1["verdict"] == "inconclusive"
        && blockers.as_array().unwrap().iter().all(is_tail);
    if !has_wider_tail {
        assert_eq!(word(found), word(exact), "{case}: {blockers}");
    }
    let effects = |answer: &Value| answer["effects"].as_array().unwrap().clone();
    let (found, exact) = (effects(&found.1), effects(&exact.1));
    assert_eq!(found.len(), exact.len(), "{case}");
    for (found, exact) in found.iter().zip(&exact) {
        let name = format!("{case}: {} {}", exact["operation"], exact["metric"]);
        // What only rows have is that of few rows.
        if exact["metric"] == "memory" {
            continue;
        }
        // A rate has counted lost operations before.
        if exact["metric"] != "rate" {
            assert_eq!(found["loss"]["fraction"], 0.0, "{name}");
        }
        if is_cut(found) || is_cut(exact) {
            continue;
        }
        for side in ["base", "candidate"] {
            let tolerance = EXACT * exact[side].as_f64().unwrap_or(0.0);
            let is_near = is_near(&found[side], &exact[side], tolerance);
            assert!(is_near, "{name}: {} and not {}", found[side], exact[side]);
        }
        assert!(
            is_near(&found["change"], &exact["change"], EXACT),
            "{name}: {found} {exact}"
        );
    }
}

#[test]
fn verdicts_are_those_of_complete_recordings() {
    let seed = drawn();
    let lossy = unfair(seed);
    let runs = 3 + seed % 3;
    let healthy = load(seed);
    let slower = Soak {
        seed: healthy.seed + 500_000,
        scale: 1.3,
        ..healthy
    };
    for late_ns in [0, LATE_NS, SECOND - LATE_NS] {
        let place = Place::new();
        let case = format!("seed {seed}, {late_ns} ns");
        let sealed = |name: &str, soak, fate: &dyn Fn(Done) -> Fate| {
            seal(&place, name, runs, soak, late_ns, fate)
        };
        let complete = [
            sealed("base", healthy, &all),
            sealed("candidate", slower, &all),
        ];
        let lossy = [
            sealed("lossy-base", healthy, &lossy),
            sealed("lossy-candidate", slower, &lossy),
        ];
        // The second is far from the change, so that histograms within 1/128 decide as rows do.
        for (threshold, word) in [("5%", "regressed"), ("99%", "pass")] {
            let exact = verdict(&complete[0], &complete[1], threshold);
            if word == "pass" && exact.1["verdict"] == "inconclusive" {
                // Few runs of some loads do not decide, however complete they are.
                continue;
            }
            assert_eq!(exact.1["verdict"], word, "{case}");
            for (base, candidate) in [(&lossy, &lossy), (&complete, &lossy), (&lossy, &complete)] {
                let found = verdict(&base[0], &candidate[1], threshold);
                assert_same(&found, &exact, &case);
            }
        }
        let (_, answer) = verdict(&complete[0], &lossy[1], "5%");
        let noted = |side: &str| answer[side]["runs"][0]["durations_of_finished"].clone();
        assert_eq!(noted("base"), Value::Null, "{case}");
        let noted = noted("candidate");
        let noted = noted.as_array().unwrap();
        assert_eq!(noted.len(), 2, "{case}");
        assert_eq!(
            (&noted[0]["windows"], &noted[0]["window_s"]),
            (&noted[0]["of_windows"], &1.0.into())
        );
    }
}

#[test]
fn a_baseline_of_a_lossy_run_and_a_filtered_run_keep_all_durations() {
    let seed = drawn();
    let case = format!("seed {seed}");
    let place = Place::new();
    let healthy = load(seed);
    let slower = Soak {
        seed: healthy.seed + 500_000,
        scale: 1.3,
        ..healthy
    };
    let fast_left_out = |done: Done| match done.is_slow {
        true => Fate::Recorded,
        false => Fate::Filtered,
    };
    let base = seal(&place, "base", 1, healthy, 0, &all);
    let candidate = seal(&place, "candidate", 1, slower, 0, &all);
    let lossy = seal(&place, "lossy", 1, healthy, 0, &unfair(seed));
    let filtered = seal(&place, "filtered", 1, slower, 0, &fast_left_out);
    let file = place
        .path()
        .join("base.parquet")
        .to_str()
        .unwrap()
        .to_owned();
    printed(&["baseline", "create", &lossy[0], "-o", &file]);
    let note = "durations of all finished operations, also of those without a row, within 1/128";
    let shown = text(&analyzer(&["baseline", "add", &file, &candidate[0]]).stderr);
    assert!(!shown.contains(note), "{shown}");
    let again = text(&analyzer(&["changes", &file]).stderr);
    assert!(again.contains(note), "{again}");
    let file = place
        .path()
        .join("one.parquet")
        .to_str()
        .unwrap()
        .to_owned();
    printed(&["baseline", "create", &lossy[0], "-o", &file]);
    let exact = verdict(&base, &candidate, "5%");
    let durations = |answer: &Value, tolerance: f64| {
        let effects = answer["effects"].as_array().unwrap().clone();
        let exact = exact.1["effects"].as_array().unwrap();
        for (found, exact) in effects.iter().zip(exact) {
            let is_duration = exact["metric"].as_str().unwrap().starts_with("duration");
            if is_duration && !is_cut(found) && !is_cut(exact) {
                let is_near = is_near(&found["change"], &exact["change"], tolerance);
                assert!(is_near, "{case}: {found} {exact}");
            }
        }
    };
    let from_file = verdict(std::slice::from_ref(&file), &candidate, "5%");
    assert_same(&from_file, &exact, &case);
    durations(&verdict(&[file], &filtered, "5%").1, EXACT);
}

#[test]
fn changes_and_findings_are_those_of_complete_recordings() {
    let seed = drawn();
    let case = format!("seed {seed}");
    let place = Place::new();
    let soak = Soak {
        seconds: 240 + 60 * (seed % 3) as i64,
        slowdown: 1.4,
        ..load(seed)
    };
    let exact = seal(&place, "complete", 1, soak, 0, &all).remove(0);
    let lossy = seal(&place, "lossy", 1, soak, 0, &unfair(seed)).remove(0);
    let series = |root: &str| {
        let answer = json(&["changes", root, "--format", "json"]);
        answer["series"].as_array().unwrap().clone()
    };
    let (found, exact_series) = (series(&lossy), series(&exact));
    for metric in ["duration_p50", "duration_p99", "duration_mean"] {
        let name = format!("rule_refresh {metric}");
        let of = |all: &[Value], durations_of: &str| {
            let one = all.iter().find(|one| one["name"] == name.as_str()).unwrap();
            assert_eq!(one["durations_of"], durations_of, "{case}");
            one["changes"].as_array().unwrap().clone()
        };
        let (found, exact) = (of(&found, "finished"), of(&exact_series, "rows"));
        let kinds = |changes: &[Value]| -> Vec<(Value, Value)> {
            let kinds = changes.iter();
            kinds
                .map(|one| (one["kind"].clone(), one["index"].clone()))
                .collect()
        };
        // Means are exact. Of the others a change that is hardly one may be found in one of the two.
        let is_same = kinds(&found) == kinds(&exact);
        assert!(is_same || metric != "duration_mean", "{case}: {name}");
        let has_step = |changes: &[Value]| changes.iter().any(|one| one["kind"] == "step");
        assert!(
            has_step(&found) || !has_step(&exact) || metric == "duration_p99",
            "{case}: {name}: {found:?}, of all rows {exact:?}"
        );
        for (found, exact) in found.iter().zip(&exact).filter(|_| is_same) {
            for level in ["before", "after"] {
                // A level leaves out windows that stand apart, and of a quantile within 1/128 another
                // window may be one.
                let several = if metric == "duration_mean" { 1.0 } else { 3.0 };
                let tolerance = several * EXACT * exact[level].as_f64().unwrap();
                let is_near = is_near(&found[level], &exact[level], tolerance);
                assert!(is_near, "{case}: {name}: {found} {exact}");
            }
        }
    }
    let findings = |root: &str| {
        let answer = json(&["soak", root, "--format", "json"]);
        answer["findings"].as_array().unwrap().clone()
    };
    let (found, all_exact) = (findings(&lossy), findings(&exact));
    let mut drifts = 0;
    for exact in all_exact.iter().filter(|one| one["durations_of"] == "rows") {
        let is_same =
            |one: &&Value| one["subject"] == exact["subject"] && one["kind"] == exact["kind"];
        let same = found.iter().find(is_same).unwrap();
        assert_eq!(same["durations_of"], "finished");
        let Some(slope) = exact["slope_per_hour"].as_f64() else {
            continue;
        };
        // What is within 1/128 is a small part of the noise, from which the interval comes; how far the
        // noise depends on that before it, which widens the interval, may be estimated otherwise.
        let width = exact["high"].as_f64().unwrap() - exact["low"].as_f64().unwrap();
        for (end, of_width) in [("slope_per_hour", 0.05), ("low", 0.3), ("high", 0.3)] {
            let tolerance = EXACT * slope.abs() + of_width * width;
            let is_near = is_near(&same[end], &exact[end], tolerance);
            assert!(is_near, "{case}: {same} {exact}");
        }
        drifts += 1;
    }
    assert!(drifts >= 4, "{case}");
    let noted = text(&analyzer(&["soak", &lossy]).stderr);
    assert!(
        noted.contains("note: ") && noted.contains("within 1/128: rule_refresh ("),
        "{noted}"
    );
}

#[test]
fn pictures_have_the_percentiles_of_complete_recordings() {
    let seed = drawn();
    let place = Place::new();
    let soak = Soak {
        slowdown: 2.0,
        ..load(seed)
    };
    let exact = seal(&place, "complete", 1, soak, 0, &all).remove(0);
    let lossy = seal(&place, "lossy", 1, soak, 0, &unfair(seed)).remove(0);
    let timeline = |root: &str| {
        let reading = Reading::open(root.as_ref(), false, Timeline::CUT).unwrap();
        Timeline::of(&reading, &[]).unwrap().operations
    };
    for (found, exact) in timeline(&lossy).iter().zip(&timeline(&exact)) {
        assert_eq!(found.durations_of, DurationsOf::Finished);
        assert_eq!(exact.durations_of, DurationsOf::Rows);
        assert_eq!(found.width_ns.max(SECOND), found.width_ns);
        if found.width_ns != exact.width_ns {
            continue;
        }
        for (found, exact) in found.windows.iter().zip(&exact.windows) {
            assert_eq!(
                (found.at_ns, found.count),
                (exact.at_ns, exact.count),
                "seed {seed}"
            );
            for (found, exact) in [
                (found.p50_ns, exact.p50_ns),
                (found.p95_ns, exact.p95_ns),
                (found.p99_ns, exact.p99_ns),
            ] {
                let tolerance = EXACT * exact as f64 + 1.0;
                assert!(
                    (found - exact).abs() as f64 <= tolerance,
                    "seed {seed}: {found} {exact}"
                );
            }
        }
    }
    let page = place.path().join("page.html").to_str().unwrap().to_owned();
    printed(&["report", &lossy, "-o", &page]);
    let page = std::fs::read_to_string(page).unwrap();
    for words in [
        "Durations of all finished operations, also of those without a row, within 1/128: \
         rule_refresh, traffic_control.",
        "window, of all finished operations, also of those without a row",
    ] {
        assert!(page.contains(words), "{words}");
    }
    printed(&["report", &exact, "-o", &format!("{exact}.html")]);
    let page = std::fs::read_to_string(format!("{exact}.html")).unwrap();
    assert!(!page.contains("of all finished operations"));
}

#[test]
fn where_histograms_are_missing_the_rows_are_used_and_the_loss_counts() {
    let seed = drawn();
    let place = Place::new();
    let soak = load(seed);
    let complete = Making {
        soak: Soak {
            seed: soak.seed + 1,
            ..soak
        },
        late_ns: 0,
        fate: &all,
        has_histogram: &|_| false,
    };
    let base = complete.seal(&place.path().join("base"));
    let lossy = |name: &str,
                 seconds: i64,
                 fate: &dyn Fn(Done) -> Fate,
                 has_histogram: &dyn Fn(usize) -> bool| {
        let making = Making {
            soak: Soak { seconds, ..soak },
            late_ns: 0,
            fate,
            has_histogram,
        };
        let root = making.seal(&place.path().join(name));
        let (_, answer) = verdict(std::slice::from_ref(&base), &[root], "5%");
        let effects = answer["effects"].as_array().unwrap().clone();
        let p50 = effects.iter().find(|one| one["metric"] == "duration_p50");
        let loss = p50.unwrap()["loss"]["fraction"].as_f64().unwrap();
        (
            loss,
            answer["candidate"]["runs"][0]["durations_of_finished"].clone(),
        )
    };
    // An older recorder kept none.
    let (loss, noted) = lossy("older", soak.seconds, &unfair(seed), &|_| false);
    assert!(loss > 0.8 && noted.is_null(), "seed {seed}: {loss} {noted}");
    // There are too few intervals for windows that are as long.
    let (loss, noted) = lossy("short", 13, &unfair(seed), &|_| true);
    assert!(loss > 0.8 && noted.is_null(), "seed {seed}: {loss} {noted}");
    // A small loss is worth shorter windows, unless there are enough of the others.
    let few = |done: Done| match done.second % 50 == 7 && done.index == 0 {
        true => Fate::RingFull,
        false => Fate::Recorded,
    };
    let (loss, noted) = lossy("few", soak.seconds, &few, &|_| true);
    assert!(
        loss > 0.0 && loss < 0.02 && noted.is_null(),
        "seed {seed}: {loss} {noted}"
    );
    let (loss, noted) = lossy("long", 250, &few, &|_| true);
    assert!(
        loss == 0.0 && noted.is_array(),
        "seed {seed}: {loss} {noted}"
    );
    // Some intervals have none.
    let lacks = |second: usize| mixed(seed, second as u64) < 0.25;
    let (loss, noted) = lossy("some", soak.seconds, &unfair(seed), &|second| {
        !lacks(second)
    });
    let lacking = (0..soak.seconds as usize)
        .filter(|second| lacks(*second))
        .count() as u64;
    let windows = soak.seconds as u64;
    assert_eq!(noted[0]["windows"], windows - lacking, "seed {seed}");
    assert_eq!(noted[0]["of_windows"], windows, "seed {seed}");
    let share = lacking as f64 / windows as f64;
    assert!(
        (loss - 0.9 * share).abs() < 0.1,
        "seed {seed}: {loss} of {share}"
    );
}
