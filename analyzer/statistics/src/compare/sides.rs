//! Both sides of a comparison in one metric: an estimate per run, and why runs have none.
//!
//! The longest warm-up of any run is cut from all of them. No side is compared with the other here.

use crate::compare::estimate::{Estimate, NoEstimate, estimate, estimate_with_series};
use crate::compare::options::Operation;
use crate::metric::Metric;
use crate::run::Run;
use crate::series::warm_up::{MAX_SHARE, warm_up};
use std::collections::BTreeMap;

/// The estimates of both sides, one per run that has one, in the order of the runs.
pub(super) struct Sides {
    /// Number of windows that were cut from the start of every run.
    pub(super) cut: usize,
    pub(super) base: Vec<Estimate>,
    pub(super) candidate: Vec<Estimate>,
    /// Runs have an estimate at the same positions on both sides, so that the n-th estimates of
    /// both sides are a pair.
    pub(super) whole_pairs: bool,
    /// Number of runs of both sides.
    runs: usize,
    /// Number of runs without an estimate, by reason. It does not depend on the order of the runs.
    missing: BTreeMap<NoEstimate, usize>,
}

/// The estimates of one side with the positions of their runs.
type Kept = Vec<(usize, Estimate)>;

impl Sides {
    /// Estimates `metric` in all runs of both sides.
    pub(super) fn of(operation: &Operation<'_>, metric: Metric, cut_warm_up: bool) -> Sides {
        let mut missing = BTreeMap::new();
        let mut count = |why: NoEstimate| *missing.entry(why).or_insert(0) += 1;
        let mut cut = 0;
        let mut side = |runs: &[Run]| -> Kept {
            let mut kept = Vec::with_capacity(runs.len());
            for (index, run) in runs.iter().enumerate() {
                match estimate_with_series(run, metric, 0) {
                    Ok((estimate, series)) => {
                        if cut_warm_up {
                            cut = cut.max(warm_up(&series));
                        }
                        kept.push((index, estimate));
                    }
                    Err(why) => count(why),
                }
            }
            kept
        };
        let (mut base, mut candidate) = (side(operation.base), side(operation.candidate));
        // The same number of windows on both sides, and at most the allowed share of the shortest
        // run.
        let runs = || operation.base.iter().chain(operation.candidate);
        let shortest = runs().map(Run::windows).min().unwrap_or(0);
        let cut = cut.min((shortest as f64 * MAX_SHARE) as usize);
        if cut > 0 {
            let mut without_warm_up = |runs: &[Run], kept: &mut Kept| {
                kept.retain_mut(
                    |(index, whole)| match estimate(&runs[*index], metric, cut) {
                        Ok(rest) => {
                            *whole = rest;
                            true
                        }
                        Err(why) => {
                            count(why);
                            false
                        }
                    },
                );
            };
            without_warm_up(operation.base, &mut base);
            without_warm_up(operation.candidate, &mut candidate);
        }
        let positions = |kept: &Kept| -> Vec<usize> { kept.iter().map(|(at, _)| *at).collect() };
        let estimates = |kept: Kept| kept.into_iter().map(|(_, estimate)| estimate).collect();
        Sides {
            cut,
            whole_pairs: positions(&base) == positions(&candidate),
            base: estimates(base),
            candidate: estimates(candidate),
            runs: runs().count(),
            missing,
        }
    }

    /// Why runs have no estimate, in one line: the reason alone if it is that of all runs,
    /// otherwise each reason with its number of runs.
    pub(super) fn why_missing(&self) -> String {
        let runs = self.runs;
        let part = |(why, count): (&NoEstimate, &usize)| {
            if *count == runs {
                why.reason().to_owned()
            } else {
                format!("{count} of {runs} runs: {}", why.reason())
            }
        };
        let parts: Vec<String> = self.missing.iter().map(part).collect();
        parts.join("; ")
    }
}
