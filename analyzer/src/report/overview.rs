//! The top of the report: the recordings, and the figures per operation.

use maud::{Markup, html};

use super::html::{shown, table};
use super::{Side, role};
use crate::figures::{Summary, Target};
use crate::output::{Align, Measure, measures, shown_measures};
use crate::units::{duration, span};

/// The title, and the facts about each recording.
pub(super) fn header(sides: &[Side]) -> Markup {
    html! {
        header {
            @match sides {
                [only] => {
                    h1 { (shown(&only.name)) } "\n"
                    (facts(only))
                }
                _ => {
                    h1 { "Recordings side by side" } "\n"
                    div class="sides" { "\n"
                        @for (index, side) in sides.iter().enumerate() {
                            section {
                                h2 { span class="role" { (role(sides, index)) } " " (shown(&side.name)) }
                                "\n" (facts(side))
                            } "\n"
                        }
                    } "\n"
                }
            }
        } "\n"
    }
}

fn facts(side: &Side) -> Markup {
    let (info, summary) = (&side.info, &side.summary);
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let range = info.from_ns.zip(info.to_ns);
    let targets: Vec<String> = info.observed.iter().map(Target::label).collect();
    let facts = [
        ("Time", range.map(|(from, to)| span(from, to))),
        (
            "Observed",
            summary.observed_ns.map(|ns| duration(ns as f64)),
        ),
        (
            "State",
            (!info.running.is_empty()).then(|| "still running".to_owned()),
        ),
        ("Host", list(&info.hosts)),
        ("CPU", info.cpus_label()),
        ("Target", list(&targets)),
        ("Source", list(&info.sources)),
        ("Recorder", list(&info.recorder_versions)),
    ];
    html! {
        dl {
            @for (name, value) in facts {
                @if let Some(value) = value {
                    dt { (name) } dd { (shown(&value)) } "\n"
                }
            }
        } "\n"
    }
}

/// Figures per operation of one recording; a measure that no operation has is left out.
pub(super) fn summary(summary: &Summary) -> Markup {
    let all: Vec<Vec<Measure>> = summary.operations.iter().map(measures).collect();
    let figures = match all.first() {
        None => html! { p { "No operation was observed yet." } "\n" },
        Some(first) => figures(summary, &all, first),
    };
    html! { section { h2 { "Operations" } "\n" (figures) } "\n" }
}

fn figures(summary: &Summary, all: &[Vec<Measure>], first: &[Measure]) -> Markup {
    let columns = shown_measures(&summary.operations, all);
    let mut headings = vec![("operation", Align::Left)];
    headings.extend(
        columns
            .iter()
            .map(|&column| (first[column].name, Align::Right)),
    );
    let rows = summary.operations.iter().zip(all);
    let rows: Vec<Vec<String>> = rows
        .map(|(operation, row)| {
            let mut cells = vec![operation.operation.clone()];
            cells.extend(columns.iter().map(|&column| row[column].text.clone()));
            cells
        })
        .collect();
    html! {
        (table("Figures per operation", &headings, &rows))
        @if let Some(note) = summary.durations_note() {
            p { (shown(&format!("{}.", capitalized(&note)))) } "\n"
        }
    }
}

fn capitalized(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
