//! Candidate minus base in the working scale, with its standard errors: of one pair of runs, or of several runs.
//!
//! It knows variances between and inside runs; it must never know thresholds, levels or verdicts.
//!
//! One run per side: the variance of each run's mean from its windows (`longrun`), degrees of freedom by Welch and
//! Satterthwaite. Several runs: each run is one number, Welch's t of these numbers (Welch 1947), or the paired t
//! where runs were interleaved; the variance inside the runs is a floor, so that runs which agree by luck do not
//! look exact. A history of good runs enters as further degrees of freedom of the pooled variance. Ends that the
//! two sides' own intervals bound differently are combined as in MOVER (Zou and Donner 2008).

use crate::effect::Scope;
use crate::longrun::combine;
use crate::reading::{ROUNDING, Reading};

/// Variances of two sides whose ratio is below this are taken as one.
const ALIKE: f64 = 4.0;

/// The standard deviation from run to run of one build, from a history of known-good runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunVariance {
    /// Standard deviation between runs: relative to the value, for absolute metrics in their unit.
    pub deviation: f64,
    /// Degrees of freedom: the number of runs in the history less the number of builds they came from.
    pub degrees_of_freedom: f64,
}

impl RunVariance {
    /// From the values of past good runs of one build; relative unless `absolute`.
    ///
    /// Values that are not finite (or not positive, for a relative one) are left out; `None` when fewer than two
    /// remain. Assumes that the runs were independent starts under the same load.
    pub fn from_history(values: &[f64], absolute: bool) -> Option<RunVariance> {
        let known = values
            .iter()
            .copied()
            .filter(|v| v.is_finite() && (absolute || *v > 0.0));
        let scaled: Vec<f64> = known.map(|v| if absolute { v } else { v.ln() }).collect();
        if scaled.len() < 2 {
            return None;
        }
        let degrees_of_freedom = scaled.len() as f64 - 1.0;
        Some(RunVariance {
            deviation: spread(&scaled).sqrt(),
            degrees_of_freedom,
        })
    }
}

/// A difference in the working scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contrast {
    pub(crate) delta: f64,
    /// Standard error that bounds the difference from below, and from above; infinite when unknown.
    pub(crate) errors: (f64, f64),
    /// Room on either side that is no matter of chance: the width of histogram buckets.
    pub(crate) slack: (f64, f64),
    /// How far the lost operations could move the difference down and up; infinite when unknown.
    pub(crate) loss: (f64, f64),
    pub(crate) degrees: f64,
    pub(crate) scope: Scope,
}

impl Contrast {
    /// The same with the sign turned.
    pub(crate) fn turned(self) -> Contrast {
        let swap = |(a, b): (f64, f64)| (b, a);
        Contrast {
            delta: -self.delta,
            errors: swap(self.errors),
            slack: swap(self.slack),
            loss: swap(self.loss),
            ..self
        }
    }
}

/// One difference from all readings of both sides; `None` when a side has none.
pub(crate) fn contrast(
    base: &[Reading],
    candidate: &[Reading],
    paired: bool,
    history: Option<RunVariance>,
) -> Option<Contrast> {
    if base.is_empty() || candidate.is_empty() {
        return None;
    }
    let (errors, degrees, scope) = match (base, candidate, history) {
        ([base], [candidate], None) => pair(base, candidate)?,
        _ if paired && base.len() == candidate.len() && base.len() > 1 => {
            paired_runs(base, candidate)?
        }
        _ => runs(base, candidate, history)?,
    };
    let mean = |side: &[Reading], read: &dyn Fn(&Reading) -> f64| -> f64 {
        side.iter().map(read).sum::<f64>() / side.len() as f64
    };
    let centre = |side: &[Reading]| mean(side, &|r| r.centre);
    let down = |side: &[Reading], part: &dyn Fn(&Reading) -> (f64, f64)| mean(side, &|r| part(r).0);
    let up = |side: &[Reading], part: &dyn Fn(&Reading) -> (f64, f64)| mean(side, &|r| part(r).1);
    let lost = |r: &Reading| (r.centre - r.loss.0, r.loss.1 - r.centre);
    let wide = |r: &Reading| r.resolution();
    let delta = centre(candidate) - centre(base);
    Some(Contrast {
        delta: if delta.abs() < ROUNDING { 0.0 } else { delta },
        errors,
        slack: (
            down(candidate, &wide) + up(base, &wide),
            up(candidate, &wide) + down(base, &wide),
        ),
        loss: (
            down(candidate, &lost) + up(base, &lost),
            up(candidate, &lost) + down(base, &lost),
        ),
        degrees,
        scope,
    })
}

type Spread = ((f64, f64), f64, Scope);

fn pair(base: &Reading, candidate: &Reading) -> Option<Spread> {
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

/// Variance inside one run of its own centre; the larger of the two directions, where known.
fn inside(reading: &Reading) -> f64 {
    let Some(combined) = combine(&[(&reading.scales, 1.0)]) else {
        return 0.0;
    };
    let (down, up) = reading.errors(combined.variances[0]);
    match (down.is_finite(), up.is_finite()) {
        (true, true) => (0.5 * (down + up)).powi(2),
        (true, false) => down * down,
        (false, true) => up * up,
        (false, false) => f64::INFINITY,
    }
}

fn inside_mean(side: &[Reading]) -> f64 {
    side.iter().map(inside).sum::<f64>() / side.len() as f64
}

fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

fn runs(base: &[Reading], candidate: &[Reading], history: Option<RunVariance>) -> Option<Spread> {
    let side = |side: &[Reading]| {
        let centres: Vec<f64> = side.iter().map(|r| r.centre).collect();
        let degrees = centres.len() as f64 - 1.0;
        let between = if centres.len() > 1 {
            spread(&centres)
        } else {
            0.0
        };
        (between, degrees, inside_mean(side), centres.len() as f64)
    };
    let (base_spread, base_degrees, base_inside, base_runs) = side(base);
    let (spread, degrees, inside, count) = side(candidate);
    if history.is_none() && base_degrees > 0.0 && degrees > 0.0 {
        let parts = (
            spread.max(inside) / count,
            base_spread.max(base_inside) / base_runs,
        );
        let total = parts.0 + parts.1;
        let welch = parts.0 * parts.0 / degrees + parts.1 * parts.1 / base_degrees;
        // Equal numbers of runs whose spreads are alike keep all degrees of freedom: there the pooled and Welch's
        // statistic are the same number.
        let alike = count == base_runs && parts.0.max(parts.1) <= ALIKE * parts.0.min(parts.1);
        let freedom = if alike || welch <= 0.0 {
            degrees + base_degrees
        } else {
            total * total / welch
        };
        return Some(((total.sqrt(), total.sqrt()), freedom, Scope::Runs));
    }
    // One side has a single run, or there is a history: one pooled variance for both.
    let (prior, prior_degrees) = history.map_or((0.0, 0.0), |h| {
        (h.deviation * h.deviation, h.degrees_of_freedom)
    });
    let freedom = base_degrees + degrees + prior_degrees;
    let pooled = (base_degrees * base_spread + degrees * spread + prior_degrees * prior) / freedom;
    let error = (pooled.max(inside) / count + pooled.max(base_inside) / base_runs).sqrt();
    (freedom > 0.0).then_some(((error, error), freedom, Scope::Runs))
}

fn paired_runs(base: &[Reading], candidate: &[Reading]) -> Option<Spread> {
    let differences: Vec<f64> = candidate
        .iter()
        .zip(base)
        .map(|(c, b)| c.centre - b.centre)
        .collect();
    let pairs = differences.len() as f64;
    let floor = inside_mean(base) + inside_mean(candidate);
    let error = (spread(&differences).max(floor) / pairs).sqrt();
    Some(((error, error), pairs - 1.0, Scope::Runs))
}
