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
const PASSING: f64 = 0.9;

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
    let change = scale.change(margin + same.resolution.1);
    change.is_finite().then_some(change)
}

/// The verdict on all effects together.
///
/// Regressed if any effect is, of those named in [`Options::gates`] if there are any. Otherwise
/// inconclusive if a gating effect is, or if an operation with an inconclusive effect has no gating
/// one: none at all, or none of a duration where durations were compared. Otherwise improved if any
/// effect is; else pass.
pub(super) fn overall(
    effects: &[Effect],
    one_sided: &[OneSidedOperation],
    options: &Options,
) -> Verdict {
    let counts = |effect: &&Effect| options.gates.is_empty() || effect.gates;
    let counted: Vec<&Effect> = effects.iter().filter(counts).collect();
    let of_one_side = || one_sided.iter().filter_map(|operation| operation.verdict);
    let verdicts = || counted.iter().map(|effect| effect.verdict);
    if verdicts()
        .chain(of_one_side())
        .any(|v| v == Verdict::Regressed)
    {
        return Verdict::Regressed;
    }
    let operations: BTreeSet<&str> = effects.iter().map(|e| e.operation.as_str()).collect();
    let uncertain = |name: &&str| !is_covered(effects, name, options);
    if effects.is_empty()
        || operations.iter().any(uncertain)
        || of_one_side().any(|v| v == Verdict::Inconclusive)
    {
        return Verdict::Inconclusive;
    }
    let decided = verdicts().filter(|v| *v != Verdict::Inconclusive);
    Verdict::overall(decided.chain(of_one_side()))
}

/// True when what must pass in this operation was decided.
fn is_covered(effects: &[Effect], operation: &str, options: &Options) -> bool {
    let of_operation: Vec<&Effect> = effects
        .iter()
        .filter(|e| e.operation == operation)
        .collect();
    let gating = || of_operation.iter().filter(|effect| effect.gates);
    let open = |effect: &&&Effect| effect.verdict == Verdict::Inconclusive;
    if gating().any(|effect| open(&effect)) {
        return false;
    }
    if !options.gates.is_empty() {
        let measured = |metric: &Metric| of_operation.iter().any(|effect| effect.metric == *metric);
        return options.gates.iter().all(measured);
    }
    if !of_operation.iter().any(|effect| open(&effect)) {
        return true;
    }
    let durations = of_operation
        .iter()
        .any(|effect| effect.metric.is_duration());
    gating().any(|effect| !durations || effect.metric.is_duration())
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
