//! How long the runs of a recording observed where UTC was stepped, by the intervals that were counted.

use std::collections::BTreeMap;

use super::cut::RunPlan;
use super::observed::Observed;
use crate::coverage::{ClockSteps, length_ns};

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
        let longer_ns = steps.longer_ns().saturating_sub(length_ns(&skipped));
        plan.observed_ns = plan.observed_ns.saturating_add(longer_ns);
        plan.gaps.extend(skipped.into_iter().chain(steps.twice()));
        all.insert(plan.recorder.clone(), steps);
    }
    all
}
