//! The figures behind the verdict on one effect, as rows that its table and its Markdown share.

use super::MISSING;
use super::verdict::{change_text, value_text};
use crate::compare::{EffectAnswer, ExplanationAnswer};
use crate::units::significant;

/// The headings of the table of runs.
pub(super) const RUN_HEADINGS: [&str; 5] = ["run", "side", "value", "standard error", "windows"];

/// The cells of each run.
pub(super) fn run_cells(
    effect: &EffectAnswer,
    explanation: &ExplanationAnswer,
) -> Vec<[String; 5]> {
    let runs = explanation.runs.iter();
    runs.map(|run| {
        [
            run.name.clone(),
            run.side.to_owned(),
            value_text(&effect.quantity, run.value),
            number(run.error),
            run.windows.to_string(),
        ]
    })
    .collect()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| format!("{value:.6}"))
}

/// The other figures, with their names.
pub(super) fn figures(
    effect: &EffectAnswer,
    explanation: &ExplanationAnswer,
) -> Vec<(&'static str, String)> {
    let both = |values: [Option<f64>; 2]| format!("{} | {}", number(values[0]), number(values[1]));
    let levels = [explanation.low_level, explanation.high_level];
    let missing = || MISSING.to_owned();
    let change = |size: Option<f64>| size.map_or_else(missing, |size| change_text(effect, size));
    let degrees = explanation.degrees_of_freedom;
    vec![
        ("scale", scale(effect)),
        ("noise inside a run", both(explanation.within)),
        ("noise from run to run", both(explanation.between)),
        ("difference", number(explanation.difference)),
        ("standard errors", both(explanation.errors)),
        (
            "degrees of freedom",
            degrees.map_or_else(missing, significant),
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
    ]
}

/// The scale of the noise and the differences.
fn scale(effect: &EffectAnswer) -> String {
    match (effect.absolute, effect.unit.as_str()) {
        (false, _) => "logarithms: 0.01 is about 1 %".to_owned(),
        (true, "ratio") => "shares: 0.01 is one percentage point".to_owned(),
        (true, unit) => unit.to_owned(),
    }
}
