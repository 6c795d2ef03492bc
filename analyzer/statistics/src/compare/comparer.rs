//! A comparison to which operations are added one by one.
//!
//! This file owns the correction for multiple tests. `uncorrected` computes the single effects; no
//! variance is computed here.

use crate::compare::effect::{Comparison, Effect, OneSidedOperation};
use crate::compare::gate;
use crate::compare::options::{OneSided, Operation, Options};
use crate::compare::uncorrected::{Levels, Uncorrected};
use crate::compare::verdict::{Side, Verdict};
use crate::error::Error;
use crate::math::false_discovery::{benjamini_hochberg, matching_level};
use crate::metric::Metric;
use crate::run::Run;
use std::collections::BTreeSet;

#[cfg(doc)]
use crate::compare::compare_all;

/// [`compare_all`] of operations that are given one by one, so that the runs of one operation at a
/// time need memory.
pub struct Comparer<'a> {
    options: &'a Options,
    uncorrected: Vec<Uncorrected>,
    one_sided: Vec<OneSidedOperation>,
    has_both_sides: bool,
}

impl<'a> Comparer<'a> {
    /// No operation yet.
    ///
    /// # Errors
    /// Options outside their range.
    pub fn new(options: &'a Options) -> Result<Comparer<'a>, Error> {
        options.check()?;
        Ok(Comparer {
            options,
            uncorrected: Vec::new(),
            one_sided: Vec::new(),
            has_both_sides: false,
        })
    }

    /// Adds an operation, of which a side may have no runs.
    ///
    /// # Errors
    /// As [`compare_all`], for this operation.
    pub fn add(&mut self, operation: &Operation<'_>) -> Result<(), Error> {
        let options = self.options;
        check_runs(operation, options)?;
        self.one_sided.extend(one_sided(operation, options));
        if !operation.base.is_empty() && !operation.candidate.is_empty() {
            self.has_both_sides = true;
            let metrics = metrics_of(operation, options).into_iter();
            let uncorrected = metrics.map(|metric| Uncorrected::new(operation, metric, options));
            self.uncorrected.extend(uncorrected);
        }
        Ok(())
    }

    /// The judgement of all operations together. Where a side had no runs of any operation there
    /// is no evidence, so that it is never a pass.
    pub fn finish(self) -> Comparison {
        let Comparer {
            options,
            uncorrected,
            one_sided,
            has_both_sides,
        } = self;
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
        let blockers = gate::blockers(&effects, &one_sided, has_both_sides, options);
        let verdict = gate::overall(&effects, &one_sided, &blockers, options);
        Comparison {
            verdict,
            scope: gate::scope(&effects, verdict, options),
            effects,
            one_sided,
            blockers,
        }
    }
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

/// The errors of the runs of an operation.
fn check_runs(operation: &Operation<'_>, options: &Options) -> Result<(), Error> {
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
