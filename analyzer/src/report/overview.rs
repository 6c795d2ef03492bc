//! The facts about each recording, and its figures per operation.

use maud::{Markup, html};

use super::html::{capital, heading, shown, table};
use super::{Part, Report, Side, role};
use crate::figures::{Summary, Target};
use crate::output::{Align, Measure, measures, shown_measures};
use crate::units::{count, duration, span};

/// Where the data come from: the facts about each recording.
pub(super) fn provenance(report: &Report, part: &Part) -> Markup {
    html! {
        section {
            (heading(part.level, html! { "Provenance" }))
            @match report.sides.as_slice() {
                [only] => (facts(only)),
                sides => {
                    div class="sides" { "\n"
                        @for (index, side) in sides.iter().enumerate() {
                            section {
                                (heading(part.level + 1, html! {
                                    span class="role" { (role(report, index)) } " "
                                    span class="name" { (shown(&side.name)) }
                                }))
                                (facts(side))
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
    // Times that were made up tell no time.
    let range = range.filter(|_| summary.no_rates.is_none());
    let targets: Vec<String> = info.observed.iter().map(Target::label).collect();
    let mut builds: Vec<String> = info
        .observed
        .iter()
        .filter_map(|target| target.build_id.clone())
        .collect();
    builds.sort();
    builds.dedup();
    let rows: Vec<String> = info
        .tables
        .iter()
        .filter(|(_, extent)| extent.rows > 0)
        .map(|(table, extent)| format!("{table} {}", count(extent.rows)))
        .collect();
    let rows = list(&rows);
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
        ("Build", list(&builds)),
        ("Recorder", list(&info.recorder_versions)),
        ("Rows", rows),
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
pub(super) fn summary(summary: &Summary, part: &Part) -> Markup {
    let all: Vec<Vec<Measure>> = summary.operations.iter().map(measures).collect();
    let figures = match all.first() {
        None => html! { p { "No operation was observed yet." } "\n" },
        Some(first) => figures(summary, &all, first),
    };
    html! {
        section {
            (heading(part.level, html! { "Operations" }))
            (figures)
        } "\n"
    }
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
            p { (shown(&format!("{}.", capital(&note)))) } "\n"
        }
    }
}
