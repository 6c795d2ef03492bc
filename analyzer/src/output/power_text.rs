//! What comparisons can show, as a person reads it in a terminal.

use super::text::styled;
use super::verdict::{size_text, value_text};
use super::{Align, MISSING, TextTable};
use crate::compare::{PowerAnswer, SelfTestAnswer, SharedAnswer};
use crate::units::{count, percent, plural, signed_percent};

/// What is known of the rate of false alarms, in a line each: what is certain, what is likely, and
/// what it takes to know more. `of` names the comparisons.
fn self_test_text(test: &SelfTestAnswer, of: &str, sides: &str) -> String {
    let share = |alarms: u64, all: u64| percent(alarms as f64 / all as f64);
    let SharedAnswer {
        comparisons: shared,
        alarms,
    } = test.shared;
    let mut text = format!(
        "False alarms in comparisons of {of}, {sides} per side: {} to {} (95% confidence).\n",
        percent(test.low),
        percent(test.high),
    );
    text.push_str(&format!(
        "  {} of {} without a run in common found a regression; the interval comes from these.\n",
        test.alarms,
        of_comparisons(test.comparisons),
    ));
    text.push_str(&format!(
        "  {alarms} of {} that share runs did: {}. They depend on each other, so that no interval \
         follows.\n",
        of_comparisons(shared),
        share(alarms, shared),
    ));
    if let Some(rare) = &test.rare {
        text.push_str(&format!(
            "  {} without a run in common ({} runs) and no {}alarm would show at most {}.\n",
            of_comparisons(rare.comparisons),
            count(rare.runs),
            if test.alarms == 0 { "" } else { "further " },
            percent(rare.rate),
        ));
    }
    text + "\n"
}

fn of_comparisons(number: u64) -> String {
    format!("{} {}", count(number), plural(number, "comparison"))
}

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
        let of = match answer.builds.len() {
            0 | 1 => "this build with itself".to_owned(),
            builds => format!("these runs of {builds} builds with each other"),
        };
        text.push_str(&self_test_text(test, &of, sides));
    }
    let of = |number: usize, thing: &str| format!("{number} {}", plural(number as u64, thing));
    let known = answer.history.map_or(String::new(), |history| {
        let but_rates = history.no_rates.map_or(String::new(), |reason| {
            format!(" (without the rates of some: {reason})")
        });
        format!(
            " and {} of {} in the history{but_rates}",
            of(history.runs, "run"),
            of(history.builds, "build")
        )
    });
    text.push_str(&format!(
        "From {} of the base{known}. \"Find\" and \"pass\" mean a probability of 80%.\n\n",
        of(answer.runs, "run")
    ));
    let worse = signed_percent(answer.change);
    let wanted = format!("runs to find {} worse", worse.trim_start_matches('+'));
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
                let change = effect.quantity.measured(size);
                size_text(&effect.quantity, effect.absolute, change)
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
