//! Text in a recording comes from others: an argument of a command, a host's name, a note. Whatever
//! it is, terminals, pages and charts show it without interpreting it; JSON and CSV keep it
//! unchanged.

use std::collections::BTreeMap;
use std::fs;

use crate::program::{analyzer, json, printed, refused, text};
use proptest::prelude::*;
use soakbox_analyzer::chart;
use soakbox_analyzer::coverage::{Gap, Moment};
use soakbox_analyzer::figures::{
    DeletedExtent, DurationsOf, Info, LatencyWindow, OperationSummary, OperationTimeline, Summary,
    Target, Timeline, Warning,
};
use soakbox_analyzer::pictures;
use soakbox_analyzer::recording::TimeRange;
use soakbox_analyzer::report::{self, Report, Side};
use soakbox_cli::escaped;
use soakbox_schemas::recording::footer::{Cpu, LeftOut, ObservedOperation, Vouched};
use soakbox_schemas::tables::AnnotationKind;
use soakbox_testing::{ForeignTexts, HOSTILE_TEXTS, SECOND, START_NS};

/// Characters that must reach neither a terminal, nor a page, nor a picture. A text's own line
/// breaks are escaped; those of the output are not.
fn acts(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}'
        )
}

fn assert_harmless(output: &str, whose: &str) {
    let found = output.chars().find(|character| acts(*character));
    assert_eq!(found, None, "{whose}: {output}");
}

#[test]
fn terminals_pages_and_pictures_show_it_and_json_and_csv_keep_it() {
    for hostile in HOSTILE_TEXTS {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("recording");
        ForeignTexts::all(hostile).seal(&root);
        let root = root.to_str().unwrap();
        let shown = escaped(hostile);
        for command in ["info", "summary"] {
            let output = analyzer(&[command, root]);
            let table = text(&output.stdout);
            assert_harmless(&table, command);
            assert_harmless(&text(&output.stderr), command);
            assert!(table.contains(&*shown), "{command}: {table}");
        }
        let info = json(&["info", root, "--format", "json"]);
        assert_eq!(info["operations"][0]["operation"], hostile);
        assert_eq!(info["hosts"][0], hostile);
        assert_eq!(info["targets"][0], hostile);
        assert_eq!(info["gaps"][0]["cause"], hostile);
        let summary = json(&["summary", root, "--format", "json"]);
        assert_eq!(summary["operations"][0]["operation"], hostile);

        let query = "SELECT text, host FROM annotations WHERE kind = 'note'";
        let rows = json(&["sql", root, query, "--format", "json"]);
        assert_eq!(
            rows,
            serde_json::json!([{"text": hostile, "host": hostile}])
        );
        let csv = printed(&["sql", root, query, "--format", "csv"]);
        assert_eq!(parsed_csv(&csv), [["text", "host"], [hostile, hostile]]);
        let table = printed(&["sql", root, query]);
        assert_harmless(&table, "sql");
        assert_eq!(table.lines().count(), 3, "{table}");

        let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        printed(&["chart", root, "-o", &file("chart.svg")]);
        let svg = fs::read_to_string(file("chart.svg")).unwrap();
        assert_harmless(&svg, "chart");
        let texts = texts_of(&svg);
        assert!(texts.iter().any(|text| text == &shown), "{texts:?}");
        printed(&["report", root, "-o", &file("report.html")]);
        let html = fs::read_to_string(file("report.html")).unwrap();
        assert_harmless(&html, "report");
        // Its own script, and the points of each chart.
        let charts = html.matches("<svg ").count();
        assert_eq!(html.matches("<script").count(), charts + 1);
        assert!(!html.contains("<!--"));
        for picture in pictures(&html) {
            texts_of(picture);
        }

        // A refusal shows the text as well.
        let unknown = format!("{} none", hostile.replace('\0', ""));
        let line = refused(&["chart", root, "-o", "-", "--operation", &unknown]);
        assert_harmless(&line, "failure");
    }
}

/// The sentences above and below the tables, too.
#[test]
fn findings_and_changes_show_it() {
    for hostile in HOSTILE_TEXTS {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let quoted = hostile.replace('\0', "").replace('"', "\"\"");
        let mut csv = "t,d,op\n".to_owned();
        // Two levels that come again and again, and a long pause.
        for second in (0..1_600).chain(1_800..3_400) {
            let level = if second / 200 % 2 == 0 { 1_000 } else { 1_900 };
            for part in 0..10 {
                let ns = level + (second * 7919 + part * 104_729) % 97;
                csv.push_str(&format!("{second}.{part},{ns},\"{quoted}\"\n"));
            }
        }
        fs::write(at("rows.csv"), csv).unwrap();
        let (file, root) = (at("rows.csv"), at("recording"));
        let columns = ["--duration=d:ns", "--finished-at=t:s", "--operation=op"];
        let import = [&["import", "csv", &file, "-o", &root], &columns[..]].concat();
        let output = analyzer(&import);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found = printed(&["soak", &root]);
        assert!(found.starts_with("FOUND: "), "{found}");
        assert_harmless(&found, "soak");
        assert!(found.contains("had an outage"), "{found}");
        let found = printed(&["changes", &root]);
        assert_harmless(&found, "changes");
        assert!(found.contains("states rather than changes"), "{found}");
    }
}

/// Fields of a CSV text, by RFC 4180.
fn parsed_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    rows
}

/// The texts of an SVG, as a strict XML parser reads them.
fn texts_of(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}: {svg}"));
    let elements = document.descendants();
    elements
        .filter(|element| element.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .map(|element| {
            element
                .text()
                .unwrap_or_default()
                .trim_matches('\n')
                .to_owned()
        })
        .collect()
}

fn pictures(html: &str) -> impl Iterator<Item = &str> {
    html.match_indices("<svg ").map(|(start, _)| {
        let end = html[start..].find("</svg>").unwrap();
        &html[start..start + end + "</svg>".len()]
    })
}

/// Strings with many of the characters that a terminal, a page or an SVG could interpret.
fn any_text() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        3 => any::<char>(),
        1 => prop::char::range('\0', '\u{9f}'),
        1 => prop::sample::select(&['<', '>', '&', '"', '\'', ';', '#', '/', '-', '\\', '{'][..]),
        1 => prop::char::range('\u{200b}', '\u{206f}'),
        1 => prop::sample::select(&['\u{fffe}', '\u{ffff}', '\u{feff}', '\u{61c}'][..]),
    ];
    prop::collection::vec(letter, 0..24).prop_map(|letters| letters.into_iter().collect())
}

fn timeline(operation: &str, note: &str) -> Timeline {
    let window = |second: i64| LatencyWindow {
        at_ns: START_NS + second * SECOND,
        count: 10,
        p50_ns: 1_000,
        p95_ns: 2_000,
        p99_ns: 90_000,
        lost: 1,
    };
    Timeline {
        range: TimeRange {
            first_ns: START_NS,
            last_ns: START_NS + 10 * SECOND,
        },
        operations: vec![OperationTimeline {
            operation: operation.to_owned(),
            width_ns: SECOND,
            windows: (0..10).map(window).collect(),
            range: TimeRange {
                first_ns: START_NS,
                last_ns: START_NS + 10 * SECOND,
            },
            durations_of: DurationsOf::Rows,
            lost: BTreeMap::from([(START_NS, 1)]),
        }],
        unobserved: Vec::new(),
        moments: [AnnotationKind::Note, AnnotationKind::TargetExited]
            .map(|kind| Moment {
                at_ns: START_NS + SECOND,
                kind,
                text: note.to_owned(),
            })
            .to_vec(),
    }
}

fn side(words: &[String; 4]) -> Side {
    let [name, operation, host, note] = words;
    let warning = Warning::Disagreement {
        operation: operation.clone(),
    };
    let gap = Gap {
        from_ns: START_NS,
        to_ns: None,
        cause: note.clone(),
        is_counted: false,
    };
    Side {
        name: name.clone(),
        info: Info {
            schema: "soakbox.info/1",
            recording: name.into(),
            from_ns: Some(START_NS),
            to_ns: Some(START_NS + SECOND),
            hosts: vec![host.clone()],
            cpus: vec![Cpu {
                model: Some(host.clone()),
                count: Some(2),
            }],
            recorders: Vec::new(),
            running: Vec::new(),
            recorder_versions: vec![host.clone()],
            sources: vec![note.clone()],
            times: vec![note.clone()],
            targets: vec![host.clone(), note.clone()],
            observed: vec![Target {
                path: host.clone(),
                file: note.clone(),
                build_id: Some(note.clone()),
            }],
            left_out: vec![LeftOut {
                operation: operation.clone(),
                reason: note.clone(),
            }],
            vouched: vec![Vouched {
                operation: operation.clone(),
                risk: note.clone(),
            }],
            observed_operations: vec![ObservedOperation {
                operation: operation.clone(),
                probe: note.clone(),
                function: Some(note.clone()),
                left_out: Some(note.clone()),
            }],
            journals: 0,
            tables: BTreeMap::new(),
            deleted: [(
                host.clone(),
                DeletedExtent {
                    rows: 1,
                    files: 1,
                    bytes: 1,
                    from_ns: START_NS,
                    until_ns: START_NS,
                },
            )]
            .into(),
            operations: Vec::new(),
            gaps: vec![gap],
            identity_ok: Some(false),
            warnings: vec![warning.clone()],
        },
        summary: Summary {
            schema: "soakbox.summary/1",
            recording: name.into(),
            from_ns: Some(START_NS),
            to_ns: Some(START_NS + SECOND),
            observed_ns: Some(SECOND),
            no_rates: None,
            complete: false,
            running: Vec::new(),
            warnings: vec![warning],
            operations: vec![OperationSummary {
                operation: operation.clone(),
                ..OperationSummary::default()
            }],
        },
        timeline: Some(timeline(operation, note)),
    }
}

/// The chart of the timeline's operation.
fn page(recording: &str, timeline: &Timeline) -> String {
    let operation = &timeline.operations[0];
    chart::page(&pictures::of_timeline(recording, timeline, operation)).unwrap()
}

/// The names of all tags of a document, in order.
fn tags(html: &str) -> Vec<&str> {
    let tags = html.split('<').skip(1);
    tags.map(|rest| rest.split([' ', '>', '/']).next().unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_picture_is_well_formed_whatever_the_words(
        name in any_text(), operation in any_text(), note in any_text()
    ) {
        let svg = page(&name, &timeline(&operation, &note));
        let found = svg.chars().find(|character| acts(*character));
        prop_assert_eq!(found, None);
        texts_of(&svg);
        let title = format!("Latency over time of {} in {}", escaped(&operation), escaped(&name));
        let document = roxmltree::Document::parse(&svg).unwrap();
        let mut elements = document.descendants();
        let found = elements.find(|element| element.has_tag_name(("http://www.w3.org/2000/svg", "title")));
        prop_assert_eq!(found.and_then(|element| element.text()), Some(title.as_str()));
        let usual = page("name", &timeline("operation", "note"));
        prop_assert_eq!(tags(&svg), tags(&usual));
    }

    #[test]
    fn a_summary_is_bounded_and_has_the_same_lines_whatever_the_words(
        name in any_text(), operation in any_text(), host in any_text(), note in any_text()
    ) {
        let words = [name, operation, host, note];
        let usual = ["name", "operation", "host", "note"].map(str::to_owned);
        let summary = |words| {
            let mut side = side(words);
            let operations = &mut side.summary.operations;
            *operations = vec![operations[0].clone(); 3_000];
            report::markdown(&Report::of(vec![side]))
        };
        let (text, usual) = (summary(&words), summary(&usual));
        prop_assert!(text.len() <= 64 * 1024);
        let found = text.chars().find(|character| *character != '\n' && acts(*character));
        prop_assert_eq!(found, None);
        prop_assert_eq!(text.find('<'), None);
        prop_assert_eq!(text.lines().count(), usual.lines().count());
        prop_assert!(text.contains("2,976 more rows are not shown"), "{}", text);
    }

    #[test]
    fn a_page_has_the_same_elements_whatever_the_words(
        name in any_text(), operation in any_text(), host in any_text(), note in any_text()
    ) {
        let words = [name, operation, host, note];
        let usual = ["name", "operation", "host", "note"].map(str::to_owned);
        for sides in [1, 2] {
            let page = |words| report::html(&Report::of(vec![side(words); sides])).unwrap();
            let (html, usual) = (page(&words), page(&usual));
            let found = html.chars().find(|character| acts(*character));
            prop_assert_eq!(found, None);
            prop_assert_eq!(tags(&html), tags(&usual));
            for picture in pictures(&html) {
                texts_of(picture);
            }
        }
    }
}
