//! Base against candidate: every metric of every operation, judged together.
//!
//! It owns the correction for many tests; one effect is made in `judge`. It must never compute a
//! variance itself.

use crate::effect::{Comparison, Effect, Scope, Verdict};
use crate::error::{Error, within};
use crate::judge::{Judged, Levels};
use crate::metric::Metric;
use crate::multiple::{benjamini_hochberg, matching_level};
use crate::options::{Operation, Options};
use crate::run::Run;

/// Compares one operation; see [`compare_all`].
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

/// Compares every metric of every operation and judges all of them together at false discovery rate `q`.
///
/// Assumes that windows inside a run are stationary with a memory short against the run, and that several runs of
/// a side are independent starts. One run per side speaks for these two runs only (`Scope::Pair`). Units: those of
/// [`Metric::unit`]; changes are fractions. Sources are named in `longrun`, `reading`, `contrast` and `multiple`.
///
/// # Errors
/// Options outside their range, a side without runs, unequal numbers of runs where pairing is asked.
pub fn compare_all(operations: &[Operation<'_>], options: &Options) -> Result<Comparison, Error> {
    check(operations, options)?;
    let mut judged: Vec<Judged> = Vec::new();
    for operation in operations {
        for metric in metrics_of(operation, options) {
            judged.push(Judged::new(operation, metric, options));
        }
    }
    let tails = |tail: fn(&Judged) -> f64| -> Vec<f64> { judged.iter().map(tail).collect() };
    let (worse, better, passing) = (
        tails(|j| j.worse),
        tails(|j| j.better),
        tails(|j| j.passing),
    );
    let adjusted = benjamini_hochberg(&worse);
    let (_, low_level) = matching_level(&worse, options.q);
    let (_, improved_level) = matching_level(&better, options.q);
    let (_, pass_level) = matching_level(&passing, options.q);
    let levels = Levels {
        low: low_level,
        improved: improved_level,
        pass: pass_level,
    };
    let effects: Vec<Effect> = judged
        .into_iter()
        .zip(adjusted)
        .map(|(one, q)| one.effect(q, levels, options.tolerated_loss))
        .collect();
    let pair = effects.iter().any(|e| e.scope == Scope::Pair) || effects.is_empty();
    Ok(Comparison {
        verdict: Verdict::overall(&effects),
        scope: if pair { Scope::Pair } else { Scope::Runs },
        effects,
    })
}

fn check(operations: &[Operation<'_>], options: &Options) -> Result<(), Error> {
    within(
        "threshold",
        options.threshold,
        0.0,
        0.99,
        "between 0 and 0.99",
    )?;
    within(
        "failure_threshold",
        options.failure_threshold,
        0.0,
        1.0,
        "between 0 and 1",
    )?;
    within("q", options.q, 1e-9, 0.5, "between 1e-9 and 0.5")?;
    within(
        "tolerated_loss",
        options.tolerated_loss,
        0.0,
        1.0,
        "between 0 and 1",
    )?;
    for (_, variance) in &options.history {
        let must = "finite and not negative";
        within("history deviation", variance.deviation, 0.0, 1e300, must)?;
        within(
            "history degrees of freedom",
            variance.degrees_of_freedom,
            0.0,
            1e300,
            must,
        )?;
    }
    for operation in operations {
        for (side, runs) in [("base", operation.base), ("candidate", operation.candidate)] {
            if runs.is_empty() {
                return Err(Error::NoRuns { side });
            }
        }
        let (base, candidate) = (operation.base.len(), operation.candidate.len());
        if options.paired && base != candidate {
            return Err(Error::Unpaired { base, candidate });
        }
    }
    Ok(())
}

fn metrics_of(operation: &Operation<'_>, options: &Options) -> Vec<Metric> {
    let runs = || operation.base.iter().chain(operation.candidate);
    let measured: Vec<Vec<Metric>> = runs().map(Run::metrics).collect();
    Metric::ALL
        .into_iter()
        .filter(|metric| options.metrics.is_empty() || options.metrics.contains(metric))
        .filter(|metric| measured.iter().any(|known| known.contains(metric)))
        .collect()
}
