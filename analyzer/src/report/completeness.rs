//! Whether a recording holds everything that happened: losses, gaps and the other warnings, which a
//! reader must know before the figures.

use maud::{Markup, html};
use soakbox_schemas::recording::footer::EVEN;

use super::html::{capital, shown, table};
use super::{Report, Side, role};
use crate::output::{Align, MISSING};
use crate::units::{duration, rfc3339};
use crate::windows::MADE_UP;

/// A note per side.
pub(super) fn notes(report: &Report) -> Markup {
    html! {
        @for (index, side) in report.sides.iter().enumerate() {
            (note(side, &prefix(report, index)))
        }
    }
}

/// The side that a note is about, if there are several sides.
fn prefix(report: &Report, index: usize) -> String {
    match report.sides.as_slice() {
        [_] => String::new(),
        _ => format!("{}: ", capital(&role(report, index))),
    }
}

/// What an import made up, of a recording with such times, and what cannot be seen therefore.
pub(super) fn made_up(times: &str) -> String {
    let what = match times {
        EVEN => " within each interval of its file: nothing within an interval can be seen",
        _ => ": nothing over time can be seen, and no rate",
    };
    format!("{MADE_UP}{what}")
}

fn note(side: &Side, whose: &str) -> Markup {
    html! {
        (held(side, whose))
        @for times in &side.info.times {
            p { (capital(&format!("{whose}{}.", made_up(times)))) } "\n"
        }
    }
}

/// Whether the recording holds everything.
fn held(side: &Side, whose: &str) -> Markup {
    if side.summary.complete {
        let mut counted = side.info.operations.iter();
        let checked = match side.info.identity_ok {
            Some(true) => "the kernel’s counts and the rows agree",
            _ if counted.any(|one| one.is_counted) => {
                "it has no complete interval yet to compare the kernel’s counts with the rows"
            }
            _ => "the recording has no counters to compare the rows with",
        };
        let note = format!("{whose}no losses and no gaps were recorded; {checked}.");
        return html! {
            p class="complete" { (capital(&note)) } "\n"
            @if !side.summary.warnings.is_empty() {
                (warnings(side))
            }
        };
    }
    let heading = format!("{whose}this recording does not hold everything that happened.");
    html! {
        aside class="incomplete" {
            p { strong { (capital(&heading)) } } "\n"
            (warnings(side))
        } "\n"
        @if !side.info.gaps.is_empty() {
            (gaps(side, whose))
        }
    }
}

fn warnings(side: &Side) -> Markup {
    html! {
        ul { "\n"
            @for warning in &side.summary.warnings {
                li { (shown(&warning.to_string())) } "\n"
            }
        } "\n"
    }
}

fn gaps(side: &Side, whose: &str) -> Markup {
    let missing = || MISSING.to_owned();
    let rows: Vec<Vec<String>> = side
        .info
        .gaps
        .iter()
        .map(|gap| {
            vec![
                rfc3339(gap.from_ns),
                gap.to_ns.map_or_else(missing, rfc3339),
                gap.length_ns()
                    .map_or_else(missing, |ns| duration(ns as f64)),
                gap.cause.clone(),
            ]
        })
        .collect();
    let headings = [
        ("from", Align::Left),
        ("to", Align::Left),
        ("length", Align::Right),
        ("cause", Align::Left),
    ];
    let summary = match rows.len() {
        1 => format!("{whose}1 gap"),
        gaps => format!("{whose}{gaps} gaps"),
    };
    html! {
        details {
            summary { (capital(&summary)) } "\n"
            (table(&format!("{whose}gaps in the observation"), &headings, &rows))
        } "\n"
    }
}
