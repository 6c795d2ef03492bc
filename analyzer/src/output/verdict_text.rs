//! A verdict as a person reads it in a terminal, and the figures behind one effect.

use soakbox_cli::escaped;

use super::text::styled;
use super::verdict::{HEADINGS, cells, facts, notes};
use super::verdict_explained::{RUN_HEADINGS, figures, run_cells};
use super::verdict_headline::headline;
use super::{Align, TextTable};
use crate::compare::{Answer, EffectAnswer, ExplanationAnswer};

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
    let mut text = format!("  {} {}\n", escaped(&effect.operation), effect.metric);
    let mut runs = TextTable::new(RUN_HEADINGS.map(|heading| match heading {
        "run" | "side" => (heading, Align::Left),
        _ => (heading, Align::Right),
    }));
    for cells in run_cells(effect, explanation) {
        runs.row(cells.to_vec());
    }
    text.push_str(&runs.render(styled()));
    for (name, figure) in figures(effect, explanation) {
        text.push_str(&format!("  {name:<22} {}\n", escaped(&figure)));
    }
    text
}
