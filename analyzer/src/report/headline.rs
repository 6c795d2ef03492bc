//! The top of the page: what it is about, the verdict, and its main reasons.

use maud::{Markup, html};

use super::html::{capital, shown};
use super::{Judgement, Report};
use crate::output::{Headline, Tone, soak_headline, verdict_reasons};
use crate::units::{count, duration, plural, span};

/// The verdict with its reasons.
pub(super) fn of(judgement: &Judgement) -> Headline {
    match judgement {
        Judgement::Soak(answer) => soak_headline(answer),
        Judgement::Comparison(answer) => verdict_reasons(answer),
        Judgement::None(why) => Headline::not_judged(why.clone()),
    }
}

/// The top of a page of one report.
pub(super) fn header(report: &Report) -> Markup {
    let kind = match report.sides.len() {
        1 => "Soak test",
        _ => "Comparison",
    };
    html! {
        header {
            p class="kind" {
                (kind)
                @if report.title.is_some() {
                    ": " (shown(&report.name()))
                }
            } "\n"
            h1 { (shown(&report.title())) } "\n"
            @if let Some(when) = when(report) {
                p class="when" { (shown(&when)) } "\n"
            }
            (verdict(report))
        } "\n"
    }
}

/// How a verdict is marked.
pub(super) fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Open => "open",
    }
}

/// The verdict with its reasons.
pub(super) fn verdict(report: &Report) -> Markup {
    let headline = of(&report.judgement);
    let warnings = report.sides.iter().flat_map(|side| &side.summary.warnings);
    let warnings = warnings.filter(|one| one.is_incomplete()).count() as u64;
    html! {
        div class={ "verdict " (class(headline.tone)) } {
            p {
                strong class="word" { (headline.word) } " "
                (shown(&capital(&headline.sentence))) "."
            } "\n"
            @if !headline.reasons.is_empty() {
                ol { "\n"
                    @for reason in &headline.reasons {
                        li { (shown(reason)) } "\n"
                    }
                } "\n"
            }
            @if headline.more > 0 {
                p class="more" { (more(headline.more)) " below." } "\n"
            }
            @for scope in &report.scope {
                p class="more" { (shown(scope)) } "\n"
            }
            @if warnings > 0 {
                p class="more" {
                    "The data are incomplete: " (count(warnings)) " "
                    (plural(warnings, "warning")) " in “What the data cannot show”."
                } "\n"
            }
        } "\n"
    }
}

/// How many reasons are not shown, as the begin of a sentence.
fn more(others: usize) -> String {
    match others {
        1 => "The other one is".to_owned(),
        more => format!("The other {} are", count(more as u64)),
    }
}

/// When it was recorded, of one recording; of two, how long each is.
pub(super) fn when(report: &Report) -> Option<String> {
    match report.sides.as_slice() {
        [only] => {
            let range = only.info.from_ns.zip(only.info.to_ns);
            let range = range.filter(|_| only.summary.no_rates.is_none());
            range.map(|(from, to)| span(from, to))
        }
        [_, _, _, ..] | [] => None,
        sides => {
            let lengths = sides.iter().filter_map(|side| side.summary.observed_ns);
            let lengths: Vec<String> = lengths.map(|ns| duration(ns as f64)).collect();
            (!lengths.is_empty()).then(|| format!("observed for {}", lengths.join(" and ")))
        }
    }
}
