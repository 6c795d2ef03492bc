//! The figures from which one verdict came about, step by step: for `--explain`.
//!
//! Numbers only. All of them are on the scale of the comparison: logarithms, or the metric's unit
//! where the effect is absolute. Up is worse.

use crate::compare::difference::{Difference, noise_inside, within_run};
use crate::compare::estimate::Estimate;
use crate::compare::run_variance::sample_variance;
use crate::compare::sides::{Used, pair};
use crate::compare::verdict::Side;
use crate::run::Run;

/// How one verdict came about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Explanation {
    /// Every run that was used, with its value: base first, and pairs in the same order on both
    /// sides.
    pub runs: Vec<RunValue>,
    /// The noise of the base and of the candidate; `None` for a side without runs.
    pub noise: [Option<SideNoise>; 2],
    /// Candidate − base.
    pub difference: Option<f64>,
    /// Standard errors of that difference downwards and upwards; `None` where the interval reaches
    /// beyond the data.
    pub errors: [Option<f64>; 2],
    /// Degrees of freedom of the standard errors.
    pub degrees_of_freedom: Option<f64>,
    /// How far the buckets of the histograms could move the difference downwards and upwards.
    pub resolution: [f64; 2],
    /// Number of effects that were tested together.
    pub tests: usize,
    /// One-sided level of the lower end of the interval after the correction for them.
    pub low_level: Option<f64>,
    /// One-sided level of the upper end.
    pub high_level: Option<f64>,
}

/// One run in one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct RunValue {
    /// Its side.
    pub side: Side,
    /// Its position on that side, from 0.
    pub run: usize,
    /// Its name; empty without one.
    pub name: String,
    /// The number of its pair, by its position where it has none; `None` where runs are not paired.
    pub pair: Option<u64>,
    /// The value, in the metric's unit.
    pub value: f64,
    /// Standard error from the noise inside the run; `None` when it is unknown.
    pub error: Option<f64>,
    /// Number of windows behind it.
    pub windows: usize,
}

/// The noise of one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SideNoise {
    /// Standard deviation of one run's value from the noise inside the run, without what several
    /// runs of the side have in common; `None` when unknown.
    pub within: Option<f64>,
    /// Standard deviation from run to run, noise inside the runs included; `None` for one run.
    pub between: Option<f64>,
}

impl Explanation {
    pub(super) fn new(
        sides: [(Side, &[Run], &[Used]); 2],
        difference: Option<&Difference>,
        paired: bool,
    ) -> Explanation {
        let known = |value: f64| value.is_finite().then_some(value);
        let mut runs = Vec::new();
        for (side, all, used) in sides {
            runs.extend(used.iter().map(|used| RunValue {
                side,
                run: used.run,
                name: all[used.run].name().to_owned(),
                pair: paired.then(|| pair(all, used.run)),
                value: used.estimate.value,
                error: known(within_run(&used.estimate).sqrt()),
                windows: used.estimate.scales.length,
            }));
        }
        let errors = difference.map_or((f64::NAN, f64::NAN), |d| d.errors);
        let resolution = difference.map_or((0.0, 0.0), |d| d.resolution);
        Explanation {
            runs,
            noise: sides.map(|(_, _, used)| noise(used)),
            difference: difference.map(|d| d.delta),
            errors: [known(errors.0), known(errors.1)],
            degrees_of_freedom: difference.map(|d| d.degrees),
            resolution: [resolution.0, resolution.1],
            ..Explanation::default()
        }
    }
}

fn noise(used: &[Used]) -> Option<SideNoise> {
    if used.is_empty() {
        return None;
    }
    let estimates: Vec<&Estimate> = used.iter().map(|used| &used.estimate).collect();
    let centres: Vec<f64> = estimates.iter().map(|estimate| estimate.centre).collect();
    let within = noise_inside(&estimates);
    Some(SideNoise {
        within: within.is_finite().then(|| within.sqrt()),
        between: (centres.len() > 1).then(|| sample_variance(&centres).sqrt()),
    })
}
