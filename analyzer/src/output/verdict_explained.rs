//! The figures behind the verdict on one effect, as rows that its table and its Markdown share.

use super::MISSING;
use super::verdict::{change_text, magnitude_text, value_text};
use crate::compare::{EffectAnswer, ExplanationAnswer};
use crate::units::{percent, significant};

/// The headings of the table of runs.
pub(super) const RUN_HEADINGS: [&str; 6] =
    ["run", "side", "pair", "value", "standard error", "windows"];

/// The cells of each run.
pub(super) fn run_cells(
    effect: &EffectAnswer,
    explanation: &ExplanationAnswer,
) -> Vec<[String; 6]> {
    let runs = explanation.runs.iter();
    runs.map(|run| {
        [
            run.name.clone(),
            run.side.to_owned(),
            run.pair.map_or_else(missing, |pair| pair.to_string()),
            value_text(&effect.quantity, run.value),
            noise(effect, run.error),
            run.windows.to_string(),
        ]
    })
    .collect()
}

fn missing() -> String {
    MISSING.to_owned()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(missing, significant)
}

/// A standard deviation or error: a share of the value, or in the metric's unit.
fn noise(effect: &EffectAnswer, size: Option<f64>) -> String {
    size.map_or_else(missing, |size| match effect.absolute {
        true => magnitude_text(&effect.quantity, size),
        false => percent(size),
    })
}

/// The other figures, with their names.
pub(super) fn figures(
    effect: &EffectAnswer,
    explanation: &ExplanationAnswer,
) -> Vec<(&'static str, String)> {
    let sides = |[base, candidate]: [Option<f64>; 2]| {
        format!(
            "base {}, candidate {}",
            noise(effect, base),
            noise(effect, candidate)
        )
    };
    // Where down is worse, the lower end of what was measured is the upper one of the comparison.
    let measured = |[down, up]: [Option<f64>; 2]| match effect.lower_is_worse {
        false => [down, up],
        true => [up, down],
    };
    let ends = |both: [Option<f64>; 2]| {
        let [down, up] = measured(both).map(|end| noise(effect, end));
        format!("{down} down, {up} up")
    };
    let level = |level: Option<f64>| level.map_or_else(missing, percent);
    let levels = measured([explanation.low_level, explanation.high_level]).map(level);
    let change = |size: Option<f64>| {
        let measured = size.map(|size| effect.quantity.measured(size));
        measured.map_or_else(missing, |change| change_text(effect, change))
    };
    let degrees = explanation.degrees_of_freedom;
    vec![
        ("scale", scale(effect)),
        ("noise inside a run", sides(explanation.within)),
        ("noise from run to run", sides(explanation.between)),
        ("change", change(effect.change)),
        ("standard errors", ends(explanation.errors)),
        (
            "degrees of freedom",
            degrees.map_or_else(missing, significant),
        ),
        ("bucket width", ends(explanation.resolution.map(Some))),
        ("effects tested", explanation.tests.to_string()),
        (
            "levels of the ends",
            format!("{} low, {} high", levels[0], levels[1]),
        ),
        (
            "p",
            format!("{}, adjusted {}", number(effect.p), number(effect.q)),
        ),
        ("threshold", change(Some(effect.threshold))),
        ("detectable", change(effect.detectable)),
        ("could pass at", change(effect.passable)),
        (
            "must be decided",
            if effect.gates { "yes" } else { "no" }.to_owned(),
        ),
        ("lost share", percent(effect.loss.fraction)),
        ("windows cut off", effect.warmup_cut[0].to_string()),
        ("verdict", format!("{}: {}", effect.verdict, effect.reason)),
    ]
}

/// The scale of the noise and the differences.
fn scale(effect: &EffectAnswer) -> String {
    match (effect.absolute, effect.unit.as_str()) {
        (false, _) => "ratios: noise and errors are shares of the value".to_owned(),
        (true, "ratio") => "differences in percentage points".to_owned(),
        (true, unit) => format!("differences in {unit}"),
    }
}
