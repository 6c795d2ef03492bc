//! What comparisons can show, as a person reads it in a terminal.

use super::text::styled;
use super::verdict::{size_text, value_text};
use super::{Align, MISSING, TextTable};
use crate::compare::PowerAnswer;
use crate::units::{percent, plural, signed_percent};

/// The false alarms, and what each metric can show.
pub fn power_text(answer: &PowerAnswer) -> String {
    let per_side = answer.per_side;
    let sides = if per_side == 1 {
        "1 run"
    } else {
        &format!("{per_side} runs")
    };
    let mut text = String::new();
    if let Some(test) = &answer.self_test {
        text.push_str(&format!(
            "{} of {} comparisons of {}, {sides} per side, found a regression: {}, \
             with 95% confidence {} to {}.\n\n",
            test.alarms,
            test.comparisons,
            match answer.builds.len() {
                0 | 1 => "this build with itself".to_owned(),
                builds => format!("these runs of {builds} builds with each other"),
            },
            percent(test.alarms as f64 / test.comparisons as f64),
            percent(test.low),
            percent(test.high),
        ));
    }
    let of = |number: usize, thing: &str| format!("{number} {}", plural(number as u64, thing));
    let known = answer.history.map_or(String::new(), |history| {
        format!(
            " and {} of {} in the history",
            of(history.runs, "run"),
            of(history.builds, "build")
        )
    });
    text.push_str(&format!(
        "From {} of the base{known}. \"Find\" and \"pass\" mean a probability of 80%.\n\n",
        of(answer.runs, "run")
    ));
    let wanted = format!("runs to find {}", signed_percent(answer.change));
    let mut table = TextTable::new([
        ("operation", Align::Left),
        ("metric", Align::Left),
        ("base", Align::Right),
        ("threshold", Align::Right),
        (&*format!("{sides} per side find"), Align::Right),
        ("pass at", Align::Right),
        (&*wanted, Align::Right),
    ]);
    for effect in &answer.effects {
        let size = |size: Option<f64>| {
            size.map_or(MISSING.to_owned(), |size| {
                size_text(&effect.quantity, effect.absolute, size)
            })
        };
        table.row(vec![
            effect.operation.clone(),
            effect.metric.clone(),
            value_text(&effect.quantity, effect.base),
            size(Some(effect.threshold)),
            size(effect.detectable),
            size(effect.passable),
            match (effect.absolute, effect.runs_for_change) {
                (true, _) => MISSING.to_owned(),
                (false, Some(runs)) => runs.to_string(),
                // No number of runs calls a change worse that is within the threshold.
                (false, None) if answer.change <= effect.threshold => "never".to_owned(),
                (false, None) => "more than 1000".to_owned(),
            },
        ]);
    }
    text + &table.render(styled())
}
