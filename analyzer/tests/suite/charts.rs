//! `chart`: every kind from a recording, its numbers as a table, and mistakes on the command line.

use std::fs;

use crate::chart_samples;
use crate::program::{Place, printed, refused};
use soakbox_analyzer::chart;
use soakbox_testing::Soak;

/// Kinds that show one recording.
const OF_RECORDING: [&str; 6] = [
    "percentiles",
    "heatmap",
    "throughput",
    "cpu",
    "memory",
    "health",
];

/// A recording with losses, a gap, a note and a change of level.
fn recording(place: &Place, name: &str, seed: u64, slowdown: f64) -> String {
    let soak = Soak {
        seconds: 120,
        lost: 3,
        gap_at: Some(70),
        slowdown,
        seed,
        ..Soak::default()
    };
    let root = place.path().join(name);
    soak.seal(&root);
    root.to_str().unwrap().to_owned()
}

/// The texts of an SVG that is well-formed.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| node.text().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn every_kind_is_drawn_from_a_recording_and_has_its_numbers() {
    let place = Place::new();
    let slower = recording(&place, "slower", 2, 2.5);
    for kind in OF_RECORDING {
        let svg = printed(&["chart", kind, &slower]);
        assert_eq!(svg, printed(&["chart", kind, &slower]), "{kind}");
        let texts = texts(&svg);
        assert!(texts[0].starts_with("slower: "), "{kind}: {texts:?}");
        assert!(svg.contains("<desc"), "{kind}");
        let has = |text: &str| texts.iter().any(|one| one == text);
        assert!(
            has("deploy 1.4") && has("observation incomplete"),
            "{kind}: {texts:?}"
        );
        let csv = printed(&["chart", kind, &slower, "--format", "csv"]);
        let lines: Vec<&str> = csv.lines().collect();
        let columns = lines[0].matches(',').count();
        assert!(lines.len() > 8, "{kind}: {csv}");
        assert!(
            lines
                .iter()
                .all(|line| line.matches(',').count() == columns),
            "{kind}"
        );
    }
    for kind in ["spectrum", "ecdf"] {
        let base = recording(&place, "base", 1, 1.0);
        let svg = printed(&["chart", kind, &base, &slower]);
        let texts = texts(&svg);
        assert!(
            texts.contains(&"rule_refresh".to_owned()),
            "{kind}: {texts:?}"
        );
        assert!(texts.contains(&"slower".to_owned()), "{kind}: {texts:?}");
    }
}

#[test]
fn changes_are_those_of_the_command_and_can_be_left_out() {
    let place = Place::new();
    let slower = recording(&place, "slower", 2, 2.5);
    let is_change = |text: &String| text.starts_with("▲ p50 +") || text.starts_with("▲ p99 +");
    let with = texts(&printed(&["chart", &slower]));
    assert!(with.iter().any(is_change), "{with:?}");
    let found = printed(&["changes", &slower]);
    assert!(found.contains("rule_refresh duration_p50"), "{found}");
    let without = texts(&printed(&["chart", &slower, "--no-changes"]));
    assert!(!without.iter().any(is_change), "{without:?}");
}

#[test]
fn a_baseline_has_a_band() {
    let place = Place::new();
    let good = recording(&place, "good", 1, 1.0);
    let slower = recording(&place, "slower", 2, 2.5);
    let file = place.path().join("good.sbl");
    let file = file.to_str().unwrap();
    printed(&["baseline", "create", &good, "-o", file]);
    let svg = printed(&["chart", &slower, "--baseline", file]);
    let texts = texts(&svg);
    assert!(texts.contains(&"baseline".to_owned()), "{texts:?}");
    assert!(
        texts.iter().any(|text| text.contains("good.sbl")),
        "{texts:?}"
    );
    let csv = printed(&["chart", &slower, "--baseline", file, "--format", "csv"]);
    assert!(
        csv.starts_with(
            "operation,window_from,count,p50_ns,p95_ns,p99_ns,lost,baseline_p50_low_ns"
        )
    );
}

#[test]
fn a_comparison_is_drawn_with_the_numbers_of_compare() {
    let place = Place::new();
    let base = recording(&place, "base", 1, 1.0);
    let slower = recording(&place, "slower", 2, 2.5);
    let verdict =
        crate::program::analyzer(&["compare", &base, "--against", &slower, "--format", "json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&verdict.stdout).unwrap();
    let effects = verdict["effects"].as_array().unwrap();
    let forest = printed(&[
        "chart",
        "forest",
        &base,
        "--against",
        &slower,
        "--format",
        "csv",
    ]);
    assert_eq!(forest.lines().count(), effects.len() + 1);
    for effect in effects {
        let change = effect["measured"]["change"]
            .as_f64()
            .map_or_else(String::new, |change| change.to_string());
        let line = format!(
            "{},{},",
            effect["operation"].as_str().unwrap(),
            effect["metric"].as_str().unwrap()
        );
        let found = forest.lines().find(|one| one.starts_with(&line)).unwrap();
        assert_eq!(found.split(',').nth(4), Some(&*change), "{found}");
    }
    let shift = printed(&[
        "chart",
        "shift",
        &base,
        "--against",
        &slower,
        "--threshold",
        "7%",
    ]);
    let texts = texts(&shift);
    assert!(
        texts.contains(&"p99".to_owned()) && texts.contains(&"worse".to_owned()),
        "{texts:?}"
    );
}

#[test]
fn the_rows_of_a_query_are_drawn() {
    let place = Place::new();
    let slower = recording(&place, "slower", 2, 2.5);
    let query = "SELECT date_bin(INTERVAL '10 seconds', finished_at) AS at, operation, \
                 quantile(duration_ns, 0.99) AS p99_ns, count(*) AS n FROM operation_log GROUP BY 1, 2";
    let by = [
        "chart",
        "sql",
        &slower,
        query,
        "--by",
        "operation",
        "--y",
        "p99_ns",
    ];
    let svg = printed(&by);
    let texts = texts(&svg);
    assert!(texts.contains(&"traffic_control".to_owned()), "{texts:?}");
    assert!(
        texts.iter().any(|text| text.starts_with("p99_ns (log")),
        "{texts:?}"
    );
    assert_eq!(svg, printed(&by));
    let file = place.path().join("rows.md");
    printed(&[
        "chart",
        "sql",
        &slower,
        query,
        "--by",
        "operation",
        "-o",
        file.to_str().unwrap(),
    ]);
    let table = fs::read_to_string(file).unwrap();
    assert!(
        table.starts_with("| column | group | at | value |\n| --- | --- | --- | ---: |\n"),
        "{table}"
    );
    let names =
        "SELECT operation, max(duration_ns) AS max_ns FROM operation_log GROUP BY 1 ORDER BY 1";
    let svg = printed(&["chart", "sql", &slower, names]);
    assert!(self::texts(&svg).contains(&"rule_refresh".to_owned()));
}

/// The rows of a query on recordings and files under names, and of a part of the time, are those of `sql`.
#[test]
fn a_query_of_a_chart_has_the_tables_and_the_range_of_sql() {
    let place = Place::with_recording();
    let root = recording(&place, "own", 1, 1.0);
    let root = root.as_str();
    let named = format!("a={root}");
    let query = "SELECT date_trunc('second', finished_at) AS at, count(*) AS n FROM a.operation_log \
                 GROUP BY 1 ORDER BY 1";
    let range = [
        "--from",
        "2026-11-24T08:00:10Z",
        "--to",
        "2026-11-24T08:00:15Z",
    ];
    let shared = ["--as", &named, query, "--format", "csv"];
    let chart = printed(&[&["chart", "sql"][..], &shared, &range].concat());
    let sql = printed(&[&["sql"][..], &shared, &range].concat());
    let last = |text: &str| -> Vec<String> {
        let rows = text.lines().skip(1);
        rows.map(|row| row.rsplit(',').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(last(&chart), last(&sql));
    assert_eq!(last(&sql).len(), 5, "{sql}");

    let file = place.path().join("rows.parquet");
    let file = file.to_str().unwrap();
    printed(&["sql", root, query.replace("a.", "").as_str(), "-o", file]);
    let table = format!("seconds={file}");
    let of_file = "SELECT at, n FROM seconds ORDER BY at";
    let chart = printed(&[
        "chart", "sql", "--table", &table, of_file, "--format", "csv",
    ]);
    let all = printed(&["sql", root, &query.replace("a.", ""), "--format", "csv"]);
    assert_eq!(last(&chart), last(&all));
}

#[test]
fn mistakes_name_the_next_step() {
    let place = Place::with_recording();
    let root = place.text();
    let query = "SELECT operation, duration_ns FROM operation_log";
    let cases: [&[&str]; 14] = [
        &["chart", "network", root],
        &["chart", "shift", root],
        &["chart", "memory", root, root],
        &["chart", "latency", root],
        &["chart", root, "--against", root],
        &["chart", "cpu", root, "--baseline", root],
        &["chart", "heatmap", root, "--y", "n"],
        &["chart", "heatmap", root, "--from", "2026-11-24"],
        &["chart", "cpu", root, "--as", "a=b"],
        &["chart", root, "--operation", "nothing"],
        &["chart", "sql", root, query, "--x", "nothing"],
        &["chart", "sql", root, query, "--y", "operation"],
        &["chart", "sql", root, "SELECT operation FROM operation_log"],
        &["chart", "sql", root, "SELECT 1 AS n, 2 AS m; SELECT 2"],
    ];
    let mistakes: Vec<String> = cases
        .iter()
        .map(|arguments| place.plain(&refused(arguments)))
        .collect();
    insta::assert_snapshot!("chart_mistakes", mistakes.concat());
}

#[test]
fn small_charts_stay_as_they_are() {
    let wanted = [
        "percentiles-milliseconds",
        "heatmap-one-point",
        "memory-milliseconds",
        "cpu-milliseconds",
        "throughput-milliseconds",
        "health-milliseconds",
        "spectrum-one-point",
        "ecdf-one-point",
        "shift-plain",
        "forest-plain",
        "rows-names",
        "rows-groups",
    ];
    for (name, one) in chart_samples::all() {
        if wanted.contains(&name.as_str()) {
            insta::assert_snapshot!(format!("chart_{name}"), chart::page(&*one).unwrap());
        }
    }
}
