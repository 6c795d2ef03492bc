//! One effect: readings of both sides after the common warm-up, their contrast, and the verdict with its reason.
//!
//! It works in two steps, since the interval's level depends on all effects together: p-values first, ends and verdict
//! once the levels are known. It must never look at another effect.

use crate::contrast::{Contrast, contrast};
use crate::distribution::{t_upper, t_upper_quantile};
use crate::effect::{Effect, LossEffect, Scope, Verdict};
use crate::metric::Metric;
use crate::options::{Operation, Options};
use crate::reading::{Reading, Unread, read, read_with_series};
use crate::run::Run;
use crate::warmup::warm_up;

/// One-sided levels of the ends of all intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) low: f64,
    pub(crate) improved: f64,
    pub(crate) pass: f64,
}

/// An effect before the correction for many tests.
pub(crate) struct Judged {
    effect: Effect,
    contrast: Option<Contrast>,
    /// p-values of "change ≤ threshold", "change ≥ −threshold" and "change ≥ threshold"; NaN without a test.
    pub(crate) worse: f64,
    pub(crate) better: f64,
    pub(crate) passing: f64,
}

impl Judged {
    /// Everything but the interval.
    pub(crate) fn new(operation: &Operation<'_>, metric: Metric, options: &Options) -> Judged {
        let threshold = if metric.absolute() {
            options.failure_threshold
        } else {
            options.threshold
        };
        let (cut, base, candidate, missing) = readings(operation, metric, options.warm_up);
        let history = options
            .history
            .iter()
            .find(|(known, _)| *known == metric)
            .map(|h| h.1);
        let history = history.filter(|h| h.degrees_of_freedom > 0.0);
        let uneven = options.paired && base.len() != candidate.len();
        let contrast = if uneven {
            None
        } else {
            contrast(&base, &candidate, options.paired, history)
        };
        let contrast = contrast.map(|c| if metric.turned() { c.turned() } else { c });
        let runs = || operation.base.iter().chain(operation.candidate);
        let fraction = runs().map(Run::lost_fraction).fold(0.0, f64::max);
        let several = operation.base.len().max(operation.candidate.len()) > 1;
        let unjudged = if several { Scope::Runs } else { Scope::Pair };
        let windows = |side: &[Reading]| side.iter().map(|r| r.scales.length()).sum();
        let effect = Effect {
            operation: operation.name.to_owned(),
            metric,
            base: typical(&base, metric),
            candidate: typical(&candidate, metric),
            change: contrast.map(|c| back(metric, c.delta)).and_then(finite),
            low: None,
            high: None,
            p: None,
            q: None,
            threshold,
            detectable: None,
            blocks: [windows(&base), windows(&candidate)],
            runs: [operation.base.len(), operation.candidate.len()],
            warmup_cut: [cut, cut],
            loss: LossEffect {
                fraction,
                low: None,
                high: None,
            },
            scope: contrast.map_or(unjudged, |c| c.scope),
            verdict: Verdict::Inconclusive,
            reason: missing
                .map_or("not measured on both sides", Unread::reason)
                .to_owned(),
        };
        let mut judged = Judged {
            effect,
            contrast,
            worse: f64::NAN,
            better: f64::NAN,
            passing: f64::NAN,
        };
        if let Some(contrast) = contrast {
            let (up, down) = (forth(metric, threshold), forth(metric, -threshold));
            let Contrast {
                delta,
                errors,
                slack,
                degrees,
                ..
            } = contrast;
            judged.worse = tail(delta - slack.0 - up, errors.0, degrees);
            judged.better = tail(down - delta - slack.1, errors.1, degrees);
            judged.passing = tail(up - delta - slack.1, errors.1, degrees);
        }
        judged
    }

    /// The finished effect.
    pub(crate) fn effect(mut self, q: f64, levels: Levels, tolerated_loss: f64) -> Effect {
        let Some(contrast) = self.contrast else {
            return self.effect;
        };
        let Contrast {
            delta,
            errors,
            slack,
            loss,
            degrees,
            ..
        } = contrast;
        let effect = &mut self.effect;
        let (metric, threshold) = (effect.metric, effect.threshold);
        let reach = |error: f64, level: f64| {
            if error == 0.0 {
                0.0
            } else {
                error * t_upper_quantile(level, degrees)
            }
        };
        let below = reach(errors.0, levels.low) + slack.0;
        // The upper end serves two families; where it would claim an improvement that the stricter one does not
        // bear out, the stricter one counts.
        let above_at = |level| reach(errors.1, level) + slack.1;
        let mut above = above_at(levels.pass);
        if back(metric, delta + above) < -threshold {
            above = above_at(levels.pass.min(levels.improved));
        }
        effect.low = finite(back(metric, delta - below));
        effect.high = finite(back(metric, delta + above));
        effect.p = finite(self.worse);
        effect.q = finite(q);
        let needed = below + reach(errors.0, 0.2);
        effect.detectable = finite(back(metric, forth(metric, threshold) + needed));
        effect.loss.low = finite(back(metric, delta - below - loss.0));
        effect.loss.high = finite(back(metric, delta + above + loss.1));
        let plain = Verdict::of(effect.low, effect.high, threshold);
        (effect.verdict, effect.reason) = explain(effect, plain, tolerated_loss);
        self.effect
    }
}

/// The verdict that stands once loss is weighed, and its reason.
fn explain(effect: &Effect, plain: Verdict, tolerated_loss: f64) -> (Verdict, String) {
    let scope = match effect.scope {
        Scope::Pair => "; one run per side speaks for these runs, not for the builds",
        Scope::Runs => "",
    };
    let edge = effect.threshold;
    if plain == Verdict::Inconclusive {
        let why = match (effect.low, effect.high, effect.detectable) {
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
        };
        return (plain, why + scope);
    }
    // Means without bounds: a tolerated fraction is let through, and said.
    let unbounded = effect.loss.low.is_none() && effect.loss.high.is_none();
    if effect.loss.fraction > 0.0 {
        let lossy = Verdict::of(effect.loss.low, effect.loss.high, edge);
        let excused = unbounded && effect.loss.fraction <= tolerated_loss;
        let stands = lossy == plain || (plain == Verdict::Improved && lossy == Verdict::Pass);
        if !stands && !excused {
            let percent = effect.loss.fraction * 100.0;
            let word = plain.name();
            let text = format!("lost operations ({percent:.3}%) could hide the opposite of {word}");
            return (Verdict::Inconclusive, text + scope);
        }
    }
    let why = match plain {
        Verdict::Regressed => format!("the whole interval lies above the threshold {edge}"),
        Verdict::Improved => format!("the whole interval lies below the threshold -{edge}"),
        _ => format!("the whole interval lies below the threshold {edge}"),
    };
    (plain, why + scope)
}

type Readings = (usize, Vec<Reading>, Vec<Reading>, Option<Unread>);

/// Reads both sides, cutting the longest warm-up that any run shows from all of them.
fn readings(operation: &Operation<'_>, metric: Metric, cut_warm_up: bool) -> Readings {
    let mut cut = 0;
    let mut missing = None;
    let mut side = |runs: &[Run]| -> Vec<(usize, Reading)> {
        let mut kept = Vec::with_capacity(runs.len());
        for (index, run) in runs.iter().enumerate() {
            match read_with_series(run, metric, 0) {
                Ok((reading, series)) => {
                    if cut_warm_up {
                        cut = cut.max(warm_up(&series));
                    }
                    kept.push((index, reading));
                }
                Err(why) => missing = Some(why),
            }
        }
        kept
    };
    let (base, candidate) = (side(operation.base), side(operation.candidate));
    // The same length on both sides, and no more than its share of the shortest run.
    let runs = || operation.base.iter().chain(operation.candidate);
    let shortest = runs().map(Run::windows).min().unwrap_or(0);
    let cut = cut.min((shortest as f64 * crate::warmup::MAX_SHARE) as usize);
    let again = |runs: &[Run], kept: Vec<(usize, Reading)>| -> Vec<Reading> {
        let each = kept.into_iter();
        if cut == 0 {
            each.map(|(_, reading)| reading).collect()
        } else {
            each.filter_map(|(index, _)| read(&runs[index], metric, cut).ok())
                .collect()
        }
    };
    (
        cut,
        again(operation.base, base),
        again(operation.candidate, candidate),
        missing,
    )
}

fn typical(side: &[Reading], metric: Metric) -> Option<f64> {
    if let [one] = side {
        return finite(one.value);
    }
    let mean = side.iter().map(|r| r.centre).sum::<f64>() / side.len() as f64;
    finite(if metric.absolute() { mean } else { mean.exp() })
}

/// From the working scale to a change.
fn back(metric: Metric, delta: f64) -> f64 {
    match (metric.absolute(), metric.turned()) {
        (true, _) => delta,
        (false, false) => delta.exp_m1(),
        (false, true) => -(-delta).exp_m1(),
    }
}

/// From a change to the working scale.
fn forth(metric: Metric, change: f64) -> f64 {
    match (metric.absolute(), metric.turned()) {
        (true, _) => change,
        (false, false) => change.ln_1p(),
        (false, true) => -(-change).ln_1p(),
    }
}

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
