//! How long the runs of a recording observed, by the intervals that were counted: steps of UTC, and times of
//! which nothing is known.

use std::collections::BTreeMap;

use super::cut::RunPlan;
use super::observed::Observed;
use crate::coverage::{ClockSteps, Coverage};
use crate::recording::TimeRange;

/// Shorter parts next to a gap are of intervals that it cut off.
const LEAST_INTERVALS: i64 = 3;

/// The times of which nothing is known, outside of the gaps.
pub(super) fn holes(
    plans: &mut [RunPlan],
    folds: &[Observed],
    coverage: &Coverage,
) -> BTreeMap<String, Vec<TimeRange>> {
    let mut all = BTreeMap::new();
    for (plan, fold) in plans
        .iter_mut()
        .zip(folds)
        .filter(|(plan, _)| !plan.is_judged)
    {
        let run = coverage.runs.get(&plan.recorder);
        let gaps = run.map_or(&[][..], |run| &run.gaps_of_counts);
        let holes: Vec<TimeRange> = fold
            .holes()
            .into_iter()
            .flat_map(|hole| hole.outside(gaps))
            .filter(|part| part.length_ns() > LEAST_INTERVALS * plan.interval_ns)
            .collect();
        let missing_ns: i64 = holes.iter().map(|hole| hole.length_ns()).sum();
        plan.observed_ns -= missing_ns;
        if missing_ns > 0 {
            all.insert(plan.recorder.clone(), holes);
        }
    }
    all
}

/// The steps of UTC in the runs. No window of a verdict has time that the clock skipped, or showed twice.
pub(super) fn clock_steps(
    plans: &mut [RunPlan],
    folds: &[Observed],
) -> BTreeMap<String, ClockSteps> {
    let mut all = BTreeMap::new();
    for (plan, fold) in plans.iter_mut().zip(folds) {
        let steps = fold.intervals.steps();
        if steps.number() == 0 {
            continue;
        }
        let skipped = steps.skipped();
        let skipped_ns: i64 = skipped.iter().map(|range| range.length_ns()).sum();
        plan.observed_ns += steps.longer_ns() - skipped_ns;
        plan.gaps.extend(skipped.into_iter().chain(steps.twice()));
        all.insert(plan.recorder.clone(), steps);
    }
    all
}
