//! An effect before the correction for multiple tests, and the finished effect.
//!
//! The level of an interval depends on all effects of a comparison together. This is why an effect
//! is computed in two steps: its p-values first, and its interval and verdict when the levels are
//! known. An effect does not depend on another one in any other way.

use crate::compare::difference::{Difference, difference};
use crate::compare::effect::{Effect, LossEffect};
use crate::compare::estimate::Estimate;
use crate::compare::options::{Operation, Options};
use crate::compare::reason::verdict_under_loss;
use crate::compare::scale::{from_log_scale, to_log_scale};
use crate::compare::sides::Sides;
use crate::compare::verdict::{Scope, Verdict};
use crate::math::distributions::{t_upper, t_upper_quantile};
use crate::metric::Metric;
use crate::run::Run;

/// One-sided levels of the ends of all intervals: `low` is that of the lower ends; `improved` and
/// `pass` are those of the upper ends, which decide about an improvement or a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) low: f64,
    pub(crate) improved: f64,
    pub(crate) pass: f64,
}

/// An effect before the correction for multiple tests.
pub(crate) struct Uncorrected {
    effect: Effect,
    difference: Option<Difference>,
    /// The p-value of the hypothesis "change ≤ threshold"; NaN without a test.
    pub(crate) worse: f64,
    /// The p-value of the hypothesis "change ≥ −threshold"; NaN without a test.
    pub(crate) better: f64,
    /// The p-value of the hypothesis "change ≥ threshold"; NaN without a test.
    pub(crate) passing: f64,
}

impl Uncorrected {
    /// Computes the p-values and all fields of the effect except those of the interval.
    pub(crate) fn new(operation: &Operation<'_>, metric: Metric, options: &Options) -> Uncorrected {
        let threshold = if metric.is_absolute() {
            options.failure_threshold
        } else {
            options.threshold
        };
        let sides = Sides::of(operation, metric, options.warm_up);
        let (cut, base, candidate) = (sides.cut, &sides.base, &sides.candidate);
        let history = options
            .history
            .iter()
            .find(|(known, _)| *known == metric)
            .map(|h| h.1);
        let history = history.filter(|h| h.degrees_of_freedom > 0.0);
        let difference = if options.paired && !sides.whole_pairs {
            None
        } else {
            difference(base, candidate, options.paired, history)
        };
        let difference = difference.map(|c| {
            if metric.lower_is_worse() {
                c.reversed()
            } else {
                c
            }
        });
        let runs = || operation.base.iter().chain(operation.candidate);
        let fraction = runs().map(Run::lost_fraction).fold(0.0, f64::max);
        let several = operation.base.len().max(operation.candidate.len()) > 1;
        let without_test = if several { Scope::Runs } else { Scope::Pair };
        let windows = |side: &[Estimate]| side.iter().map(|r| r.scales.length).sum();
        let effect = Effect {
            operation: operation.name.to_owned(),
            metric,
            base: typical(base, metric),
            candidate: typical(candidate, metric),
            change: difference
                .map(|c| from_log_scale(metric, c.delta))
                .and_then(finite),
            low: None,
            high: None,
            p: None,
            q: None,
            threshold,
            detectable: None,
            blocks: [windows(base), windows(candidate)],
            runs: [operation.base.len(), operation.candidate.len()],
            warmup_cut: [cut, cut],
            loss: LossEffect {
                fraction,
                low: None,
                high: None,
            },
            scope: difference.map_or(without_test, |c| c.scope),
            verdict: Verdict::Inconclusive,
            reason: sides.why_missing(),
        };
        let mut judged = Uncorrected {
            effect,
            difference,
            worse: f64::NAN,
            better: f64::NAN,
            passing: f64::NAN,
        };
        if let Some(difference) = difference {
            let (up, down) = (
                to_log_scale(metric, threshold),
                to_log_scale(metric, -threshold),
            );
            let Difference {
                delta,
                errors,
                resolution,
                degrees,
                ..
            } = difference;
            judged.worse = tail(delta - resolution.0 - up, errors.0, degrees);
            judged.better = tail(down - delta - resolution.1, errors.1, degrees);
            judged.passing = tail(up - delta - resolution.1, errors.1, degrees);
        }
        judged
    }

    /// The finished effect. `q` is its adjusted p-value.
    pub(crate) fn effect(mut self, q: f64, levels: Levels, tolerated_loss: f64) -> Effect {
        let Some(difference) = self.difference else {
            return self.effect;
        };
        let Difference {
            delta,
            errors,
            resolution,
            loss,
            degrees,
            ..
        } = difference;
        let effect = &mut self.effect;
        let (metric, threshold) = (effect.metric, effect.threshold);
        let margin = |error: f64, level: f64| {
            if error == 0.0 {
                0.0
            } else {
                error * t_upper_quantile(level, degrees)
            }
        };
        let below = margin(errors.0, levels.low) + resolution.0;
        // The upper end decides about a pass and about an improvement, each at its own level. Where
        // it shows an improvement at the level of a pass, the stricter of the two levels is used.
        let above_at = |level| margin(errors.1, level) + resolution.1;
        let mut above = above_at(levels.pass);
        if from_log_scale(metric, delta + above) < -threshold {
            above = above_at(levels.pass.min(levels.improved));
        }
        effect.low = finite(from_log_scale(metric, delta - below));
        effect.high = finite(from_log_scale(metric, delta + above));
        effect.p = finite(self.worse);
        effect.q = finite(q);
        let needed = below + margin(errors.0, 0.2);
        effect.detectable = finite(from_log_scale(
            metric,
            to_log_scale(metric, threshold) + needed,
        ));
        effect.loss.low = finite(from_log_scale(metric, delta - below - loss.0));
        effect.loss.high = finite(from_log_scale(metric, delta + above + loss.1));
        let plain = Verdict::of(effect.low, effect.high, threshold);
        (effect.verdict, effect.reason) = verdict_under_loss(effect, plain, tolerated_loss);
        self.effect
    }
}

/// The value of a side, in the metric's unit.
fn typical(side: &[Estimate], metric: Metric) -> Option<f64> {
    if let [one] = side {
        return finite(one.value);
    }
    let mean = side.iter().map(|r| r.centre).sum::<f64>() / side.len() as f64;
    finite(if metric.is_absolute() {
        mean
    } else {
        mean.exp()
    })
}

/// P(T > distance / error); without an error 0 or 1.
fn tail(distance: f64, error: f64, degrees: f64) -> f64 {
    if error > 0.0 {
        if error.is_infinite() {
            1.0
        } else {
            t_upper(distance / error, degrees)
        }
    } else if distance > 0.0 {
        0.0
    } else {
        1.0
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
