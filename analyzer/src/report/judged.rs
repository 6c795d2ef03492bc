//! What was judged, as tables: the findings of a soak test, or the effects of a comparison.

use maud::{Markup, html};

use super::html::{capital, heading, shown, table};
use super::{Judgement, Part};
use crate::compare::Answer;
use crate::output::{
    ABSENT_HEADINGS, Align, FINDING_HEADINGS, HEADINGS, absent_rows, cells, facts, finding_cells,
    notes,
};
use crate::soak::{FindingAnswer, SoakAnswer};
use crate::units::{count, percent};

pub(super) fn section(judgement: &Judgement, part: &Part) -> Markup {
    match judgement {
        Judgement::Soak(answer) => findings(answer, part),
        Judgement::Comparison(answer) => effects(answer, part),
        Judgement::None(_) => html! {},
    }
}

fn findings(answer: &SoakAnswer, part: &Part) -> Markup {
    let of = |status: &str| -> Vec<&FindingAnswer> {
        let all = answer.findings.iter();
        all.filter(|one| one.status == status).collect()
    };
    let found: Vec<Vec<String>> = of("found").into_iter().map(finding_cells).collect();
    let absent = absent_rows(&of("absent"));
    html! {
        section {
            (heading(part.level, html! { "Findings" }))
            @if answer.searches == 0 {
                p { "Nothing could be searched." } "\n"
            } @else if found.is_empty() {
                p { "Nothing was found." } "\n"
            } @else {
                (table("What was found", &FINDING_HEADINGS, &found))
            }
            @if !absent.is_empty() {
                details {
                    summary { "What was not found, and would have been seen" } "\n"
                    (table("What was not found", &ABSENT_HEADINGS, &absent))
                } "\n"
            }
            @if answer.searches > 0 {
                p {
                    (count(answer.searches as u64)) " searches share a false-alarm rate of "
                    (percent(answer.false_alarm)) "."
                } "\n"
            }
        } "\n"
    }
}

fn effects(answer: &Answer, part: &Part) -> Markup {
    let right = |heading| matches!(heading, "base" | "candidate" | "change" | "interval");
    let headings = HEADINGS.map(|heading| match right(heading) {
        true => (heading, Align::Right),
        false => (heading, Align::Left),
    });
    let rows: Vec<Vec<String>> = answer
        .effects
        .iter()
        .map(|one| cells(one).to_vec())
        .collect();
    html! {
        section {
            (heading(part.level, html! { "Effects" }))
            dl { "\n"
                @for (name, fact) in facts(answer) {
                    dt { (capital(name)) } dd { (shown(&fact)) } "\n"
                }
            } "\n"
            @if !rows.is_empty() {
                details {
                    summary { "All effects as a table" } "\n"
                    (table("Effects", &headings, &rows))
                    @for note in notes(answer) {
                        p { (note) } "\n"
                    }
                } "\n"
            }
        } "\n"
    }
}
