//! A verdict as Markdown, for the comment of a code review. Foreign text is shown literally.

use super::markdown::literal;
use super::verdict::{HEADINGS, cells, facts, notes};
use super::verdict_explained::{RUN_HEADINGS, figures, run_cells};
use super::verdict_headline::headline;
use crate::compare::{Answer, EffectAnswer, ExplanationAnswer};

/// The verdict, the facts and the effects.
pub fn verdict_markdown(answer: &Answer) -> String {
    let mut text = format!("**{}**\n\n", literal(&headline(answer)));
    for (name, fact) in facts(answer) {
        text.push_str(&format!("- {name}: {}\n", literal(&fact)));
    }
    if !answer.effects.is_empty() {
        text.push_str(&format!("\n| {} |\n", HEADINGS.join(" | ")));
        text.push_str("| --- | --- | ---: | ---: | ---: | ---: | --- | --- |\n");
    }
    for effect in &answer.effects {
        let cells = cells(effect).map(|cell| literal(&cell));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for note in notes(answer) {
        text.push_str(&format!("\n{note}\n"));
    }
    for effect in &answer.effects {
        if let Some(explanation) = &effect.explanation {
            text.push_str(&explained(effect, explanation));
        }
    }
    text
}

/// How one verdict came about, figure by figure.
fn explained(effect: &EffectAnswer, explanation: &ExplanationAnswer) -> String {
    let title = format!("{} {}", effect.operation, effect.metric);
    let mut text = format!("\n**{}**\n", literal(&title));
    text.push_str(&format!("\n| {} |\n", RUN_HEADINGS.join(" | ")));
    text.push_str("| --- | --- | ---: | ---: | ---: | ---: |\n");
    for cells in run_cells(effect, explanation) {
        let cells = cells.map(|cell| literal(&cell));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    for (name, figure) in figures(effect, explanation) {
        text.push_str(&format!("- {name}: {}\n", literal(&figure)));
    }
    text
}
