//! The answer of a comparison: `soakbox.verdict/1`, as values. Scripts rely on its keys and words:
//! add some, never rename one.

use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::{
    Blocker, Comparison, Conclusion, Effect, Metric, Options, UnusableRun, Verdict,
};

use super::added_runs::LookAnswer;
use super::disagreements::{Disagreement, disagreements};
use super::history::HistoryAnswer;
use super::pairing::has_same_numbers;
use super::repeated::on_both_sides;
use super::unused::unused;
use super::{Difference, ExplanationAnswer, Pairing, Settings, differences};
use crate::windows::{Run, RunIdentity};

/// The word for a whole comparison, with its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(pub Conclusion);

impl Word {
    /// 0 for a pass or an improvement, 1 for a regression of the build, 3 where the data decide
    /// nothing, 4 for a run that is worse than the only other one.
    pub const fn exit_status(self) -> u8 {
        match self.0 {
            Conclusion::Builds(Verdict::Regressed) => 1,
            Conclusion::Runs(Verdict::Regressed) => 4,
            Conclusion::Builds(Verdict::Inconclusive) | Conclusion::Runs(Verdict::Inconclusive) => {
                3
            }
            Conclusion::Builds(Verdict::Pass | Verdict::Improved)
            | Conclusion::Runs(Verdict::Pass | Verdict::Improved) => 0,
        }
    }
}

/// A comparison with its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Name and version of the JSON schema.
    pub(crate) schema: &'static str,
    /// The word: of the builds `regressed`, `improved`, `pass` or `inconclusive`; of one run per
    /// side `worse_run`, `better_run`, `like_run` or `inconclusive`.
    pub(crate) verdict: &'static str,
    #[serde(skip)]
    pub(crate) word: Word,
    /// `runs` if the verdict is valid for the builds, `pair` if only for these two runs.
    pub(crate) scope: &'static str,
    /// The seed as it was given.
    pub(crate) seed: u64,
    /// Whether the runs were compared in pairs.
    pub(crate) paired: bool,
    /// Why they were.
    #[serde(skip)]
    pub(crate) pairing: Pairing,
    /// Whether the pairs are those of `soakbox-recorder runs`.
    #[serde(skip)]
    pub(crate) has_numbers: bool,
    /// The look at a comparison to which runs are added; null where they are not.
    pub(crate) look: Option<LookAnswer>,
    /// The runs of a history that show the variation from run to run; null without one.
    pub(crate) history: Option<HistoryAnswer>,
    /// The metrics that were named as those that must pass; empty where the base decided.
    pub(crate) gates: Vec<String>,
    /// The base.
    pub(crate) base: SideAnswer,
    /// The candidate.
    pub(crate) candidate: SideAnswer,
    /// Runs of the candidate that are runs of the base too.
    pub(crate) shared_runs: Vec<String>,
    /// What is not the same on both sides, besides the build.
    pub(crate) differences: Vec<Difference>,
    /// Thresholds in a metric's unit that apply to no effect.
    pub(crate) unused_thresholds: Vec<String>,
    /// One per operation and metric.
    pub(crate) effects: Vec<EffectAnswer>,
    /// The operations of which some percentiles are worse and others are not.
    pub(crate) disagreements: Vec<Disagreement>,
    /// Operations that only one side has.
    pub(crate) one_sided: Vec<OneSidedAnswer>,
    /// What keeps the comparison from a pass.
    pub(crate) blockers: Vec<BlockerAnswer>,
}

/// One side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SideAnswer {
    /// Its runs.
    pub(crate) runs: Vec<RunIdentity>,
}

/// One metric of one operation.
#[derive(Clone, Debug, Serialize)]
pub struct EffectAnswer {
    pub(crate) operation: String,
    pub(crate) metric: String,
    #[serde(skip)]
    pub(crate) quantity: Metric,
    /// Value of the base, in `unit`.
    pub(crate) base: Option<f64>,
    /// Value of the candidate.
    pub(crate) candidate: Option<f64>,
    pub(crate) unit: String,
    /// candidate / base − 1, or candidate − base if `absolute`; up is worse.
    pub(crate) change: Option<f64>,
    /// Whether the change is a difference in `unit`.
    pub(crate) absolute: bool,
    /// Whether a lower value is worse, so that the sign of the change was reversed.
    pub(crate) lower_is_worse: bool,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) p: Option<f64>,
    pub(crate) q: Option<f64>,
    pub(crate) threshold: f64,
    /// The smallest change that would have been called regressed with 80% probability.
    pub(crate) detectable: Option<f64>,
    /// The smallest threshold at which an unchanged candidate would pass in 90%.
    pub(crate) passable: Option<f64>,
    /// Whether the comparison cannot pass without a decision on this effect.
    pub(crate) gates: bool,
    /// Whether the verdict on the comparison may depend on it.
    #[serde(skip)]
    pub(crate) counts: bool,
    /// Windows on each side.
    pub(crate) blocks: [usize; 2],
    /// Runs on each side that were used.
    pub(crate) runs: [usize; 2],
    /// Runs that could not be used.
    pub(crate) unusable: Vec<UnusableAnswer>,
    /// Windows that were cut off at the start of each run, as warm-up.
    pub(crate) warmup_cut: [usize; 2],
    pub(crate) loss: LossAnswer,
    /// The change and its interval as they were measured: candidate against base, whatever is worse.
    pub(crate) measured: MeasuredAnswer,
    pub(crate) scope: &'static str,
    /// Runs per side that would decide an inconclusive effect.
    pub(crate) runs_needed: Option<RunsNeededAnswer>,
    pub(crate) verdict: &'static str,
    #[serde(skip)]
    pub(crate) judged: Verdict,
    /// With the note that one run per side is valid for itself only.
    pub(crate) reason: String,
    /// Without that note.
    #[serde(skip)]
    pub(crate) own_reason: String,
    /// The figures behind the verdict, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<ExplanationAnswer>,
}

/// A change with its interval, as it was measured: the sign is that of candidate − base.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct MeasuredAnswer {
    pub(crate) change: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

impl MeasuredAnswer {
    fn of(effect: &Effect) -> Self {
        let measured = |change: f64| effect.metric.measured(change);
        let mut ends = [effect.low, effect.high].map(|end| end.map(measured));
        if effect.metric.lower_is_worse() {
            ends.reverse();
        }
        let [low, high] = ends;
        Self {
            change: effect.change.map(measured),
            low,
            high,
        }
    }
}

/// How far lost operations could move the change.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LossAnswer {
    /// The largest lost fraction of a run.
    pub(crate) fraction: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// The number of runs that would decide.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct RunsNeededAnswer {
    pub(crate) per_side: usize,
    /// Whether it is only a lower bound.
    pub(crate) at_least: bool,
}

/// A run that could not be used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UnusableAnswer {
    pub(crate) side: &'static str,
    /// Its position on its side, from 0.
    pub(crate) run: usize,
    pub(crate) name: String,
    pub(crate) reason: &'static str,
}

/// One thing that keeps a comparison from a pass.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BlockerAnswer {
    /// `nothing_compared`, `nothing_measured`, `one_sided`, `undecided`, `not_measured` or
    /// `nothing_gates`.
    pub(crate) kind: &'static str,
    /// The operation, where it is one.
    pub(crate) operation: Option<String>,
    /// The metric, where it is one.
    pub(crate) metric: Option<String>,
    #[serde(skip)]
    pub(crate) blocker: Blocker,
}

/// An operation that only one side has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OneSidedAnswer {
    pub(crate) operation: String,
    /// The side that has it.
    pub(crate) side: &'static str,
    /// The verdict that it counts as; null where it is only named.
    pub(crate) verdict: Option<&'static str>,
}

impl Answer {
    pub(super) fn of(
        comparison: &Comparison,
        base: &[Run],
        candidate: &[Run],
        options: &Options,
        settings: &Settings,
    ) -> Result<Self> {
        let conclusion = comparison.conclusion();
        let side = |runs: &[Run]| SideAnswer {
            runs: runs.iter().map(|run| run.identity.clone()).collect(),
        };
        let named_gates = !options.gates.is_empty();
        let effects = comparison.effects.iter();
        let mut effects: Vec<EffectAnswer> = effects.map(|one| effect(one, named_gates)).collect();
        if let Some((operation, metric)) = &settings.explain {
            let wanted = |(_, one): &(&Effect, &mut EffectAnswer)| {
                one.operation == *operation && one.quantity == *metric
            };
            let known = known_effects(comparison);
            let found = comparison.effects.iter().zip(&mut effects).find(wanted);
            let (whole, explained) = found.ok_or_else(|| {
                let asked = format!("--explain {operation} {}", metric.name());
                Failure::new(asked, "is not one of the effects that were compared").hint(known)
            })?;
            explained.explanation = Some(ExplanationAnswer::of(&whole.explanation));
        }
        let one_sided = comparison.one_sided.iter().map(|one| OneSidedAnswer {
            operation: one.operation.clone(),
            side: one.side.name(),
            verdict: one.verdict.map(Verdict::name),
        });
        Ok(Self {
            schema: "soakbox.verdict/1",
            verdict: conclusion.name(),
            word: Word(conclusion),
            scope: comparison.scope.name(),
            seed: settings.seed,
            paired: options.paired,
            pairing: settings.pairing,
            has_numbers: has_same_numbers(base, candidate),
            look: options.looks.map(LookAnswer::from),
            history: None,
            gates: options
                .gates
                .iter()
                .map(|gate| gate.name().to_owned())
                .collect(),
            base: side(base),
            candidate: side(candidate),
            shared_runs: on_both_sides(base, candidate),
            differences: differences(base, candidate),
            unused_thresholds: unused(&options.thresholds, &comparison.effects),
            disagreements: disagreements(&effects),
            effects,
            one_sided: one_sided.collect(),
            blockers: comparison.blockers.iter().map(blocker).collect(),
        })
    }

    pub(super) fn with_history(self, history: Option<HistoryAnswer>) -> Self {
        Self { history, ..self }
    }

    /// The exit status of the command.
    pub fn exit_status(&self) -> u8 {
        self.word.exit_status()
    }
}

/// The effects that there are, for the hint after a mistyped one.
fn known_effects(comparison: &Comparison) -> String {
    /// More would hide the others.
    const MOST: usize = 20;
    let effects = comparison.effects.iter().take(MOST);
    let names = effects.map(|effect| format!("{} {}", effect.operation, effect.metric.name()));
    let names = names.collect::<Vec<_>>().join(", ");
    match comparison.effects.len() {
        0 => "nothing was compared".to_owned(),
        all if all > MOST => format!("there are {all}: {names}, …"),
        _ => format!("there are {names}"),
    }
}

fn blocker(blocker: &Blocker) -> BlockerAnswer {
    let (kind, operation, metric) = match blocker {
        Blocker::NothingCompared => ("nothing_compared", None, None),
        Blocker::NothingMeasured => ("nothing_measured", None, None),
        Blocker::OneSided { operation } => ("one_sided", Some(operation), None),
        Blocker::Undecided { operation, metric } => ("undecided", Some(operation), Some(metric)),
        Blocker::NotMeasured { operation, metric } => {
            ("not_measured", Some(operation), Some(metric))
        }
        Blocker::NothingGates { operation, .. } => ("nothing_gates", Some(operation), None),
    };
    BlockerAnswer {
        kind,
        operation: operation.cloned(),
        metric: metric.map(|metric| metric.name().to_owned()),
        blocker: blocker.clone(),
    }
}

fn effect(effect: &Effect, named_gates: bool) -> EffectAnswer {
    let unusable = |run: &UnusableRun| UnusableAnswer {
        side: run.side.name(),
        run: run.run,
        name: run.name.clone(),
        reason: run.why.reason(),
    };
    // No change has no sign.
    let without_sign = |change: f64| change + 0.0;
    EffectAnswer {
        operation: effect.operation.clone(),
        metric: effect.metric.name().to_owned(),
        quantity: effect.metric.clone(),
        base: effect.base,
        candidate: effect.candidate,
        unit: effect.metric.unit().to_owned(),
        change: effect.change.map(without_sign),
        absolute: effect.absolute,
        lower_is_worse: effect.metric.lower_is_worse(),
        low: effect.low.map(without_sign),
        high: effect.high.map(without_sign),
        p: effect.p,
        q: effect.q,
        threshold: effect.threshold,
        detectable: effect.detectable,
        passable: effect.passable,
        gates: effect.gates,
        counts: effect.gates || !named_gates && effect.verdict != Verdict::Inconclusive,
        blocks: effect.blocks,
        runs: effect.runs,
        unusable: effect.unusable.iter().map(unusable).collect(),
        warmup_cut: effect.warmup_cut,
        loss: LossAnswer {
            fraction: effect.loss.fraction,
            low: effect.loss.low.map(without_sign),
            high: effect.loss.high.map(without_sign),
        },
        measured: MeasuredAnswer::of(effect),
        scope: effect.scope.name(),
        runs_needed: effect.runs_needed.map(|needed| RunsNeededAnswer {
            per_side: needed.per_side,
            at_least: needed.at_least,
        }),
        verdict: effect.verdict.name(),
        judged: effect.verdict,
        reason: match effect.scope.note() {
            Some(note) => format!("{}; {note}", effect.reason),
            None => effect.reason.clone(),
        },
        own_reason: effect.reason.clone(),
        explanation: None,
    }
}
