//! The verdict of an effect once loss is weighed, and its reason in one line.

use crate::compare::effect::Effect;
use crate::compare::verdict::{Scope, Verdict};

/// Weighs loss: `plain` is the verdict of the interval without it. Means without bounds under loss
/// keep their verdict when at most `tolerated_loss` was lost.
pub(super) fn weighed(effect: &Effect, plain: Verdict, tolerated_loss: f64) -> (Verdict, String) {
    let scope = match effect.scope {
        Scope::Pair => "; one run per side speaks for these runs, not for the builds",
        Scope::Runs => "",
    };
    if plain == Verdict::Inconclusive {
        return (plain, inconclusive(effect) + scope);
    }
    if effect.loss.fraction > 0.0 {
        let under_loss = Verdict::of(effect.loss.low, effect.loss.high, effect.threshold);
        let unbounded = effect.loss.low.is_none() && effect.loss.high.is_none();
        let excused = unbounded && effect.loss.fraction <= tolerated_loss;
        let stands =
            under_loss == plain || (plain == Verdict::Improved && under_loss == Verdict::Pass);
        if !stands && !excused {
            let percent = effect.loss.fraction * 100.0;
            let word = plain.name();
            let text = format!("lost operations ({percent:.3}%) could hide the opposite of {word}");
            return (Verdict::Inconclusive, text + scope);
        }
    }
    let edge = effect.threshold;
    let why = match plain {
        Verdict::Regressed => format!("the whole interval lies above the threshold {edge}"),
        Verdict::Improved => format!("the whole interval lies below the threshold -{edge}"),
        _ => format!("the whole interval lies below the threshold {edge}"),
    };
    (plain, why + scope)
}

fn inconclusive(effect: &Effect) -> String {
    let edge = effect.threshold;
    match (effect.low, effect.high, effect.detectable) {
        (None, None, _) => "the data bound the change on neither side".to_owned(),
        (None, _, _) | (_, None, _) => {
            "too few operations beyond this percentile to bound the change".to_owned()
        }
        (_, _, Some(least)) => {
            format!(
                "the interval includes the threshold {edge}; a change of {least:.4} would have shown"
            )
        }
        _ => format!("the interval includes the threshold {edge}"),
    }
}
