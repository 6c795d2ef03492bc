//! How often runs of one build are called a regression of it on this machine.

use crate::compare::compare_all;
use crate::compare::options::{Operation, Options};
use crate::compare::verdict::Verdict;
use crate::error::Error;
use crate::math::distributions::binomial_interval;
use crate::run::Run;

/// Confidence of the interval of the false-alarm rate.
const CONFIDENCE: f64 = 0.95;

/// The false alarms among comparisons of runs of one build.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfTest {
    /// Number of comparisons. No run is in two of them, so that they are independent.
    pub comparisons: u64,
    /// How many of them had the verdict regressed.
    pub alarms: u64,
    /// Exact 95% interval of the rate of alarms (Clopper and Pearson 1934).
    pub interval: (f64, f64),
}

/// Compares runs of one build with each other, `per_side` on each side. `operations` has the name
/// and the runs of each operation, all in the order of the recordings. Neighbouring runs are
/// compared, and their sides alternate. `None` when the runs are too few for one comparison.
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
    let (mut comparisons, mut alarms) = (0, 0);
    let trials = if per_side == 0 {
        0
    } else {
        runs / (2 * per_side)
    };
    for trial in 0..trials {
        let first = 2 * per_side * trial;
        // Base, candidate, candidate, base, …: a drift of the machine is on both sides.
        let side = |runs: &[Run], candidate: bool| -> Vec<Run> {
            let own = |i: &usize| (i % 4 == 1 || i % 4 == 2) == candidate;
            let chosen = (0..2 * per_side).filter(own);
            chosen.map(|i| runs[first + i].clone()).collect()
        };
        let sides: Vec<(Vec<Run>, Vec<Run>)> = operations
            .iter()
            .map(|(_, runs)| (side(runs, false), side(runs, true)))
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
        comparisons += 1;
        let result = compare_all(&operations, options)?;
        alarms += u64::from(result.verdict == Verdict::Regressed);
    }
    let interval = binomial_interval(alarms, comparisons, CONFIDENCE);
    Ok(interval.map(|interval| SelfTest {
        comparisons,
        alarms,
        interval,
    }))
}
