//! The verdict of an effect after the loss is taken into account, and its reason in one line.

use crate::compare::effect::Effect;
use crate::compare::verdict::{Scope, Verdict};

/// The verdict under loss. `plain` is the verdict of the interval without loss. Means, which have
/// no bounds under loss, keep their verdict when at most `tolerated_loss` was lost.
pub(super) fn verdict_under_loss(
    effect: &Effect,
    plain: Verdict,
    tolerated_loss: f64,
) -> (Verdict, String) {
    let scope = scope_note(effect.scope);
    if plain == Verdict::Inconclusive {
        return (plain, inconclusive(effect) + scope);
    }
    if effect.loss.fraction > 0.0 {
        let under_loss = Verdict::of(effect.loss.low, effect.loss.high, effect.threshold);
        let unbounded = effect.loss.low.is_none() && effect.loss.high.is_none();
        let tolerated = unbounded && effect.loss.fraction <= tolerated_loss;
        let stands =
            under_loss == plain || (plain == Verdict::Improved && under_loss == Verdict::Pass);
        if !stands && !tolerated {
            let percent = effect.loss.fraction * 100.0;
            let word = plain.name();
            let text =
                format!("the lost operations ({percent:.3}%) could change the verdict {word}");
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

/// What follows the reason of an effect that is valid for its runs only.
pub(super) fn scope_note(scope: Scope) -> &'static str {
    match scope {
        Scope::Pair => "; with one run per side this is valid for these runs, not for the builds",
        Scope::Runs => "",
    }
}

/// The verdict and its reason when runs could not be used, for the reasons in `missing`: the other
/// runs may show a regression, but nothing passes without a run that may have been worse.
pub(super) fn blocked(
    effect: &Effect,
    judged: (Verdict, String),
    missing: &str,
) -> (Verdict, String) {
    if effect.unusable.is_empty() {
        return judged;
    }
    let (verdict, reason) = judged;
    match verdict {
        Verdict::Pass | Verdict::Improved => {
            let word = verdict.name();
            let text = format!("{missing}; the other runs alone would be {word}");
            (Verdict::Inconclusive, text)
        }
        Verdict::Regressed | Verdict::Inconclusive => (verdict, format!("{reason}; {missing}")),
    }
}

fn inconclusive(effect: &Effect) -> String {
    let edge = effect.threshold;
    match (effect.low, effect.high, effect.detectable) {
        (None, None, _) => "the data give no bound for the change".to_owned(),
        (None, _, _) | (_, None, _) => {
            "too few operations lie beyond this percentile to bound the change".to_owned()
        }
        (_, _, Some(least)) => {
            format!(
                "the interval includes the threshold {edge}; a change of {least:.4} would have been \
                 detected"
            )
        }
        _ => format!("the interval includes the threshold {edge}"),
    }
}
