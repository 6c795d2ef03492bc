//! The effects of a comparison, for the charts of it.

use soakbox_statistics::{Metric, Verdict};

use crate::chart::{Effect, Forest, MOST_PANELS, Outcome, Shift, Unit};
use crate::compare::{Answer, EffectAnswer};

/// All effects.
pub fn forest(answer: &Answer) -> Forest {
    let (base, candidate) = sides(answer);
    Forest {
        base,
        candidate,
        verdict: answer.verdict.replace('_', " "),
        effects: answer.effects.iter().map(effect).collect(),
    }
}

/// The effects of quantiles, of the operations that `wanted` names or of the first ones.
pub fn shift(answer: &Answer) -> Shift {
    let (base, candidate) = sides(answer);
    let quantiles = answer.effects.iter();
    let quantiles = quantiles.filter(|effect| effect.quantity.quantile().is_some());
    let mut effects: Vec<Effect> = quantiles.map(effect).collect();
    let mut operations: Vec<String> = effects.iter().map(|one| one.operation.clone()).collect();
    operations.dedup();
    let left_out = operations.len().saturating_sub(MOST_PANELS);
    operations.truncate(MOST_PANELS);
    effects.retain(|effect| operations.contains(&effect.operation));
    for effect in &mut effects {
        effect.metric = effect.metric.replace("duration_", "");
    }
    Shift {
        base,
        candidate,
        effects,
        left_out,
    }
}

/// The names of both sides.
fn sides(answer: &Answer) -> (String, String) {
    let name = |runs: &[crate::windows::RunIdentity]| match runs {
        [] => "nothing".to_owned(),
        [only] => only.name.clone(),
        [first, others @ ..] => format!("{} and {} more", first.name, others.len()),
    };
    (name(&answer.base.runs), name(&answer.candidate.runs))
}

fn effect(answer: &EffectAnswer) -> Effect {
    Effect {
        operation: answer.operation.clone(),
        metric: answer.metric.clone(),
        unit: unit(&answer.quantity),
        base: answer.base,
        candidate: answer.candidate,
        change: answer.measured.change,
        interval: answer.measured.low.zip(answer.measured.high),
        threshold: answer.threshold,
        lower_is_worse: answer.lower_is_worse,
        absolute: answer.absolute,
        outcome: match answer.judged {
            Verdict::Regressed => Outcome::Worse,
            Verdict::Improved => Outcome::Better,
            Verdict::Pass => Outcome::Same,
            Verdict::Inconclusive => Outcome::Undecided,
        },
        verdict: answer.verdict.replace('_', " "),
    }
}

fn unit(metric: &Metric) -> Unit {
    match metric {
        metric if metric.is_time() => Unit::Nanoseconds,
        Metric::Memory => Unit::Bytes,
        Metric::FailureRate => Unit::Ratio,
        Metric::Rate => Unit::PerSecond,
        Metric::BytesRate => Unit::BytesPerSecond,
        _ => Unit::Number,
    }
}
