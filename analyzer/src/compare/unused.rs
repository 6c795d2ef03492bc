//! Thresholds that were given and that no effect has: they are named, so that nobody relies on one.

use soakbox_statistics::{Acceptable, Effect, Threshold};

/// The thresholds in a metric's unit, as they are typed, whose metric was compared by its ratio
/// everywhere.
pub(super) fn unused(thresholds: &[Threshold], effects: &[Effect]) -> Vec<String> {
    let applies = |threshold: &Threshold, effect: &Effect| {
        effect.metric == threshold.metric
            && effect.absolute
            && threshold
                .operation
                .as_ref()
                .is_none_or(|operation| *operation == effect.operation)
    };
    let name = |threshold: &Threshold| {
        let Acceptable::Absolute(number) = threshold.change else {
            return None;
        };
        let metric = &threshold.metric;
        let is_used = effects.iter().any(|effect| applies(threshold, effect));
        let operation = threshold.operation.iter().map(|name| format!("{name}:"));
        (!metric.is_absolute() && !is_used).then(|| {
            format!(
                "{}{}={number}",
                operation.collect::<String>(),
                metric.name()
            )
        })
    };
    thresholds.iter().filter_map(name).collect()
}
