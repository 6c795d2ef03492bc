//! Base against candidate: every metric of every operation, judged together.
//!
//! This file owns the correction for multiple tests. `uncorrected` computes the single effects; no
//! variance is computed here.

pub(crate) mod difference;
pub(crate) mod effect;
pub(crate) mod estimate;
pub(crate) mod options;
mod reason;
pub(crate) mod run_variance;
mod scale;
mod sides;
pub(crate) mod uncorrected;
pub(crate) mod verdict;

use crate::error::{Error, within};
use crate::math::false_discovery::{benjamini_hochberg, matching_level};
use crate::metric::Metric;
use crate::run::Run;
use effect::{Comparison, Effect};
use options::{Operation, Options};
use uncorrected::{Levels, Uncorrected};
use verdict::{Scope, Verdict};

/// Compares one operation, as [`compare_all`] does.
///
/// # Errors
/// As [`compare_all`].
pub fn compare(base: &[Run], candidate: &[Run], options: &Options) -> Result<Comparison, Error> {
    compare_all(
        &[Operation {
            name: "",
            base,
            candidate,
        }],
        options,
    )
}

/// Compares every metric of every operation and judges all of them together at false discovery rate
/// [`q`](Options::q).
///
/// Assumes that the windows inside a run are stationary, with a memory that is short compared to
/// the run, and that several runs of a side are independent starts. The result of one run per side
/// is valid for these two runs only ([`Scope::Pair`]). Values have the unit of [`Metric::unit`],
/// changes are fractions. `docs/statistics.md` names the methods and their sources.
///
/// # Errors
/// Options outside their range; a side without runs; runs with windows of different lengths;
/// unequal numbers of runs where they are to be paired.
pub fn compare_all(operations: &[Operation<'_>], options: &Options) -> Result<Comparison, Error> {
    check(operations, options)?;
    let mut uncorrected: Vec<Uncorrected> = Vec::new();
    for operation in operations {
        for metric in metrics_of(operation, options) {
            uncorrected.push(Uncorrected::new(operation, metric, options));
        }
    }
    let tails =
        |tail: fn(&Uncorrected) -> f64| -> Vec<f64> { uncorrected.iter().map(tail).collect() };
    let (worse, better, passing) = (
        tails(|j| j.worse),
        tails(|j| j.better),
        tails(|j| j.passing),
    );
    let adjusted = benjamini_hochberg(&worse);
    let (_, low_level) = matching_level(&worse, options.q);
    let (_, improved_level) = matching_level(&better, options.q);
    let (_, pass_level) = matching_level(&passing, options.q);
    let levels = Levels {
        low: low_level,
        improved: improved_level,
        pass: pass_level,
    };
    let effects: Vec<Effect> = uncorrected
        .into_iter()
        .zip(adjusted)
        .map(|(one, q)| one.effect(q, levels, options.tolerated_loss))
        .collect();
    let pair = effects.iter().any(|e| e.scope == Scope::Pair) || effects.is_empty();
    Ok(Comparison {
        verdict: Verdict::overall(effects.iter().map(|effect| effect.verdict)),
        scope: if pair { Scope::Pair } else { Scope::Runs },
        effects,
    })
}

/// The errors of [`compare_all`].
fn check(operations: &[Operation<'_>], options: &Options) -> Result<(), Error> {
    within(
        "threshold",
        options.threshold,
        0.0,
        0.99,
        "between 0 and 0.99",
    )?;
    within(
        "failure_threshold",
        options.failure_threshold,
        0.0,
        1.0,
        "between 0 and 1",
    )?;
    within("q", options.q, 1e-9, 0.5, "between 1e-9 and 0.5")?;
    within(
        "tolerated_loss",
        options.tolerated_loss,
        0.0,
        1.0,
        "between 0 and 1",
    )?;
    for (_, variance) in &options.history {
        let must = "finite and not negative";
        within("history deviation", variance.deviation, 0.0, 1e300, must)?;
        within(
            "history degrees of freedom",
            variance.degrees_of_freedom,
            0.0,
            1e300,
            must,
        )?;
    }
    for operation in operations {
        for (side, runs) in [("base", operation.base), ("candidate", operation.candidate)] {
            if runs.is_empty() {
                return Err(Error::NoRuns { side });
            }
        }
        let (base, candidate) = (operation.base.len(), operation.candidate.len());
        if options.paired && base != candidate {
            return Err(Error::Unpaired { base, candidate });
        }
        let runs = operation.base.iter().chain(operation.candidate);
        let mut lengths = runs.filter_map(Run::window);
        if let Some(first) = lengths.next()
            && let Some(second) = lengths.find(|length| *length != first)
        {
            return Err(Error::WindowLengths { first, second });
        }
    }
    Ok(())
}

/// The metrics that any run measured, of those that were asked for.
fn metrics_of(operation: &Operation<'_>, options: &Options) -> Vec<Metric> {
    let runs = || operation.base.iter().chain(operation.candidate);
    let measured: Vec<Vec<Metric>> = runs().map(Run::metrics).collect();
    Metric::ALL
        .into_iter()
        .filter(|metric| options.metrics.is_empty() || options.metrics.contains(metric))
        .filter(|metric| measured.iter().any(|known| known.contains(metric)))
        .collect()
}
