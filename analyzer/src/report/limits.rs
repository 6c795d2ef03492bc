//! What the data cannot show: searches and effects that were not decided, and what the recordings do
//! not hold.

use maud::{Markup, html};
use soakbox_statistics::Verdict;

use super::html::{heading, shown, table};
use super::{Judgement, Part, Report, completeness};
use crate::output::{
    Align, FINDING_HEADINGS, SameReason, Undecided, finding_cells, shared_reasons,
};
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
            let open = answer.findings.iter();
            let open: Vec<_> = open.filter(|one| one.status == "inconclusive").collect();
            let (single, groups) = shared_reasons(&open);
            let rows: Vec<Vec<String>> = single.into_iter().map(finding_cells).collect();
            let things = if open.len() == 1 {
                "search"
            } else {
                "searches"
            };
            let counted = format!("{} {things}", count(open.len() as u64));
            note(&counted, &groups, &FINDING_HEADINGS, &rows)
        }
        Judgement::Comparison(answer) => {
            let open = answer.effects.iter();
            let open = open.filter(|one| one.judged == Verdict::Inconclusive);
            let number = open.clone().count() as u64;
            let groups = SameReason::of(open.map(Undecided::effect));
            let (single, groups): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(SameReason::is_single);
            let rows: Vec<Vec<String>> = single.iter().map(SameReason::cells).collect();
            let headings = ["operation", "metric", "reason"].map(|name| (name, Align::Left));
            let counted = format!("{} {}", count(number), plural(number, "effect"));
            note(&counted, &groups, &headings, &rows)
        }
        Judgement::None(why) => html! {
            p { "Nothing was judged: " (shown(why)) "." } "\n"
        },
    }
}

/// What was not decided, with the reasons: a sentence for each reason that several share, and a table of
/// the others.
fn note(
    counted: &str,
    groups: &[SameReason],
    headings: &[(&str, Align)],
    rows: &[Vec<String>],
) -> Markup {
    html! {
        @if rows.is_empty() && groups.is_empty() {
            p { "Everything that was judged could be decided." } "\n"
        } @else {
            details {
                summary { (counted) " could not be decided" } "\n"
                @if !groups.is_empty() {
                    ul { "\n"
                        @for group in groups {
                            li { (shown(&group.sentence())) } "\n"
                        }
                    } "\n"
                }
                @if !rows.is_empty() {
                    (table("What could not be decided", headings, rows))
                }
            } "\n"
        }
    }
}
