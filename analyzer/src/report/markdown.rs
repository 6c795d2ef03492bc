//! The report as a Markdown summary, for the comment of a code review or a chat. It is bounded
//! whatever the number of operations.

use soakbox_statistics::Verdict;

use super::bounded::{Bounded, item, shown};
use super::completeness::made_up;
use super::{Judgement, Report, headline, role};
use crate::output::{
    FINDING_HEADINGS, HEADINGS, Headline, Measure, SameReason, Undecided, cells, facts,
    finding_cells, measures,
};
use crate::units::{count, span};

/// The measures of an operation that the summary has; the page has all.
const MEASURES: [&str; 7] = ["count", "lost", "rate", "failures", "p50", "p99", "max"];

/// The summary: below 64 KiB.
pub fn markdown(report: &Report) -> String {
    let mut text = Bounded::default();
    let headline = headline::of(&report.judgement);
    text.line(&format!("# {}", shown(&report.title())));
    if report.title.is_some() {
        text.line("");
        text.line(&item(&report.name()));
    }
    content(report, &headline, &mut text);
    provenance_of_program(&mut text);
    text.finish()
}

/// Everything below the title.
pub(super) fn content(report: &Report, headline: &Headline, text: &mut Bounded) {
    verdict(headline, text);
    for scope in &report.scope {
        text.line("");
        text.line(&shown(scope));
    }
    judged(report, text);
    operations(report, text);
    limits(report, text);
    provenance(report, text);
}

/// The verdict with its reasons.
pub(super) fn verdict(headline: &Headline, text: &mut Bounded) {
    text.line("");
    text.line(&format!(
        "**{}**: {}.",
        headline.word,
        shown(&headline.sentence)
    ));
    text.line("");
    for (index, reason) in headline.reasons.iter().enumerate() {
        text.line(&format!("{}. {}", index + 1, item(reason)));
    }
    if headline.more > 0 {
        text.line("");
        text.line(&format!("{} more.", count(headline.more as u64)));
    }
}

/// What wrote it.
pub(super) fn provenance_of_program(text: &mut Bounded) {
    text.list([format!("soakbox-analyzer {}", env!("CARGO_PKG_VERSION"))].into_iter());
}

fn judged(report: &Report, text: &mut Bounded) {
    match &report.judgement {
        Judgement::Soak(answer) => {
            let found = answer.findings.iter().filter(|one| one.status == "found");
            let rows: Vec<Vec<String>> = found.map(finding_cells).collect();
            if !rows.is_empty() {
                let headings = FINDING_HEADINGS.map(|(heading, _)| heading);
                text.heading("Findings");
                text.table(&headings, &rows);
            }
        }
        Judgement::Comparison(answer) => {
            text.heading("Effects");
            let facts = facts(answer).into_iter();
            text.list(facts.map(|(name, fact)| format!("{name}: {fact}")));
            let mut effects: Vec<_> = answer.effects.iter().collect();
            effects.sort_by_key(|one| match one.judged {
                Verdict::Regressed => 0,
                Verdict::Inconclusive => 1,
                Verdict::Improved => 2,
                Verdict::Pass => 3,
            });
            let rows: Vec<Vec<String>> =
                effects.into_iter().map(|one| cells(one).to_vec()).collect();
            if !rows.is_empty() {
                text.line("");
                text.table(&HEADINGS, &rows);
            }
        }
        Judgement::None(_) => {}
    }
}

fn operations(report: &Report, text: &mut Bounded) {
    for (index, side) in report.sides.iter().enumerate() {
        let mut operations: Vec<_> = side.summary.operations.iter().collect();
        if operations.is_empty() {
            continue;
        }
        operations.sort_by(|a, b| b.count.cmp(&a.count).then(a.operation.cmp(&b.operation)));
        match report.sides.len() {
            1 => text.heading("Operations"),
            _ => text.heading(&format!("Operations of the {}", role(report, index))),
        }
        let is_shown = |measure: &Measure| MEASURES.contains(&measure.name);
        let rows = operations.into_iter().map(|operation| {
            let numbers = measures(operation).into_iter().filter(is_shown);
            let name = [operation.operation.clone()].into_iter();
            name.chain(numbers.map(|measure| measure.text)).collect()
        });
        let rows: Vec<Vec<String>> = rows.collect();
        text.table(&[&["operation"][..], &MEASURES].concat(), &rows);
    }
}

fn limits(report: &Report, text: &mut Bounded) {
    text.heading("What the data cannot show");
    for (index, side) in report.sides.iter().enumerate() {
        let whose = match report.sides.len() {
            1 => String::new(),
            _ => format!("{}: ", role(report, index)),
        };
        if side.summary.warnings.is_empty() {
            text.list([format!("{whose}no losses and no gaps were recorded")].into_iter());
        }
        let warnings = side.summary.warnings.iter();
        text.list(warnings.map(|warning| format!("{whose}{warning}")));
        let times = side.info.times.iter();
        text.list(times.map(|times| format!("{whose}{}", made_up(times))));
    }
    match &report.judgement {
        Judgement::Soak(answer) => {
            let open = answer.findings.iter();
            let open = open.filter(|one| one.status == "inconclusive");
            undecided(SameReason::of(open.map(Undecided::search)), text);
        }
        Judgement::Comparison(answer) => {
            let open = answer.effects.iter();
            let open = open.filter(|one| one.judged == Verdict::Inconclusive);
            undecided(SameReason::of(open.map(Undecided::effect)), text);
        }
        Judgement::None(why) => text.list([format!("nothing was judged: {why}")].into_iter()),
    }
}

fn undecided(groups: Vec<SameReason>, text: &mut Bounded) {
    let sentences = groups.iter().map(SameReason::sentence);
    text.list(sentences.map(|sentence| format!("undecided: {sentence}")));
}

fn provenance(report: &Report, text: &mut Bounded) {
    text.heading("Provenance");
    let sides = report.sides.iter().enumerate();
    let lines = sides.map(|(index, side)| {
        let whose = match report.sides.len() {
            1 => String::new(),
            _ => format!("{}: ", role(report, index)),
        };
        let mut line = format!("{whose}{}", side.name);
        let range = side.info.from_ns.zip(side.info.to_ns);
        if let Some((from, to)) = range.filter(|_| side.summary.no_rates.is_none()) {
            line.push_str(&format!(", {}", span(from, to)));
        }
        for (name, values) in [
            ("host", &side.info.hosts),
            ("target", &side.info.targets),
            ("recorder", &side.info.recorder_versions),
        ] {
            if !values.is_empty() {
                line.push_str(&format!(", {name} {}", values.join(", ")));
            }
        }
        line
    });
    text.list(lines.collect::<Vec<_>>().into_iter());
}
