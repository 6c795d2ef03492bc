//! The words of a verdict: each headline gives the reason that there is, rows that do not count are
//! in parentheses, and runs are named once.

use crate::program::one_space;
use soakbox_analyzer::compare::{Pairing, Settings, compare};
use soakbox_analyzer::output::{verdict_markdown, verdict_text};
use soakbox_analyzer::windows::{Run, RunIdentity, Series, Window, WindowLength};
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_statistics::{Metric, OneSided, Options};

/// A run of that many windows of a second with these operations and durations around `mean_us`.
fn run(name: &str, begin: i64, windows: usize, operations: &[&str], mean_us: i64) -> Run {
    let window = |second: usize| {
        let durations =
            (0..40).map(|n| 1_000 * mean_us + (n * 37 + second as i64 * 11) % 97 * mean_us);
        let durations: Vec<i64> = durations.collect();
        let mut encoded = Vec::new();
        SparseHistogram::of(durations.iter().copied()).encode(&mut encoded);
        Some(Window {
            count: 40,
            duration_ns: durations.iter().sum::<i64>().unsigned_abs(),
            durations: encoded,
            ..Window::default()
        })
    };
    let series = Series {
        length: WindowLength::SECOND,
        windows: (0..windows).map(window).collect(),
    };
    let series = operations
        .iter()
        .map(|one| ((*one).to_owned(), series.clone()));
    Run {
        restarts_ns: Vec::new(),
        identity: RunIdentity {
            name: name.to_owned(),
            recorder: name.to_owned(),
            first_ns: begin,
            last_ns: begin + 10,
            ..RunIdentity::default()
        },
        operations: series.collect(),
    }
}

fn several(name: &str, runs: usize, operations: &[&str], mean_us: i64) -> Vec<Run> {
    let run = |n: usize| run(&format!("{name}-{n}"), n as i64, 60, operations, mean_us);
    (0..runs).map(run).collect()
}

fn with(options: Options) -> Settings {
    Settings {
        options,
        ..Settings::default()
    }
}

fn table(base: &[Run], candidate: &[Run], settings: &Settings) -> String {
    one_space(&verdict_text(&compare(base, candidate, settings).unwrap()))
}

fn headline(base: &[Run], candidate: &[Run], settings: &Settings) -> String {
    let text = table(base, candidate, settings);
    text.lines().next().unwrap().to_owned()
}

#[test]
fn an_open_comparison_gives_the_reason_that_there_is() {
    let (base, candidate) = (several("b", 3, &["get"], 10), several("c", 3, &["get"], 10));
    let of = |base: &[Run], candidate: &[Run], options: Options| {
        headline(base, candidate, &with(options))
    };
    let metric = |metric| Options {
        metrics: vec![metric],
        ..Options::default()
    };
    let gates = |metric| Options {
        gates: vec![metric],
        ..Options::default()
    };
    assert_eq!(
        of(&base, &candidate, metric(Metric::BytesRate)),
        "INCONCLUSIVE: none of the metrics was measured"
    );
    assert_eq!(
        of(&base, &candidate, gates(Metric::BytesRate)),
        "INCONCLUSIVE: operation get: bytes_rate, which must pass, was not measured"
    );
    let both = [
        several("b", 3, &["get", "put"], 10),
        several("c", 3, &["get", "put"], 10),
    ];
    assert_eq!(
        of(&both[0], &both[1], gates(Metric::BytesRate)),
        "INCONCLUSIVE: 2 operations: bytes_rate, which must pass, was not measured"
    );
    let short = |name: &str| vec![run(name, 0, 5, &["get"], 10)];
    let too_few = of(&short("b"), &short("c"), Options::default());
    assert_eq!(
        too_few,
        "INCONCLUSIVE: operation get: no duration could be compared (too few windows to know their variance)"
    );
    let nothing = [Run {
        restarts_ns: Vec::new(),
        operations: Default::default(),
        ..base[0].clone()
    }];
    let unknown = of(&nothing, &nothing, Options::default());
    assert_eq!(
        unknown,
        "INCONCLUSIVE: no operation was observed on both sides"
    );
    // Only a base that is too noisy is called so.
    let strict = Options {
        threshold: 0.0,
        ..Options::default()
    };
    let noisy = of(&base, &candidate, strict);
    assert!(
        noisy.contains("the base is too noisy for any duration to be decided"),
        "{noisy}"
    );
}

#[test]
fn operations_of_one_side_are_counted_and_listed_once() {
    let base = several("b", 2, &["get", "put", "scan"], 10);
    let candidate = several("c", 2, &["get", "more"], 10);
    let settings = |only_base, only_candidate| {
        with(Options {
            only_base,
            only_candidate,
            threshold: 0.5,
            ..Options::default()
        })
    };
    use OneSided::{Inconclusive, Named, Regressed};
    for (only_base, only_candidate, expected) in [
        (
            Regressed,
            Named,
            "REGRESSED: the candidate lacks 2 operations of the base",
        ),
        (
            Regressed,
            Regressed,
            "REGRESSED: the candidate lacks 2 operations of the base and has 1 operation that the base lacks",
        ),
        (
            Named,
            Inconclusive,
            "INCONCLUSIVE: 1 operation is on one side only",
        ),
        (
            Inconclusive,
            Named,
            "INCONCLUSIVE: 2 operations are on one side only",
        ),
    ] {
        let settings = settings(only_base, only_candidate);
        let text = table(&base, &candidate, &settings);
        // The headline would name one run per side.
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(text.matches("scan").count(), 1, "{text}");
    }
}

#[test]
fn rows_that_do_not_count_are_in_parentheses_and_gates_are_named() {
    let (base, candidate) = (several("b", 3, &["get"], 10), several("c", 3, &["get"], 20));
    let settings = with(Options {
        gates: vec![Metric::Rate],
        ..Options::default()
    });
    let text = table(&base, &candidate, &settings);
    assert!(
        text.starts_with("PASS: 1 of 1 effects that must pass are within their thresholds\n"),
        "{text}"
    );
    assert!(text.contains("gates only rate must pass\n"), "{text}");
    let rows = text.lines().filter(|line| line.starts_with("get "));
    for row in rows {
        assert_eq!(
            row.contains(" (regressed) "),
            row.starts_with("get duration"),
            "{row}"
        );
        assert_eq!(row.contains(" pass "), row.starts_with("get rate"), "{row}");
    }
    assert!(text.contains("In parentheses: "), "{text}");
    let all = table(&base, &candidate, &Settings::default());
    assert!(
        !all.contains("(regressed)") && all.starts_with("REGRESSED: "),
        "{all}"
    );
}

#[test]
fn pairs_are_called_what_they_are() {
    let at = |name: &str, begins: [i64; 2]| {
        begins.map(|begin| run(&format!("{name}{begin}"), begin, 60, &["get"], 10))
    };
    let of = |base: [i64; 2], candidate: [i64; 2], pairing| {
        let settings = Settings {
            pairing,
            ..Settings::default()
        };
        table(&at("b", base), &at("c", candidate), &settings)
    };
    let in_turn = "pairs the runs were recorded in turn and are compared in pairs\n";
    assert!(of([0, 60], [20, 40], Pairing::Automatic).contains(in_turn));
    // They overlap.
    let asked = of([0, 5], [1, 6], Pairing::Always);
    assert!(
        asked.contains(
            "pairs the n-th runs of both sides are compared with each other (--paired)\n"
        )
    );
    assert!(!of([0, 5], [1, 6], Pairing::Automatic).contains("pairs "));
}

#[test]
fn runs_that_cannot_be_used_are_named_with_their_reasons() {
    let base = several("b", 1, &["get"], 10);
    let mut candidate = several("c", 2, &["get"], 20);
    candidate.insert(1, run("dead", 7, 60, &[], 10));
    candidate.remove(2);
    let text = table(&base, &candidate, &Settings::default());
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(
        first.ends_with(
            "This is a verdict on the two runs that could be used, not on the builds: record several runs per side"
        ),
        "{first}"
    );
    assert!(
        rest.contains("unusable dead of the candidate: not measured (in "),
        "{rest}"
    );
    let rows = rest.lines().filter(|line| line.starts_with("get "));
    for row in rows {
        assert!(row.contains("1 of 3 runs: not measured"), "{row}");
        assert!(!row.contains("one run per side"), "{row}");
    }
    let answer = compare(&base, &candidate, &Settings::default()).unwrap();
    let answer = serde_json::to_value(&answer).unwrap();
    let reason = answer["effects"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("1 of 3 runs: not measured; with one run per side"),
        "{reason}"
    );
}

#[test]
fn markdown_has_the_explanation_too() {
    let (base, candidate) = (several("b", 2, &["a|b"], 10), several("c", 2, &["a|b"], 20));
    let settings = Settings {
        explain: Some(("a|b".to_owned(), Metric::DurationMean)),
        ..Settings::default()
    };
    let answer = compare(&base, &candidate, &settings).unwrap();
    let (shown, markdown) = (verdict_text(&answer), verdict_markdown(&answer));
    assert!(
        markdown.contains("\n**a\\|b duration\\_mean**\n"),
        "{markdown}"
    );
    for name in [
        "scale",
        "noise inside a run",
        "standard errors",
        "effects tested",
        "must be decided",
    ] {
        assert!(shown.contains(&format!("\n  {name} ")), "{shown}");
        assert!(markdown.contains(&format!("\n- {name}: ")), "{markdown}");
    }
    assert!(markdown.contains("| run | side | pair | value | standard error | windows |\n"));
    assert!(markdown.contains("\n| c-1 | candidate | "), "{markdown}");
}
