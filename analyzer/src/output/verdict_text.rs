//! A verdict as a person reads it in a terminal, and the figures behind one effect.

use soakbox_cli::escaped;

use super::text::styled;
use super::verdict::{HEADINGS, cells, change_text, facts, headline, notes, value_text};
use super::{Align, MISSING, TextTable};
use crate::compare::{Answer, EffectAnswer, ExplanationAnswer};
use crate::units::significant;

/// The verdict, the facts and the effects.
pub fn verdict_text(answer: &Answer) -> String {
    let mut text = format!("{}\n\n", escaped(&headline(answer)));
    for (name, fact) in facts(answer) {
        text.push_str(&format!("  {name:<9} {}\n", escaped(&fact)));
    }
    let right = |heading| matches!(heading, "base" | "candidate" | "change" | "interval");
    let mut table = TextTable::new(HEADINGS.map(|heading| match right(heading) {
        true => (heading, Align::Right),
        false => (heading, Align::Left),
    }));
    for effect in &answer.effects {
        table.row(cells(effect).to_vec());
    }
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table.render(styled()));
    }
    for note in notes(answer) {
        text.push_str(&format!("  {note}\n"));
    }
    for effect in &answer.effects {
        if let Some(explanation) = &effect.explanation {
            text.push('\n');
            text.push_str(&explained(effect, explanation));
        }
    }
    text
}

/// How one verdict came about, figure by figure.
fn explained(effect: &EffectAnswer, explanation: &ExplanationAnswer) -> String {
    let scale = if effect.absolute {
        effect.unit.clone()
    } else {
        "logarithms: 0.01 is about 1 %".to_owned()
    };
    let number =
        |value: Option<f64>| value.map_or(MISSING.to_owned(), |value| format!("{value:.6}"));
    let both = |values: [Option<f64>; 2]| format!("{} | {}", number(values[0]), number(values[1]));
    let mut text = format!("  {} {}\n", escaped(&effect.operation), effect.metric);
    let mut runs = TextTable::new([
        ("run", Align::Left),
        ("side", Align::Left),
        ("value", Align::Right),
        ("standard error", Align::Right),
        ("windows", Align::Right),
    ]);
    for run in &explanation.runs {
        runs.row(vec![
            run.name.clone(),
            run.side.to_owned(),
            value_text(&effect.quantity, run.value),
            number(run.error),
            run.windows.to_string(),
        ]);
    }
    text.push_str(&runs.render(styled()));
    let levels = [explanation.low_level, explanation.high_level];
    let change =
        |size: Option<f64>| size.map_or(MISSING.to_owned(), |size| change_text(effect, size));
    let figures = [
        ("scale", scale),
        ("noise inside a run", both(explanation.within)),
        ("noise from run to run", both(explanation.between)),
        ("difference", number(explanation.difference)),
        ("standard errors", both(explanation.errors)),
        (
            "degrees of freedom",
            explanation
                .degrees_of_freedom
                .map_or(MISSING.to_owned(), significant),
        ),
        ("bucket width", both(explanation.resolution.map(Some))),
        ("effects tested", explanation.tests.to_string()),
        ("levels of the ends", both(levels)),
        ("p, adjusted", both([effect.p, effect.q])),
        ("threshold", change_text(effect, effect.threshold)),
        ("detectable", change(effect.detectable)),
        ("could pass at", change(effect.passable)),
        (
            "must be decided",
            if effect.gates { "yes" } else { "no" }.to_owned(),
        ),
        ("lost share", format!("{}", effect.loss.fraction)),
        ("windows cut off", effect.warmup_cut[0].to_string()),
        ("verdict", format!("{}: {}", effect.verdict, effect.reason)),
    ];
    for (name, figure) in figures {
        text.push_str(&format!("  {name:<22} {}\n", escaped(&figure)));
    }
    text
}
