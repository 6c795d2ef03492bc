//! Base against candidate: every metric of every operation, judged together.
//!
//! This file owns the correction for multiple tests. `uncorrected` computes the single effects; no
//! variance is computed here.

pub(crate) mod conclusion;
pub(crate) mod difference;
pub(crate) mod effect;
pub(crate) mod estimate;
pub(crate) mod explanation;
pub(crate) mod gate;
pub(crate) mod looks;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod reading;
mod reason;
pub(crate) mod run_variance;
pub(crate) mod runs_needed;
mod scale;
pub(crate) mod self_test;
mod sides;
mod stop;
pub(crate) mod uncorrected;
pub(crate) mod unusable;
pub(crate) mod verdict;

use crate::error::{Error, within};
use crate::math::false_discovery::{benjamini_hochberg, matching_level};
use crate::metric::Metric;
use crate::run::Run;
use effect::{Comparison, Effect, OneSidedOperation};
use options::{Acceptable, History, OneSided, Operation, Options};
use std::collections::BTreeSet;
use uncorrected::{Levels, Uncorrected};
use verdict::{Scope, Side, Verdict};

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
/// Options outside their range; a side without runs of any operation; runs with windows of
/// different lengths; where runs are to be paired, unequal numbers of runs without a pair number,
/// or two runs of one side with the same number.
pub fn compare_all(operations: &[Operation<'_>], options: &Options) -> Result<Comparison, Error> {
    check(operations, options)?;
    let mut uncorrected: Vec<Uncorrected> = Vec::new();
    for operation in operations {
        if !operation.base.is_empty() && !operation.candidate.is_empty() {
            for metric in metrics_of(operation, options) {
                uncorrected.push(Uncorrected::new(operation, metric, options));
            }
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
    let (_, low_level) = matching_level(&worse, options.level());
    let (_, improved_level) = matching_level(&better, options.level());
    let (_, pass_level) = matching_level(&passing, options.level());
    let levels = Levels {
        tests: worse.iter().filter(|p| !p.is_nan()).count(),
        low: low_level,
        improved: improved_level,
        pass: pass_level,
    };
    let effects: Vec<Effect> = uncorrected
        .into_iter()
        .zip(adjusted)
        .map(|(one, q)| one.effect(q, levels, options.tolerated_loss))
        .collect();
    let one_sided = all_one_sided(operations, options);
    let mut both = operations.iter();
    let has_both_sides = both.any(|one| !one.base.is_empty() && !one.candidate.is_empty());
    let blockers = gate::blockers(&effects, &one_sided, has_both_sides, options);
    let verdict = gate::overall(&effects, &one_sided, &blockers, options);
    Ok(Comparison {
        verdict,
        scope: gate::scope(&effects, verdict, options),
        effects,
        one_sided,
        blockers,
    })
}

/// The comparison where a side has no runs of any operation, which [`compare_all`] refuses: there
/// is no evidence, so it is never a pass.
pub fn without_effects(operations: &[Operation<'_>], options: &Options) -> Comparison {
    let one_sided = all_one_sided(operations, options);
    let blockers = gate::blockers(&[], &one_sided, false, options);
    Comparison {
        verdict: gate::overall(&[], &one_sided, &blockers, options),
        scope: Scope::Pair,
        effects: Vec::new(),
        one_sided,
        blockers,
    }
}

fn all_one_sided(operations: &[Operation<'_>], options: &Options) -> Vec<OneSidedOperation> {
    let operations = operations.iter();
    operations
        .filter_map(|operation| one_sided(operation, options))
        .collect()
}

/// The operation if only one side has runs of it.
fn one_sided(operation: &Operation<'_>, options: &Options) -> Option<OneSidedOperation> {
    let (side, counts_as) = match (operation.base.is_empty(), operation.candidate.is_empty()) {
        (false, true) => (Side::Base, options.only_base),
        (true, false) => (Side::Candidate, options.only_candidate),
        _ => return None,
    };
    Some(OneSidedOperation {
        operation: operation.name.to_owned(),
        side,
        verdict: match counts_as {
            OneSided::Named => None,
            OneSided::Inconclusive => Some(Verdict::Inconclusive),
            OneSided::Regressed => Some(Verdict::Regressed),
        },
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
    for History { variance, .. } in &options.history {
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
    for threshold in &options.thresholds {
        match threshold.change {
            Acceptable::Relative(change) => {
                within("threshold", change, 0.0, 0.99, "between 0 and 0.99")?;
            }
            Acceptable::Absolute(change) => {
                let must = "finite and not negative";
                within("absolute threshold", change, 0.0, 1e300, must)?;
            }
        }
    }
    let all_empty = |runs: fn(&Operation<'_>) -> bool| operations.iter().all(runs);
    if all_empty(|operation| operation.base.is_empty()) {
        return Err(Error::NoRuns { side: "base" });
    }
    if all_empty(|operation| operation.candidate.is_empty()) {
        return Err(Error::NoRuns { side: "candidate" });
    }
    for operation in operations {
        if options.paired && !operation.base.is_empty() && !operation.candidate.is_empty() {
            check_pairs(operation)?;
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

/// The errors of runs that are to be paired.
fn check_pairs(operation: &Operation<'_>) -> Result<(), Error> {
    let (base, candidate) = (operation.base.len(), operation.candidate.len());
    let mut runs = operation.base.iter().chain(operation.candidate);
    if base != candidate && runs.any(|run| run.pair().is_none()) {
        return Err(Error::Unpaired { base, candidate });
    }
    for (side, runs) in [("base", operation.base), ("candidate", operation.candidate)] {
        let mut numbers = BTreeSet::new();
        for (index, run) in runs.iter().enumerate() {
            let pair = run.pair().unwrap_or(index as u64);
            if !numbers.insert(pair) {
                return Err(Error::TwiceInPair { side, pair });
            }
        }
    }
    Ok(())
}

/// The metrics that any run measured, of those that were asked for.
fn metrics_of(operation: &Operation<'_>, options: &Options) -> Vec<Metric> {
    let runs = || operation.base.iter().chain(operation.candidate);
    let measured: BTreeSet<Metric> = runs().flat_map(Run::metrics).collect();
    let wanted = |metric: &Metric| options.metrics.is_empty() || options.metrics.contains(metric);
    measured.into_iter().filter(wanted).collect()
}
