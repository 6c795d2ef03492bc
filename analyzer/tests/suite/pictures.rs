//! Charts and reports: the same bytes for the same recording, readable by screen readers, without
//! scripts, offline.

use std::fs;
use std::path::Path;

use crate::program::{analyzer, printed, text};
use soakbox_testing::Soak;

fn made(root: &Path, arguments: &[&str], file: &str) -> String {
    let path = root.join(file);
    printed(&[arguments, &["-o", path.to_str().unwrap()]].concat());
    fs::read_to_string(path).unwrap()
}

/// Two recordings under fixed names.
fn recordings(root: &Path) -> (String, String) {
    let short = Soak {
        seconds: 70,
        ..Soak::default()
    };
    short.seal(&root.join("base"));
    let slower = Soak {
        slowdown: 1.5,
        lost: 2,
        gap_at: Some(30),
        seed: 2,
        ..short
    };
    slower.seal(&root.join("slower"));
    let text = |name: &str| root.join(name).to_str().unwrap().to_owned();
    (text("base"), text("slower"))
}

#[test]
fn a_chart_is_the_same_bytes_each_time_and_describes_itself() {
    let root = tempfile::tempdir().unwrap();
    let (_, slower) = recordings(root.path());
    let first = made(root.path(), &["chart", &slower], "first.svg");
    let second = made(root.path(), &["chart", &slower], "second.svg");
    assert_eq!(first, second);
    for needed in [
        "role=\"img\"",
        "<title",
        "<desc",
        "stroke-dasharray",
        "#0072B2",
        "latency, ms",
        "latency, µs",
        "time, UTC (2026-11-24)",
        "observation incomplete",
        "operations lost",
        "deploy 1.4",
    ] {
        assert!(first.contains(needed), "{needed}");
    }
    insta::assert_snapshot!("chart", first);
    let one = made(
        root.path(),
        &["chart", &slower, "--operation", "rule_refresh"],
        "one.svg",
    );
    assert!(one.contains("rule_refresh") && !one.contains("traffic_control"));
}

#[test]
fn a_report_needs_nothing_else_and_has_each_chart_as_a_table() {
    let root = tempfile::tempdir().unwrap();
    let (base, slower) = recordings(root.path());
    let single = made(root.path(), &["report", &slower], "single.html");
    let both = made(
        root.path(),
        &["report", &base, "--against", &slower],
        "both.html",
    );
    assert_eq!(
        both,
        made(
            root.path(),
            &["report", &base, "--against", &slower],
            "again.html"
        )
    );
    // Of a soak throughput, memory, CPU and heat map, of a comparison forest, shift and spectrum;
    // and percentiles of each of two operations on each side.
    for (html, of_all, of_operations) in [(&single, 4, 2), (&both, 3, 4)] {
        let charts = of_all + of_operations;
        assert_eq!(html.matches("<svg ").count(), charts);
        assert_eq!(html.matches("role=\"img\"").count(), charts);
        assert_eq!(html.matches("<summary>Numbers</summary>").count(), charts);
        // Its own script, and the points of each chart.
        let points = html.matches("<script type=\"application/json\">").count();
        assert_eq!(
            (points, html.matches("<script").count()),
            (charts, charts + 1)
        );
        for forbidden in ["src=", "href=", "@import", "url("] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        // The only address is the XML namespace of SVG.
        let namespace = "\"http://www.w3.org/2000/svg\"";
        assert_eq!(
            html.matches("//www").count(),
            html.matches(namespace).count()
        );
        assert_eq!(html.matches("://").count(), html.matches(namespace).count());
        assert!(html.contains("prefers-color-scheme"));
        assert!(html.contains("observation was incomplete once, for 10.0 s"));
    }
    // The words and the reasons are those of the other commands, and come before everything else.
    let compared = analyzer(&[
        "compare",
        &base,
        "--against",
        &slower,
        "--format",
        "markdown",
    ]);
    let compared = text(&compared.stdout);
    let soaked = printed(&["soak", &slower]);
    for (html, answer) in [(&both, &compared), (&single, &soaked)] {
        let word = html.split("<strong class=\"word\">").nth(1).unwrap();
        let word = word.split('<').next().unwrap();
        assert!(
            answer.trim_start_matches('*').starts_with(word),
            "{word}: {answer}"
        );
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("no {text}"));
        let order = [
            "class=\"word\"",
            "<svg ",
            "<h2>What the data cannot show",
            "<h2>Provenance",
        ];
        assert!(order.map(place).is_sorted());
    }
    assert!(both.contains("slower against base"));
    let plain = |html: &str| without_charts(html).replace(root.path().to_str().unwrap(), "PLACE");
    insta::assert_snapshot!("report", plain(&single));
    insta::assert_snapshot!("report_against", plain(&both));
}

/// The page without its charts, which have a snapshot of their own.
fn without_charts(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split("<svg ").enumerate() {
        let rest = if index == 0 {
            part
        } else {
            part.split_once("</svg>").unwrap().1
        };
        text.push_str(if index == 0 { "" } else { "[chart]" });
        text.push_str(rest);
    }
    text
}

#[test]
fn names_from_a_recording_never_become_markup() {
    let root = tempfile::tempdir().unwrap();
    let name = "<b>&\"x";
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(&root.path().join(name));
    let recording = root.path().join(name);
    let recording = recording.to_str().unwrap();
    for (command, file) in [("report", "report.html"), ("chart", "chart.svg")] {
        let made = made(root.path(), &[command, recording], file);
        assert!(!made.contains("<b>"), "{command}");
    }
}
