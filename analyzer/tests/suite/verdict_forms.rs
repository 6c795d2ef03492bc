//! The forms of a verdict, and mistakes.

use crate::program::{Place, analyzer, one_space, printed, refused, text};
use soakbox_analyzer::compare::{Settings, compare};
use soakbox_analyzer::output::{junit, verdict_markdown, verdict_suite, verdict_text};
use soakbox_analyzer::windows::{Run, RunIdentity, Series, Target, Window, WindowLength};
use soakbox_cli::escaped;
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_statistics::Metric;
use soakbox_testing::HOSTILE_TEXTS;

/// Two bases and two slower candidates.
fn sides(place: &Place) -> [String; 4] {
    [
        place.seal("base-1", 1, 1.0),
        place.seal("base-2", 2, 1.0),
        place.seal("candidate-1", 3, 1.2),
        place.seal("candidate-2", 4, 1.2),
    ]
}

#[test]
fn a_verdict_is_a_table_json_markdown_or_junit() {
    let place = Place::new();
    let [base_1, base_2, candidate_1, candidate_2] = sides(&place);
    for (form, more) in [
        ("table", &["--format", "table"][..]),
        ("markdown", &["--format", "markdown"]),
        ("junit", &["--format", "junit"]),
        (
            "json",
            &[
                "--format",
                "json",
                "--metric",
                "rate",
                "--operation",
                "traffic_control",
            ],
        ),
        (
            "explained",
            &[
                "--metric=duration_p50",
                "--explain",
                "rule_refresh",
                "duration_p50",
            ],
        ),
    ] {
        let runs = [
            "compare",
            &base_1,
            &base_2,
            "--against",
            &candidate_1,
            &candidate_2,
        ];
        let output = analyzer(&[&runs, more].concat());
        assert_eq!(text(&output.stderr), "");
        let answer = place.plain(&text(&output.stdout));
        // The names of runs are as long as the directory of this test.
        let answer = if form == "explained" {
            one_space(&answer)
        } else {
            answer
        };
        insta::assert_snapshot!(format!("compare_{form}"), answer);
    }
    let output = analyzer(&[
        "compare",
        &base_1,
        "--against",
        &candidate_1,
        "--metric",
        "duration_mean",
    ]);
    insta::assert_snapshot!("compare_pair", place.plain(&text(&output.stdout)));
    insta::assert_snapshot!("compare_help", printed(&["compare", "--help"]));
}

/// A run whose texts are all foreign.
fn run(text: &str) -> Run {
    let durations = |from: i64| {
        let mut encoded = Vec::new();
        SparseHistogram::of((0..10).map(|n| from + n)).encode(&mut encoded);
        encoded
    };
    let windows = (0..100).map(|second| {
        Some(Window {
            count: 10,
            duration_ns: 10_000,
            durations: durations(1_000 + second),
            ..Window::default()
        })
    });
    let series = Series {
        length: WindowLength::SECOND,
        windows: windows.collect(),
    };
    Run {
        restarts_ns: Vec::new(),
        identity: RunIdentity {
            name: text.to_owned(),
            host: text.to_owned(),
            targets: vec![Target {
                path: text.to_owned(),
                build_id: Some(text.to_owned()),
            }],
            ..RunIdentity::default()
        },
        operations: [text.to_owned(), format!("only {text}")]
            .map(|name| (name, series.clone()))
            .into(),
    }
}

#[test]
fn foreign_names_are_shown_and_interpreted_by_nobody() {
    for hostile in HOSTILE_TEXTS {
        let base = run(hostile);
        let mut candidate = run(&format!("{hostile} "));
        candidate
            .operations
            .insert(hostile.to_owned(), base.operations[hostile].clone());
        let settings = Settings {
            explain: Some((hostile.to_owned(), Metric::DurationP50)),
            ..Settings::default()
        };
        let answer = compare(&[base], &[candidate], &settings).unwrap();
        let (table, markdown) = (verdict_text(&answer), verdict_markdown(&answer));
        for shown in [&table, &markdown] {
            assert!(
                !shown.contains(|c: char| c.is_control() && c != '\n'),
                "{shown}"
            );
            assert!(
                !shown.contains(['\u{202e}', '\u{2066}', '\u{200b}']),
                "{shown}"
            );
        }
        assert!(table.contains(&*escaped(hostile)), "{table}");
        for markup in ["<script", "<svg", "](", "| |\n", "\n|\n"] {
            assert!(!markdown.contains(markup), "{markdown}");
        }
        // One line per effect, and eight cells in it; the table of the explanation has six.
        let effects = markdown.split("\n| run |").next().unwrap();
        let rows = effects.lines().filter(|line| line.starts_with("| "));
        for row in rows {
            let cells = row.replace("\\\\", "").replace("\\|", "");
            assert_eq!(cells.matches('|').count(), 9, "{row}");
        }
        let junit = junit(&[verdict_suite("soakbox compare", &answer)]);
        let document = roxmltree::Document::parse(&junit).unwrap();
        let mut names = document
            .descendants()
            .filter_map(|one| one.attribute("classname"));
        assert!(names.any(|name| name == escaped(hostile)), "{junit}");
        let elements = document.descendants().filter(roxmltree::Node::is_element);
        for element in elements {
            let name = element.tag_name().name();
            assert!(!["script", "svg", "img", "b"].contains(&name), "{junit}");
        }
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(json["effects"][0]["operation"], hostile);
        assert_eq!(json["base"]["runs"][0]["host"], hostile);
    }
}

#[test]
fn a_junit_report_fails_if_and_only_if_the_exit_status_does() {
    let place = Place::new();
    let [base_1, base_2, candidate_1, candidate_2] = sides(&place);
    let gate = ["--metric", "duration_p50", "--threshold", "5%"];
    let mut seen = std::collections::BTreeSet::new();
    for options in [
        &["--threshold", "5%"][..],
        &["--threshold", "90%"],
        &["--threshold", "0.01%"],
        &gate,
        &["--metric", "failure_rate"],
        &["--metric", "memory"],
    ] {
        for (base, candidate) in [
            (&[&base_1, &base_2][..], &[&candidate_1, &candidate_2][..]),
            (&[&candidate_1, &candidate_2], &[&base_1, &base_2]),
            (&[&base_1], &[&candidate_1]),
            (&[&base_1], &[&base_1]),
        ] {
            let [base, candidate] = [base, candidate].map(|side| {
                let side = side.iter();
                side.map(|path| path.as_str()).collect::<Vec<_>>()
            });
            let sides = [&["compare"], &base[..], &["--against"], &candidate].concat();
            let arguments = sides.into_iter().chain(options.iter().copied());
            let arguments: Vec<&str> = arguments.chain(["--format", "junit"]).collect();
            let output = analyzer(&arguments);
            let junit = text(&output.stdout);
            let document = roxmltree::Document::parse(&junit).unwrap();
            let mut suites = document.descendants();
            let suite = suites.find(|one| one.has_tag_name("testsuite")).unwrap();
            let number = |name: &str| -> usize { suite.attribute(name).unwrap().parse().unwrap() };
            let elements = |name: &str| {
                let all = document.descendants();
                all.filter(|one| one.has_tag_name(name)).count()
            };
            for (attribute, element) in [
                ("tests", "testcase"),
                ("failures", "failure"),
                ("errors", "error"),
                ("skipped", "skipped"),
            ] {
                assert_eq!(number(attribute), elements(element), "{junit}");
            }
            let fails = number("failures") + number("errors") > 0;
            let status = output.status.code().unwrap();
            assert_eq!(fails, status != 0, "{arguments:?}: {status}\n{junit}");
            seen.insert(status);
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[test]
fn mistakes_get_one_clear_line() {
    let place = Place::new();
    let good = place.seal("good", 1, 1.0);
    let other = place.seal("other", 2, 1.0);
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("bad.toml"), "[thresholds]\nduration_p50 = 5\n").unwrap();
    std::fs::write(at("unknown.toml"), "[thresholds]\np50 = \"5%\"\n").unwrap();
    std::fs::create_dir(at("empty")).unwrap();
    let bad = at("bad.toml");
    let unknown = at("unknown.toml");
    let missing = at("missing");
    let empty = at("empty");
    let nowhere = at("missing/verdict.json");
    let cases: &[&[&str]] = &[
        &[],
        &[&good],
        &["--against", &good],
        &[&good, "--against", &missing],
        &[&empty, "--against", &good],
        &[&good, "--against", &bad],
        &[&good, "--against", &good, "--threshold", "5"],
        &[&good, "--against", &good, "--threshold", "x%"],
        &[&good, "--against", &good, "--threshold", "100%"],
        &[&good, "--against", &good, "--threshold", "p50=5%"],
        &[&good, "--against", &good, "--threshold", "failure_rate=0.1"],
        &[&good, "--against", &good, "--metric", "p50"],
        &[&good, "--against", &good, "--operation", "no"],
        &[&good, "--against", &good, "--explain", "no", "cpu"],
        &[&good, "--against", &good, "--explain", "rule_refresh"],
        &[&good, "--against", &good, "--config", &missing],
        &[&good, "--against", &good, "--config", &bad],
        &[&good, "--against", &good, "--config", &unknown],
        &[&good, &other, "--against", &good, "--paired"],
        &[&good, "--against", &good, "--paired", "--unpaired"],
        &[&good, "--against", &good, "--format", "csv"],
        &[&good, "--against", &good, "--json", &nowhere],
        &[&good, "--against", &good, "--seed", "-1"],
    ];
    let mut transcript = String::new();
    for case in cases {
        let arguments = [&["compare"], *case].concat();
        transcript.push_str(&format!(
            "$ {}\n{}\n",
            arguments.join(" "),
            refused(&arguments)
        ));
    }
    insta::assert_snapshot!("compare_mistakes", place.plain(&transcript));
}
