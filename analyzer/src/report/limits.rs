//! What the data cannot show: searches and effects that were not decided, and what the recordings do
//! not hold.

use maud::{Markup, html};
use soakbox_statistics::Verdict;

use super::html::{heading, shown, table};
use super::{Judgement, Part, Report, completeness};
use crate::output::{Align, FINDING_HEADINGS, finding_cells};
use crate::units::{count, plural};

pub(super) fn section(report: &Report, part: &Part) -> Markup {
    html! {
        section {
            (heading(part.level, html! { "What the data cannot show" }))
            (completeness::notes(report))
            (undecided(&report.judgement))
        } "\n"
    }
}

fn undecided(judgement: &Judgement) -> Markup {
    match judgement {
        Judgement::Soak(answer) => {
            let open = answer
                .findings
                .iter()
                .filter(|one| one.status == "inconclusive");
            let rows: Vec<Vec<String>> = open.map(finding_cells).collect();
            note(&rows, "search", &FINDING_HEADINGS)
        }
        Judgement::Comparison(answer) => {
            let open = answer.effects.iter();
            let open = open.filter(|one| one.judged == Verdict::Inconclusive);
            let rows: Vec<Vec<String>> = open
                .map(|one| {
                    vec![
                        one.operation.clone(),
                        one.metric.clone(),
                        one.own_reason.clone(),
                    ]
                })
                .collect();
            let headings = ["operation", "metric", "reason"].map(|name| (name, Align::Left));
            note(&rows, "effect", &headings)
        }
        Judgement::None(why) => html! {
            p { "Nothing was judged: " (shown(why)) "." } "\n"
        },
    }
}

/// What was not decided, with the reasons.
fn note(rows: &[Vec<String>], thing: &str, headings: &[(&str, Align)]) -> Markup {
    let number = rows.len() as u64;
    // “search” has another plural.
    let things = match (thing, number) {
        ("search", 2..) => "searches".to_owned(),
        _ => plural(number, thing),
    };
    html! {
        @if rows.is_empty() {
            p { "Everything that was judged could be decided." } "\n"
        } @else {
            details {
                summary { (count(number)) " " (things) " could not be decided" } "\n"
                (table("What could not be decided", headings, rows))
            } "\n"
        }
    }
}
