//! An effect before the correction for multiple tests, and the finished effect.
//!
//! The level of an interval depends on all effects of a comparison together. This is why an effect
//! is computed in two steps: its p-values first, and its interval and verdict when the levels are
//! known. An effect does not depend on another one in any other way.

use crate::compare::difference::{Difference, difference};
use crate::compare::effect::{Effect, LossEffect};
use crate::compare::estimate::Estimate;
use crate::compare::explanation::Explanation;
use crate::compare::gate::passable;
use crate::compare::options::{Operation, Options};
use crate::compare::reason::{blocked, seconds, verdict_under_loss};
use crate::compare::runs_needed::{RunNoise, RunsNeeded, to_decide};
use crate::compare::scale::Scale;
use crate::compare::sides::{BaseAlone, Sides, Used};
use crate::compare::stop;
use crate::compare::verdict::{Scope, Side, Verdict};
use crate::math::distributions::{t_upper, t_upper_quantile};
use crate::metric::Metric;

/// One-sided levels of the ends of all intervals: `low` is that of the lower ends; `improved` and
/// `pass` are those of the upper ends, which decide about an improvement or a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    /// Number of effects that were tested.
    pub(crate) tests: usize,
    pub(crate) low: f64,
    pub(crate) improved: f64,
    pub(crate) pass: f64,
}

/// An effect before the correction for multiple tests.
pub(crate) struct Uncorrected {
    effect: Effect,
    scale: Scale,
    difference: Option<Difference>,
    noise: Option<RunNoise>,
    /// Why runs could not be used.
    missing: String,
    /// Operations that each run needs for this percentile, where one has too few.
    operations_needed: Option<u64>,
    stopped: Option<Stopped>,
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
        let sides = Sides::of(operation, &metric, options);
        let (cut, scale) = (sides.cut, sides.scale);
        let (base, candidate) = (estimates(&sides.base), estimates(&sides.candidate));
        let of_base = typical(&base, scale);
        let threshold = options.threshold_of(operation.name, &metric, scale, of_base);
        let history = options.history_of(operation.name, &metric, scale);
        let difference = difference(&base, &candidate, options.paired, history);
        let difference = difference.map(|c| {
            if metric.lower_is_worse() {
                c.reversed()
            } else {
                c
            }
        });
        let stopped = match metric {
            Metric::Rate => Stopped::of(operation),
            _ => None,
        };
        let runs = || operation.base.iter().chain(operation.candidate);
        let fractions = runs().map(|run| run.lost_fraction_of(&metric));
        let fraction = fractions.fold(0.0, f64::max);
        let several = operation.base.len().max(operation.candidate.len()) > 1;
        let without_test = if several { Scope::Runs } else { Scope::Pair };
        let windows = |side: &[&Estimate]| side.iter().map(|r| r.scales.length).sum();
        let alone = sides.base_alone(operation, &metric, options);
        let (gates, passable) = gate(operation.name, &metric, &alone, scale, options);
        let noise = difference.as_ref().map(|c| {
            let runs = [base.len() as f64, candidate.len() as f64];
            RunNoise {
                variance: c.errors.0.max(c.errors.1).powi(2) / (1.0 / runs[0] + 1.0 / runs[1])
                    * 2.0,
                paired: options.paired && base.len() > 1,
                history: history.map_or(0.0, |h| h.degrees_of_freedom),
                recorded: base.len().min(candidate.len()),
                at_least: c.scope == Scope::Pair,
            }
        });
        let estimates = base.iter().chain(&candidate);
        let needed = estimates.filter_map(|estimate| estimate.operations_needed());
        let operations_needed = needed.max();
        let explanation = Explanation::new(
            [
                (Side::Base, operation.base, &sides.base),
                (Side::Candidate, operation.candidate, &sides.candidate),
            ],
            difference.as_ref(),
            options.paired,
        );
        let effect = Effect {
            operation: operation.name.to_owned(),
            metric,
            base: of_base,
            candidate: typical(&candidate, scale),
            change: difference.map(|c| scale.change(c.delta)).and_then(finite),
            absolute: scale.absolute,
            low: None,
            high: None,
            p: None,
            q: None,
            threshold,
            detectable: None,
            blocks: [windows(&base), windows(&candidate)],
            runs: [base.len(), candidate.len()],
            unusable: sides.unusable.clone(),
            warmup_cut: [cut, cut],
            loss: LossEffect {
                fraction,
                low: None,
                high: None,
            },
            scope: difference.map_or(without_test, |c| c.scope),
            gates,
            passable,
            runs_needed: None,
            explanation,
            verdict: Verdict::Inconclusive,
            reason: String::new(),
        };
        let mut judged = Uncorrected {
            effect,
            scale,
            difference,
            noise,
            missing: sides.why_missing(),
            operations_needed,
            stopped,
            worse: f64::NAN,
            better: f64::NAN,
            passing: f64::NAN,
        };
        if let Some(difference) = difference {
            let (up, down) = (scale.difference(threshold), scale.difference(-threshold));
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
        let scale = self.scale;
        if let Some(stop) = self.stopped {
            return stopped_effect(self.effect, stop);
        }
        let Some(difference) = self.difference else {
            self.effect.reason = self.missing;
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
        let threshold = effect.threshold;
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
        if scale.change(delta + above) < -threshold {
            above = above_at(levels.pass.min(levels.improved));
        }
        let (low, high) = (scale.bound(delta - below), scale.bound(delta + above));
        let plain = Verdict::of(low, high, threshold);
        // Of an end that is too far away to say anything, no number is given.
        let shown = |end: Option<f64>, distance, decides: &[Verdict]| {
            end.filter(|_| scale.tells(distance) || decides.contains(&plain))
        };
        effect.low = shown(low, below, &[Verdict::Regressed]);
        effect.high = shown(high, above, &[Verdict::Improved, Verdict::Pass]);
        effect.p = finite(self.worse);
        effect.q = finite(q);
        let needed = below + margin(errors.0, 0.2);
        if scale.tells(needed) {
            effect.detectable = scale.bound(scale.difference(threshold) + needed);
        }
        effect.loss.low = scale.bound(delta - below - loss.0);
        effect.loss.high = scale.bound(delta + above + loss.1);
        let judged = verdict_under_loss(effect, plain, tolerated_loss, self.operations_needed);
        (effect.verdict, effect.reason) = blocked(effect, judged, &self.missing);
        effect.explanation.tests = levels.tests;
        effect.explanation.low_level = finite(levels.low);
        effect.explanation.high_level = finite(levels.pass);
        if plain == Verdict::Inconclusive
            && let Some(noise) = &self.noise
        {
            let level = levels.low.min(levels.pass);
            let needed = to_decide(&difference, scale, threshold, level, noise);
            // What the windows of one run do not show, several runs may.
            let several = RunsNeeded {
                per_side: 2,
                at_least: true,
            };
            let unbounded = effect.low.is_none() || effect.high.is_none();
            let is_one = effect.scope == Scope::Pair && unbounded;
            effect.runs_needed = needed.or(is_one.then_some(several));
        }
        self.effect
    }
}

/// Whether the metric gates, and the smallest threshold at which it would, as a change on the
/// `scale` of the effect.
fn gate(
    operation: &str,
    metric: &Metric,
    base: &BaseAlone,
    scale: Scale,
    options: &Options,
) -> (bool, Option<f64>) {
    let runs = estimates(&base.runs);
    let value = typical(&runs, base.scale);
    let threshold = options.threshold_of(operation, metric, base.scale, value);
    let least = passable(
        &runs,
        base.scale,
        options.history_of(operation, metric, base.scale),
        options,
    );
    let gates = if options.gates.is_empty() {
        least.is_some_and(|least| least < threshold)
    } else {
        options.gates.contains(metric)
    };
    // A candidate at 0 makes the change of a metric absolute whose base is above 0.
    let unit = match value {
        Some(value) if scale.absolute && !base.scale.absolute => value,
        _ => 1.0,
    };
    (gates, least.map(|least| least * unit))
}

fn estimates(used: &[Used]) -> Vec<&Estimate> {
    used.iter().map(|used| &used.estimate).collect()
}

/// The value of a side, in the metric's unit.
fn typical(side: &[&Estimate], scale: Scale) -> Option<f64> {
    if let [one] = side {
        return finite(one.value);
    }
    let mean = side.iter().map(|r| r.centre).sum::<f64>() / side.len() as f64;
    finite(scale.value(mean))
}

/// A candidate in which the operation stopped.
struct Stopped {
    reason: String,
    /// The mean of the base's rates.
    base: Option<f64>,
    /// That of the candidate's.
    candidate: f64,
}

impl Stopped {
    /// `None` where it did not stop.
    fn of(operation: &Operation<'_>) -> Option<Stopped> {
        Some(Stopped {
            reason: stopped_reason(operation)?,
            base: stop::mean_rate(operation.base),
            candidate: stop::mean_rate(operation.candidate)?,
        })
    }
}

/// The reason of a candidate in which the operation stopped; `None` when it did not.
fn stopped_reason(operation: &Operation<'_>) -> Option<String> {
    let stopped = stop::stopped(operation.base, operation.candidate);
    let (first, windows) = stopped.first()?;
    let run = &operation.candidate[*first];
    let name = if run.name().is_empty() {
        (first + 1).to_string()
    } else {
        run.name().to_owned()
    };
    let (count, all) = (stopped.len(), operation.candidate.len());
    Some(if *windows >= run.windows() {
        format!("stopped: {count} of {all} candidate runs, run {name} finished no operation")
    } else {
        let last = match run.window() {
            Some(length) => seconds(length.as_secs_f64() * *windows as f64),
            None => format!("{windows} windows"),
        };
        format!(
            "stopped: {count} of {all} candidate runs, run {name} finished no operation in its \
             last {last}"
        )
    })
}

/// The effect of a rate that fell to 0 in runs of the candidate: `rate` is the mean over its runs.
/// The verdict does not come from an interval: a run does not stop by chance. Only where all of
/// them finished nothing is the change known exactly.
fn stopped_effect(effect: Effect, stop: Stopped) -> Effect {
    let Stopped {
        reason,
        base,
        candidate: rate,
    } = stop;
    let exactly = (rate == 0.0).then_some(1.0);
    // Where no pair is whole, the base is known nevertheless.
    let base = effect.base.or(base).filter(|base| *base > 0.0);
    Effect {
        base,
        candidate: Some(rate),
        change: exactly.or(base.map(|base| 1.0 - rate / base)),
        absolute: false,
        low: exactly,
        high: exactly,
        verdict: Verdict::Regressed,
        reason,
        ..effect
    }
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
