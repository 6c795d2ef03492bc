//! Percentiles of one operation whose verdicts are not the same: they are named and not averaged.
//! Each is a reading of the same durations.

use serde::Serialize;
use soakbox_statistics::Verdict;

use super::EffectAnswer;

/// An operation of which some percentiles are worse and others are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Disagreement {
    /// The operation.
    pub(crate) operation: String,
    /// The metrics that are regressed.
    pub(crate) regressed: Vec<String>,
    /// Those that are better.
    pub(crate) improved: Vec<String>,
    /// Those that are within their thresholds.
    pub(crate) pass: Vec<String>,
}

/// The operations whose percentiles disagree, in the order of the effects. One that is inconclusive
/// disagrees with none.
pub(super) fn disagreements(effects: &[EffectAnswer]) -> Vec<Disagreement> {
    let mut operations: Vec<&str> = effects.iter().map(|one| one.operation.as_str()).collect();
    operations.dedup();
    let of = |operation: &str, verdict: Verdict| -> Vec<String> {
        let percentiles = effects.iter().filter(|one| {
            one.operation == operation && one.quantity.quantile().is_some() && one.judged == verdict
        });
        percentiles.map(|one| one.metric.clone()).collect()
    };
    let all = operations.into_iter().map(|operation| Disagreement {
        operation: operation.to_owned(),
        regressed: of(operation, Verdict::Regressed),
        improved: of(operation, Verdict::Improved),
        pass: of(operation, Verdict::Pass),
    });
    let differ = |one: &Disagreement| {
        let is_fine = !one.improved.is_empty() || !one.pass.is_empty();
        is_fine && !one.regressed.is_empty()
    };
    all.filter(differ).collect()
}
