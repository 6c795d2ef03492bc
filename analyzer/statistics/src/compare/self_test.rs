//! How often runs of one build are called a regression of it on this machine.

use crate::compare::compare_all;
use crate::compare::options::{Operation, Options};
use crate::compare::splits::{Split, disjoint, spread};
use crate::compare::verdict::Verdict;
use crate::error::Error;
use crate::math::distributions::binomial_interval;
use crate::run::Run;

/// Confidence of the interval of the false-alarm rate.
const CONFIDENCE: f64 = 0.95;
/// Most comparisons that share runs.
const MOST_SPLITS: usize = 200;
/// Fewest of them, if there are that many.
const FEWEST_SPLITS: usize = 20;
/// Windows that those comparisons may read together: some seconds of work.
const MOST_WINDOWS: usize = 10_000_000;

/// The false alarms among comparisons of runs of one build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfTest {
    /// Number of comparisons. No run is in two of them, so that they are independent.
    pub comparisons: u64,
    /// How many of them had the verdict regressed.
    pub alarms: u64,
    /// Exact 95% interval of the rate of alarms (Clopper and Pearson 1934).
    pub interval: (f64, f64),
    /// Number of comparisons that share runs with each other: different choices of runs and sides.
    /// They depend on each other, so that their share of alarms has no interval of its own.
    pub splits: u64,
    /// How many of these had the verdict regressed.
    pub split_alarms: u64,
}

impl SelfTest {
    /// The number of comparisons without a run in common, those that were made included, whose
    /// exact 95% interval would end at `rate` or below if there were no further alarm. `None` where
    /// `rate` is not between 0 and 1.
    pub fn comparisons_to_bound(&self, rate: f64) -> Option<u64> {
        if !(rate > 0.0 && rate < 1.0) {
            return None;
        }
        let enough = |comparisons: u64| {
            let interval = binomial_interval(self.alarms, comparisons, CONFIDENCE);
            interval.is_some_and(|(_, high)| high <= rate)
        };
        let mut few = self.comparisons.saturating_sub(1);
        let mut many = self.comparisons.max(1);
        while !enough(many) {
            few = many;
            many = many.checked_mul(2)?;
        }
        while many - few > 1 {
            let middle = few + (many - few) / 2;
            match enough(middle) {
                true => many = middle,
                false => few = middle,
            }
        }
        Some(many)
    }
}

/// Compares runs of one build with each other, `per_side` on each side. `operations` has the name
/// and the runs of each operation, all in the order of the recordings. Neighbouring runs are
/// compared, and their sides alternate. Other choices of the runs and of their sides are counted
/// separately: at most 200, always the same ones. `None` when the runs are too few for one
/// comparison.
///
/// # Errors
/// As [`compare_all`]; operations with different numbers of runs.
pub fn self_test(
    operations: &[(&str, &[Run])],
    per_side: usize,
    options: &Options,
) -> Result<Option<SelfTest>, Error> {
    let runs = operations.first().map_or(0, |(_, runs)| runs.len());
    if let Some((_, other)) = operations.iter().find(|(_, other)| other.len() != runs) {
        return Err(Error::Length {
            left: "the first operation",
            left_length: runs,
            right: "another operation",
            right_length: other.len(),
        });
    }
    let alarms = |splits: &[Split]| -> Result<u64, Error> {
        let mut alarms = 0;
        for split in splits {
            alarms += u64::from(is_alarm(operations, split, options)?);
        }
        Ok(alarms)
    };
    let separate = disjoint(runs, per_side);
    let count = separate.len() as u64;
    let separate_alarms = alarms(&separate)?;
    let Some(interval) = binomial_interval(separate_alarms, count, CONFIDENCE) else {
        return Ok(None);
    };
    let splits = spread(runs, per_side, most_splits(operations, per_side));
    Ok(Some(SelfTest {
        comparisons: count,
        alarms: separate_alarms,
        interval,
        splits: splits.len() as u64,
        split_alarms: alarms(&splits)?,
    }))
}

/// How many comparisons are made that share runs: fewer where the runs have many windows.
fn most_splits(operations: &[(&str, &[Run])], per_side: usize) -> usize {
    let longest = |runs: &[Run]| runs.iter().map(Run::windows).max().unwrap_or(0);
    let windows: usize = operations.iter().map(|(_, runs)| longest(runs)).sum();
    let of_one = windows.saturating_mul(2 * per_side).max(1);
    (MOST_WINDOWS / of_one).clamp(FEWEST_SPLITS, MOST_SPLITS)
}

fn is_alarm(
    operations: &[(&str, &[Run])],
    split: &Split,
    options: &Options,
) -> Result<bool, Error> {
    let side = |runs: &[Run], chosen: &[usize]| -> Vec<Run> {
        chosen.iter().map(|i| runs[*i].clone()).collect()
    };
    let sides: Vec<(Vec<Run>, Vec<Run>)> = operations
        .iter()
        .map(|(_, runs)| (side(runs, &split.base), side(runs, &split.candidate)))
        .collect();
    let operations: Vec<Operation<'_>> = operations
        .iter()
        .zip(&sides)
        .map(|((name, _), (base, candidate))| Operation {
            name,
            base,
            candidate,
        })
        .collect();
    Ok(compare_all(&operations, options)?.verdict == Verdict::Regressed)
}
