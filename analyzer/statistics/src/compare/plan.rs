//! What a comparison could show, from the base alone, before anybody records a candidate.

use crate::compare::difference::noise_inside;
use crate::compare::estimate::Estimate;
use crate::compare::gate::PASSING;
use crate::compare::options::{Operation, Options};
use crate::compare::run_variance::sample_variance;
use crate::compare::runs_needed::RunNoise;
use crate::compare::scale::Scale;
use crate::compare::sides::Sides;
use crate::metric::Metric;
use crate::run::Run;

/// The share of bases whose noise is not larger than [`Plan::gating`] assumes.
const UNLUCKY: f64 = 0.8;

/// What a comparison of one metric against a base can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    noise: RunNoise,
    scale: Scale,
    value: f64,
    resolution: f64,
    threshold: f64,
    q: f64,
}

impl Plan {
    /// From the runs of a base. The variance from run to run is that of these runs, or that of
    /// [`Options::history`]. `None` when the metric cannot be estimated in any run, or when neither
    /// several runs nor a history give that variance.
    pub fn new(base: &[Run], operation: &str, metric: &Metric, options: &Options) -> Option<Plan> {
        let both = Operation {
            name: operation,
            base,
            candidate: base,
        };
        let sides = Sides::of(&both, metric, options);
        let estimates: Vec<_> = sides.base.iter().map(|used| &used.estimate).collect();
        let centres: Vec<f64> = estimates.iter().map(|estimate| estimate.centre).collect();
        let mean =
            |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / estimates.len() as f64;
        let within = noise_inside(&estimates);
        let known = options.history_of(operation, metric, sides.scale);
        let (prior, history) = known.map_or((0.0, 0.0), |h| {
            (h.deviation * h.deviation, h.degrees_of_freedom)
        });
        let degrees = centres.len() as f64 - 1.0;
        let between = if degrees > 0.0 {
            degrees * sample_variance(&centres)
        } else {
            0.0
        };
        if estimates.is_empty() || degrees + history <= 0.0 || !within.is_finite() {
            return None;
        }
        let pooled = (between + history * prior) / (degrees + history);
        let value = sides.scale.value(mean(&mut centres.iter().copied()));
        let threshold = options.threshold_of(operation, metric, sides.scale, Some(value));
        let up = |r: &&Estimate| r.resolution().0 + r.resolution().1;
        Some(Plan {
            noise: RunNoise {
                variance: 2.0 * pooled.max(within),
                paired: options.paired,
                history,
                recorded: estimates.len(),
                at_least: false,
            },
            scale: sides.scale,
            value,
            resolution: mean(&mut estimates.iter().map(up)),
            threshold,
            q: options.q,
        })
    }

    /// The smallest change that is called regressed with 80% probability, with this number of runs
    /// per side; `None` when they are too few to call anything.
    pub fn detectable(&self, runs: usize) -> Option<f64> {
        let margin = self.noise.margin(runs, self.q) + self.resolution;
        let edge = self.scale.difference(self.threshold);
        let known = self.scale.tells(margin);
        known.then(|| self.scale.bound(edge + margin)).flatten()
    }

    /// The smallest threshold at which an unchanged candidate passes with 80% probability.
    pub fn passable(&self, runs: usize) -> Option<f64> {
        let margin = self.noise.margin(runs, self.q) + self.resolution;
        let known = self.scale.tells(margin);
        known.then(|| self.scale.bound(margin)).flatten()
    }

    /// The smallest threshold at which the metric must pass, as the base alone decides it, in 80% of
    /// comparisons with this number of runs per side: there an unchanged candidate passes in 90%,
    /// with the noise that the base of the comparison happens to show.
    pub fn gating(&self, runs: usize) -> Option<f64> {
        let noisy = self.noise.unlucky(runs, UNLUCKY);
        let margin = noisy.margin_at(runs, self.q, PASSING) + self.resolution;
        let known = self.scale.tells(margin);
        known.then(|| self.scale.bound(margin)).flatten()
    }

    /// The number of runs per side with which a change of this size is called regressed with 80%
    /// probability; `None` when no number up to 1,000 is enough.
    pub fn runs_for(&self, change: f64) -> Option<usize> {
        let distance =
            self.scale.difference(change) - self.scale.difference(self.threshold) - self.resolution;
        self.noise.first(|margin| margin < distance, self.q)
    }

    /// The value of the base, in the metric's unit.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether changes are differences in the metric's unit, as of an effect.
    pub fn is_absolute(&self) -> bool {
        self.scale.absolute
    }

    /// The threshold that was applied.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
}
