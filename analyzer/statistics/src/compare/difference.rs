//! The difference candidate − base on the log scale, with its standard errors.
//!
//! It owns the variance within runs and between runs. It knows no thresholds, levels or verdicts.
//!
//! With one run per side, the variance of each run's mean comes from its windows
//! (`long_run_variance`), and the degrees of freedom are those of Welch and Satterthwaite. With
//! several runs, each run is one number. The difference is then tested by Welch's t (Welch 1947),
//! or by the paired t where runs were interleaved and what a pair has in common shows (the runs of
//! many pairs are correlated). The variance within the runs is the smallest variance that is used,
//! so that runs which agree by chance do not look exact; what all runs of a side have in common over
//! their course, such as a leak, is no part of it (`common_course`). A history of good runs adds degrees of freedom to the pooled variance. Where the interval of a side is
//! asymmetric, the ends are combined as in MOVER (Zou and Donner 2008).

use crate::compare::estimate::{Estimate, ROUNDING};
use crate::compare::run_variance::{RunVariance, sample_variance};
use crate::compare::verdict::Scope;
use crate::math::distributions::t_upper;
use crate::math::long_run_variance::combine;

/// Two sides whose variances differ by a smaller factor than this are treated as if they were
/// equal.
const EQUAL_VARIANCE_RATIO: f64 = 4.0;

/// With fewer pairs than this their correlation shows nothing, and the paired t is used.
const PAIRS_WITH_CORRELATION: f64 = 5.0;
/// The runs of pairs are correlated if chance shows such a correlation with this probability.
const CORRELATION_LEVEL: f64 = 0.05;

/// Candidate − base, on the log scale or in the unit of an absolute metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) delta: f64,
    /// Standard errors downwards and upwards; infinite when unknown.
    pub(crate) errors: (f64, f64),
    /// How far the difference may be off downwards and upwards because histogram buckets have a
    /// width. This is not a random error.
    pub(crate) resolution: (f64, f64),
    /// How far lost operations could move the difference downwards and upwards; infinite when
    /// unknown.
    pub(crate) loss: (f64, f64),
    /// Degrees of freedom of the standard errors.
    pub(crate) degrees: f64,
    pub(crate) scope: Scope,
}

impl Difference {
    /// Base − candidate.
    pub(crate) fn reversed(self) -> Difference {
        let swap = |(a, b): (f64, f64)| (b, a);
        Difference {
            delta: -self.delta,
            errors: swap(self.errors),
            resolution: swap(self.resolution),
            loss: swap(self.loss),
            ..self
        }
    }
}

/// The difference from the estimates of both sides, one per run. `None` when a side has none, or
/// when its variance cannot be known.
pub(crate) fn difference(
    base: &[&Estimate],
    candidate: &[&Estimate],
    paired: bool,
    history: Option<RunVariance>,
) -> Option<Difference> {
    if base.is_empty() || candidate.is_empty() {
        return None;
    }
    let (errors, degrees, scope) = match (base, candidate, history) {
        ([base], [candidate], None) => single_runs(base, candidate)?,
        _ if paired && base.len() == candidate.len() && base.len() > 1 => {
            paired_runs(base, candidate)?
        }
        _ => independent_runs(base, candidate, history)?,
    };
    let mean = |side: &[&Estimate], read: &dyn Fn(&Estimate) -> f64| -> f64 {
        side.iter().copied().map(read).sum::<f64>() / side.len() as f64
    };
    let centre = |side: &[&Estimate]| mean(side, &|r| r.centre);
    let down =
        |side: &[&Estimate], part: &dyn Fn(&Estimate) -> (f64, f64)| mean(side, &|r| part(r).0);
    let up =
        |side: &[&Estimate], part: &dyn Fn(&Estimate) -> (f64, f64)| mean(side, &|r| part(r).1);
    let lost = |r: &Estimate| (r.centre - r.loss.0, r.loss.1 - r.centre);
    let resolution = |r: &Estimate| r.resolution();
    let delta = centre(candidate) - centre(base);
    Some(Difference {
        delta: if delta.abs() < ROUNDING { 0.0 } else { delta },
        errors,
        resolution: (
            down(candidate, &resolution) + up(base, &resolution),
            up(candidate, &resolution) + down(base, &resolution),
        ),
        loss: (
            down(candidate, &lost) + up(base, &lost),
            up(candidate, &lost) + down(base, &lost),
        ),
        degrees,
        scope,
    })
}

/// Standard errors downwards and upwards, their degrees of freedom, and the scope.
type Errors = ((f64, f64), f64, Scope);

/// One run per side.
fn single_runs(base: &Estimate, candidate: &Estimate) -> Option<Errors> {
    let combined = combine(&[
        (&base.scales, base.slope * base.slope),
        (&candidate.scales, candidate.slope * candidate.slope),
    ])?;
    let (base_down, base_up) = base.errors(combined.variances[0]);
    let (down, up) = candidate.errors(combined.variances[1]);
    Some((
        (down.hypot(base_up), up.hypot(base_down)),
        combined.degrees,
        Scope::Pair,
    ))
}

/// The variance of a run's estimate from the noise within the run.
pub(crate) fn within_run(estimate: &Estimate) -> f64 {
    let combined = combine(&[(&estimate.scales, 1.0)]);
    combined.map_or(0.0, |combined| estimate.variance(combined.variances[0]))
}

/// As [`within_run`], without what the runs of the side have in common, which does not make them
/// differ.
fn own_noise(estimate: &Estimate) -> f64 {
    let own = estimate.own.as_ref();
    let Some((own, combined)) = own.and_then(|own| Some((own, combine(&[(own, 1.0)])?))) else {
        return within_run(estimate);
    };
    // The mean is that of all windows, of which some may be in this run only.
    let share = own.length as f64 / estimate.scales.length as f64;
    estimate.variance(combined.variances[0] * share)
}

/// The mean variance inside the runs of a side, from the noise that is each run's own.
pub(crate) fn noise_inside(side: &[&Estimate]) -> f64 {
    side.iter().copied().map(own_noise).sum::<f64>() / side.len() as f64
}

/// Several runs on at least one side, or a history.
fn independent_runs(
    base: &[&Estimate],
    candidate: &[&Estimate],
    history: Option<RunVariance>,
) -> Option<Errors> {
    let side = |side: &[&Estimate]| {
        let centres: Vec<f64> = side.iter().map(|r| r.centre).collect();
        let degrees = centres.len() as f64 - 1.0;
        let between = if centres.len() > 1 {
            sample_variance(&centres)
        } else {
            0.0
        };
        (between, degrees, noise_inside(side), centres.len() as f64)
    };
    let (base_between, base_degrees, base_within, base_runs) = side(base);
    let (between, degrees, within, runs) = side(candidate);
    if history.is_none() && base_degrees > 0.0 && degrees > 0.0 {
        let parts = (
            between.max(within) / runs,
            base_between.max(base_within) / base_runs,
        );
        let total = parts.0 + parts.1;
        let welch = parts.0 * parts.0 / degrees + parts.1 * parts.1 / base_degrees;
        // With equally many runs and similar variances all degrees of freedom are kept: the pooled
        // statistic is then the same number as Welch's.
        let similar = runs == base_runs
            && parts.0.max(parts.1) <= EQUAL_VARIANCE_RATIO * parts.0.min(parts.1);
        let freedom = if similar || welch <= 0.0 {
            degrees + base_degrees
        } else {
            total * total / welch
        };
        return Some(((total.sqrt(), total.sqrt()), freedom, Scope::Runs));
    }
    // One side has a single run, or there is a history: both sides share one pooled variance.
    let (prior, prior_degrees) = history.map_or((0.0, 0.0), |h| {
        (h.deviation * h.deviation, h.degrees_of_freedom)
    });
    let freedom = base_degrees + degrees + prior_degrees;
    let pooled =
        (base_degrees * base_between + degrees * between + prior_degrees * prior) / freedom;
    let error = (pooled.max(within) / runs + pooled.max(base_within) / base_runs).sqrt();
    (freedom > 0.0).then_some(((error, error), freedom, Scope::Runs))
}

/// Several runs that were interleaved: the differences of the pairs are the data, if the runs of a
/// pair have something in common, which costs one degree of freedom to find out. Otherwise the
/// paired t would give away half of the degrees for nothing, and the runs are two groups.
fn paired_runs(base: &[&Estimate], candidate: &[&Estimate]) -> Option<Errors> {
    let pairs = base.len() as f64;
    if pairs >= PAIRS_WITH_CORRELATION && !are_correlated(base, candidate) {
        return independent_runs(base, candidate, None);
    }
    let differences: Vec<f64> = candidate
        .iter()
        .zip(base)
        .map(|(c, b)| c.centre - b.centre)
        .collect();
    let floor = noise_inside(base) + noise_inside(candidate);
    let error = (sample_variance(&differences).max(floor) / pairs).sqrt();
    let spent = if pairs >= PAIRS_WITH_CORRELATION {
        2.0
    } else {
        1.0
    };
    Some(((error, error), pairs - spent, Scope::Runs))
}

/// Whether the n-th runs of both sides are correlated, by a one-sided t-test of Pearson's
/// coefficient.
fn are_correlated(base: &[&Estimate], candidate: &[&Estimate]) -> bool {
    let centres = |side: &[&Estimate]| -> Vec<f64> { side.iter().map(|r| r.centre).collect() };
    let (base, candidate) = (centres(base), centres(candidate));
    let sums: Vec<f64> = base.iter().zip(&candidate).map(|(b, c)| b + c).collect();
    let variances = sample_variance(&base) * sample_variance(&candidate);
    let both = sample_variance(&base) + sample_variance(&candidate);
    let correlation = 0.5 * (sample_variance(&sums) - both) / variances.sqrt();
    let degrees = base.len() as f64 - 2.0;
    let t = correlation * (degrees / (1.0 - correlation * correlation).max(1e-12)).sqrt();
    t.is_finite() && t_upper(t, degrees) < CORRELATION_LEVEL
}
