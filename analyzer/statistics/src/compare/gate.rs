//! What a comparison needs to pass, decided from the base alone, and the verdict on all effects.
//!
//! A metric gates when an unchanged candidate would pass with the base's noise, or when the options
//! name it. The other metrics are shown. They cannot pass, but a regression in one of them counts.

use crate::compare::difference::difference;
use crate::compare::effect::{Effect, OneSidedOperation};
use crate::compare::estimate::Estimate;
use crate::compare::options::Options;
use crate::compare::run_variance::RunVariance;
use crate::compare::scale::Scale;
use crate::compare::verdict::{Scope, Verdict};
use crate::math::distributions::t_upper_quantile;
use crate::metric::Metric;
use std::collections::BTreeSet;

/// The share of unchanged candidates that must pass before a metric gates.
pub(super) const PASSING: f64 = 0.9;

/// The smallest threshold at which a candidate that is like the base passes in 90%, as a change:
/// from the base's noise alone, with as many runs of the candidate. `None` when it is unknown.
pub(super) fn passable(
    base: &[&Estimate],
    scale: Scale,
    history: Option<RunVariance>,
    options: &Options,
) -> Option<f64> {
    let same = difference(base, base, false, history)?;
    let mut error = same.errors.0.max(same.errors.1);
    let mut degrees = same.degrees;
    // What must pass is the same at every look: that of the planned runs.
    if let Some(looks) = options.looks {
        let planned = looks.planned as f64;
        error *= (base.len() as f64 / planned).sqrt();
        degrees = degrees.max(2.0 * planned - 2.0);
    }
    let margin = if error == 0.0 {
        0.0
    } else {
        let quantile = |level| t_upper_quantile(level, degrees);
        error * (quantile(options.q) + quantile(1.0 - PASSING))
    };
    let least = margin + same.resolution.1;
    scale.tells(least).then(|| scale.bound(least)).flatten()
}

/// What keeps a comparison from a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// No operation has runs on both sides.
    NothingCompared,
    /// No run measured any of the metrics that were asked for.
    NothingMeasured,
    /// An operation that one side has counts as inconclusive.
    OneSided {
        /// Its name.
        operation: String,
    },
    /// An effect that must be decided was not.
    Undecided {
        /// The operation.
        operation: String,
        /// The metric.
        metric: Metric,
    },
    /// A metric that the options name as one that must pass was not measured.
    NotMeasured {
        /// The operation.
        operation: String,
        /// The metric.
        metric: Metric,
    },
    /// No metric of an operation gates: with the noise of the base, an unchanged candidate would
    /// not pass in any.
    NothingGates {
        /// The operation.
        operation: String,
        /// Whether durations were compared: then one of them must be decided.
        durations: bool,
    },
}

/// The verdict on all effects together.
///
/// Regressed if any effect is, of those named in [`Options::gates`] if there are any. Otherwise
/// inconclusive if anything [blocks](blockers) a pass. Otherwise improved if any effect is; else
/// pass.
pub(super) fn overall(
    effects: &[Effect],
    one_sided: &[OneSidedOperation],
    blockers: &[Blocker],
    options: &Options,
) -> Verdict {
    let counts = |effect: &&Effect| options.gates.is_empty() || effect.gates;
    let of_one_side = || one_sided.iter().filter_map(|operation| operation.verdict);
    let verdicts = || effects.iter().filter(counts).map(|effect| effect.verdict);
    if verdicts()
        .chain(of_one_side())
        .any(|v| v == Verdict::Regressed)
    {
        return Verdict::Regressed;
    }
    if !blockers.is_empty() {
        return Verdict::Inconclusive;
    }
    let decided = verdicts().filter(|v| *v != Verdict::Inconclusive);
    Verdict::overall(decided.chain(of_one_side()))
}

/// What keeps the comparison from a pass: a gating effect that is inconclusive, a named gate that
/// was not measured, an operation of one side only, or an operation with an inconclusive effect
/// that has no gating one (none at all, or none of a duration where durations were compared).
pub(super) fn blockers(
    effects: &[Effect],
    one_sided: &[OneSidedOperation],
    has_both_sides: bool,
    options: &Options,
) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    let open = one_sided
        .iter()
        .filter(|one| one.verdict == Some(Verdict::Inconclusive));
    blockers.extend(open.map(|one| Blocker::OneSided {
        operation: one.operation.clone(),
    }));
    if effects.is_empty() {
        match has_both_sides {
            true => blockers.push(Blocker::NothingMeasured),
            false if blockers.is_empty() => blockers.push(Blocker::NothingCompared),
            false => {}
        }
    }
    let operations: BTreeSet<&str> = effects.iter().map(|e| e.operation.as_str()).collect();
    for operation in operations {
        blockers.extend(of_operation(effects, operation, options));
    }
    blockers
}

fn of_operation(effects: &[Effect], operation: &str, options: &Options) -> Vec<Blocker> {
    let effects = || effects.iter().filter(|e| e.operation == operation);
    let gating = || effects().filter(|effect| effect.gates);
    let open = |effect: &&Effect| effect.verdict == Verdict::Inconclusive;
    let operation = operation.to_owned();
    let mut blockers: Vec<Blocker> = gating()
        .filter(open)
        .map(|effect| Blocker::Undecided {
            operation: operation.clone(),
            metric: effect.metric.clone(),
        })
        .collect();
    if !options.gates.is_empty() {
        let missing = |metric: &&Metric| !effects().any(|effect| effect.metric == **metric);
        let missing = options.gates.iter().filter(missing);
        blockers.extend(missing.map(|metric| Blocker::NotMeasured {
            operation: operation.clone(),
            metric: metric.clone(),
        }));
        return blockers;
    }
    let durations = effects().any(|effect| effect.metric.is_duration());
    let covered = gating().any(|effect| !durations || effect.metric.is_duration());
    if blockers.is_empty() && effects().any(|effect| open(&effect)) && !covered {
        blockers.push(Blocker::NothingGates {
            operation,
            durations,
        });
    }
    blockers
}

/// The scope of the verdict on all effects: that of the effects which decide it. A regression of
/// builds in one metric is one, whatever the scope of the other metrics. Everything else is valid
/// for the builds only if every gating effect is.
pub(super) fn scope(effects: &[Effect], verdict: Verdict, options: &Options) -> Scope {
    let of_builds = |effect: &Effect| effect.scope == Scope::Runs;
    let counts = |effect: &&Effect| options.gates.is_empty() || effect.gates;
    let mut regressed = effects.iter().filter(counts);
    if verdict == Verdict::Regressed
        && regressed.any(|e| e.verdict == Verdict::Regressed && of_builds(e))
    {
        return Scope::Runs;
    }
    let gating: Vec<&Effect> = effects.iter().filter(|effect| effect.gates).collect();
    let every = if gating.is_empty() {
        !effects.is_empty() && effects.iter().all(of_builds)
    } else {
        gating.into_iter().all(of_builds)
    };
    if every { Scope::Runs } else { Scope::Pair }
}
