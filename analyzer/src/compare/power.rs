//! What comparisons with these runs as the base can show, before a candidate is recorded, and how
//! often runs of one build are called worse than each other: the answer `soakbox.power/1`. Pure.

use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Options, Plan, Run as StatisticsRun, SelfTest, self_test};

use super::history::{HistoryAnswer, history};
use super::proposal::rounded_up;
use super::sides::{OperationSides, names, operation};
use super::threshold::metrics;
use super::{Settings, builds, refuse_repeated};
use crate::windows::Run;

/// Fewest runs of a self-test: with fewer it cannot show how often alarms are false.
const FEWEST_RUNS: usize = 10;
/// A rate of false alarms that a gate can be used with.
const RARE: f64 = 0.1;

/// The input of [`power`].
#[derive(Clone, Debug)]
pub struct PowerSettings {
    /// Thresholds, metrics, operations and history.
    pub comparison: Settings,
    /// Runs per side of the comparisons.
    pub per_side: usize,
    /// The change that is to be found, a fraction.
    pub change: f64,
    /// Whether the runs are compared with each other.
    pub self_test: bool,
}

/// The answer; in JSON the schema `soakbox.power/1`.
#[derive(Clone, Debug, Serialize)]
pub struct PowerAnswer {
    /// Name and version of the JSON schema.
    pub(crate) schema: &'static str,
    /// Number of runs of the base.
    pub(crate) runs: usize,
    /// The build ids of the runs, where they are known.
    pub(crate) builds: Vec<String>,
    /// The runs of the history that were used; null without one.
    pub(crate) history: Option<HistoryAnswer>,
    /// Runs per side of the comparisons.
    pub(crate) per_side: usize,
    /// The change that is to be found, a fraction.
    pub(crate) change: f64,
    /// Comparisons of the runs with each other, if they were asked for.
    pub(crate) self_test: Option<SelfTestAnswer>,
    /// One per operation and metric whose variation between runs is known.
    pub(crate) effects: Vec<PowerEffect>,
}

/// How often runs of one build were called worse than each other.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SelfTestAnswer {
    /// Comparisons; no run is in two of them.
    pub(crate) comparisons: u64,
    /// Those that found a regression.
    pub(crate) alarms: u64,
    /// Exact 95% interval of the share of alarms.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Comparisons that share runs with each other.
    pub(crate) shared: SharedAnswer,
    /// How many comparisons would show that alarms are rare.
    pub(crate) rare: Option<RareAnswer>,
}

/// Comparisons that share runs with each other: other choices of the runs and of their sides. They
/// depend on each other, so that their share of alarms has no interval.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SharedAnswer {
    pub(crate) comparisons: u64,
    /// Those that found a regression.
    pub(crate) alarms: u64,
}

/// How many comparisons without a run in common would show that alarms are rare, if there were no
/// further one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RareAnswer {
    /// The end of their interval.
    pub(crate) rate: f64,
    /// The comparisons, those that were made included.
    pub(crate) comparisons: u64,
    /// The runs that they need.
    pub(crate) runs: u64,
}

/// What is known of one metric of one operation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PowerEffect {
    pub(crate) operation: String,
    pub(crate) metric: String,
    #[serde(skip)]
    pub(crate) quantity: Metric,
    pub(crate) unit: String,
    /// Value of the base.
    pub(crate) base: f64,
    /// Whether changes are differences in the metric's unit.
    pub(crate) absolute: bool,
    pub(crate) threshold: f64,
    /// The smallest change that `per_side` runs find with a probability of 80%.
    pub(crate) detectable: Option<f64>,
    /// The smallest threshold at which an unchanged candidate passes with a probability of 80%.
    pub(crate) passable: Option<f64>,
    /// The threshold at which the metric would have to pass; null where none is allowed that is
    /// large enough.
    pub(crate) proposed: Option<f64>,
    /// Runs per side that find `change` with a probability of 80%; null above 1,000, and where
    /// changes are absolute.
    pub(crate) runs_for_change: Option<usize>,
}

/// What comparisons with these runs of one build as the base can show.
///
/// # Errors
/// Where there are too few runs for an answer.
pub fn power(mut runs: Vec<Run>, settings: &PowerSettings) -> Result<PowerAnswer> {
    if settings.self_test && runs.len() < FEWEST_RUNS {
        let reason = format!(
            "needs {FEWEST_RUNS} runs of one build or more, and there are {}",
            runs.len()
        );
        return Err(Failure::new("selftest", reason)
            .hint("`soakbox-recorder runs` with the same command on both sides records them"));
    }
    refuse_repeated(if settings.self_test { "RUN" } else { "BASE" }, &runs)?;
    refuse_repeated("--history", &settings.comparison.history)?;
    settings.comparison.refuse_unknown_operations(&runs)?;
    // Neighbours are compared with each other, so that a drift of the machine does not look like
    // noise.
    runs.sort_by_key(|run| run.identity.first_ns);
    let names = names(&runs, &[], &settings.comparison.operations)?;
    let mut options = settings.comparison.options.clone();
    let mut used = None;
    if !settings.comparison.history.is_empty() {
        let known: Vec<&Run> = runs.iter().collect();
        let (variances, answer) = history(&settings.comparison.history, &known)?;
        (options.history, used) = (variances, Some(answer));
    }
    let mut effects = Vec::new();
    for name in &names {
        let of_base = operation(&runs, &[], None, name)?.base;
        effects.extend(effects_of(name, &of_base, &options, settings));
    }
    if effects.is_empty() {
        return Err(unknown_variation(settings));
    }
    let tested = match settings.self_test {
        true => tested(&runs, &names, settings)?,
        false => None,
    };
    Ok(PowerAnswer {
        schema: "soakbox.power/1",
        runs: runs.len(),
        builds: builds(&runs).into_iter().collect(),
        history: used,
        per_side: settings.per_side,
        change: settings.change,
        self_test: tested,
        effects,
    })
}

/// No run tells how much runs of one build differ.
fn unknown_variation(settings: &PowerSettings) -> Failure {
    if !settings.comparison.history.is_empty() {
        return Failure::new(
            "--history",
            "has no metric of an operation of the base in two runs of one build",
        )
        .hint("name runs of the same program and operations");
    }
    let (argument, hint) = match settings.self_test {
        true => ("RUN", "name several runs, or a baseline of several"),
        false => (
            "BASE",
            "name several runs, a baseline of several, or known-good runs with --history",
        ),
    };
    Failure::new(argument, "does not tell how much runs of one build differ").hint(hint)
}

/// What is known of one operation.
fn effects_of(
    operation: &str,
    runs: &[StatisticsRun],
    options: &Options,
    settings: &PowerSettings,
) -> Vec<PowerEffect> {
    let metrics: Vec<Metric> = match options.metrics.is_empty() {
        true => metrics().collect(),
        false => options.metrics.clone(),
    };
    let effect = |metric: Metric| {
        let plan = Plan::new(runs, operation, &metric, options)?;
        let absolute = plan.is_absolute();
        let proposed = plan.gating(settings.per_side);
        let proposed = proposed.and_then(|least| rounded_up(least, &metric, absolute));
        Some(PowerEffect {
            operation: operation.to_owned(),
            metric: metric.name().to_owned(),
            unit: metric.unit().to_owned(),
            quantity: metric,
            base: plan.value(),
            absolute,
            threshold: plan.threshold(),
            detectable: plan.detectable(settings.per_side),
            passable: plan.passable(settings.per_side),
            proposed: proposed.map(|proposed| proposed.max(plan.threshold())),
            runs_for_change: match absolute {
                true => None,
                false => plan.runs_for(settings.change),
            },
        })
    };
    metrics.into_iter().filter_map(effect).collect()
}

fn tested(
    runs: &[Run],
    names: &[&String],
    settings: &PowerSettings,
) -> Result<Option<SelfTestAnswer>> {
    let sides = names.iter().map(|name| operation(runs, &[], None, name));
    let sides: Vec<OperationSides> = sides.collect::<Result<_>>()?;
    let of_runs = sides.iter().map(|one| (one.name.as_str(), &one.base[..]));
    let of_runs: Vec<(&str, &[StatisticsRun])> = of_runs.collect();
    let tested = self_test(&of_runs, settings.per_side, &settings.comparison.options);
    let tested = tested.map_err(|error| Failure::new("selftest", error))?;
    let answer = |test: SelfTest| SelfTestAnswer {
        comparisons: test.comparisons,
        alarms: test.alarms,
        low: test.interval.0,
        high: test.interval.1,
        shared: SharedAnswer {
            comparisons: test.splits,
            alarms: test.split_alarms,
        },
        rare: test
            .comparisons_to_bound(RARE)
            .filter(|_| test.interval.1 > RARE)
            .map(|comparisons| RareAnswer {
                rate: RARE,
                comparisons,
                runs: comparisons.saturating_mul(2 * settings.per_side as u64),
            }),
    };
    if tested.is_none() {
        let runs = of_runs.first().map_or(0, |(_, runs)| runs.len());
        let reason = format!(
            "{} runs per side are too many for {runs} runs",
            settings.per_side
        );
        return Err(Failure::new("--per-side", reason).hint("each comparison needs twice as many"));
    }
    Ok(tested.map(answer))
}

#[cfg(test)]
impl PowerAnswer {
    /// An answer without effects.
    pub(super) fn of_tests() -> Self {
        Self {
            schema: "soakbox.power/1",
            runs: 10,
            builds: Vec::new(),
            history: None,
            per_side: 2,
            change: 0.1,
            self_test: None,
            effects: Vec::new(),
        }
    }
}
