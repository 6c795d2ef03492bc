//! Base against candidate: every metric of every operation, judged together.
//!
//! `comparer` owns the correction for multiple tests, and `uncorrected` computes the single effects.

mod common_course;
pub(crate) mod comparer;
pub(crate) mod conclusion;
pub(crate) mod difference;
pub(crate) mod effect;
mod estimate;
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
mod splits;
mod stop;
pub(crate) mod uncorrected;
pub(crate) mod unusable;
pub(crate) mod verdict;

use crate::error::Error;
use crate::run::Run;
use comparer::Comparer;
use effect::Comparison;
use options::{Operation, Options};

#[cfg(doc)]
use crate::metric::Metric;
#[cfg(doc)]
use verdict::Scope;

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
    let mut comparer = Comparer::new(options)?;
    let all_empty = |runs: fn(&Operation<'_>) -> bool| operations.iter().all(runs);
    if all_empty(|operation| operation.base.is_empty()) {
        return Err(Error::NoRuns { side: "base" });
    }
    if all_empty(|operation| operation.candidate.is_empty()) {
        return Err(Error::NoRuns { side: "candidate" });
    }
    for operation in operations {
        comparer.add(operation)?;
    }
    Ok(comparer.finish())
}
