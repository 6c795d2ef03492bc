//! A verdict in words: the headline, the facts and the rows that its table and its Markdown share.

use soakbox_statistics::{Conclusion, Metric, Verdict};

use super::MISSING;
use crate::compare::{Answer, EffectAnswer};
use crate::units::{bytes, duration, percent, rate, signed_percent, significant};
use crate::windows::RunIdentity;

/// The headings of the table.
pub(super) const HEADINGS: [&str; 8] = [
    "operation",
    "metric",
    "base",
    "candidate",
    "change",
    "interval",
    "verdict",
    "reason",
];

/// The end of every reason of one run per side; the headline reports it once.
const PAIR_NOTE: &str = "; with one run per side";

/// The verdict in one sentence.
pub(super) fn headline(answer: &Answer) -> String {
    let of = |verdict: Verdict| {
        let effects = answer.effects.iter();
        effects.filter(|effect| effect.judged == verdict).count()
    };
    let all = answer.effects.len();
    let only =
        "This is a verdict on these two runs, not on the builds: record several runs per side";
    match answer.word.0 {
        Conclusion::Builds(Verdict::Regressed) => {
            let stopped = answer.effects.is_empty();
            if stopped {
                return "REGRESSED: the candidate lacks operations of the base".to_owned();
            }
            format!(
                "REGRESSED: the candidate is worse in {} of {all} effects",
                of(Verdict::Regressed)
            )
        }
        Conclusion::Builds(Verdict::Improved) => {
            format!(
                "IMPROVED: the candidate is better in {} of {all} effects",
                of(Verdict::Improved)
            )
        }
        Conclusion::Builds(Verdict::Pass) => {
            format!(
                "PASS: {} of {all} effects are within their thresholds",
                of(Verdict::Pass)
            )
        }
        Conclusion::Runs(Verdict::Regressed) => format!(
            "WORSE RUN: the candidate's run is worse in {} of {all} effects. {only}",
            of(Verdict::Regressed)
        ),
        Conclusion::Runs(Verdict::Improved) => format!(
            "BETTER RUN: the candidate's run is better in {} of {all} effects. {only}",
            of(Verdict::Improved)
        ),
        Conclusion::Runs(Verdict::Pass) => format!(
            "LIKE RUN: {} of {all} effects are within their thresholds. {only}",
            of(Verdict::Pass)
        ),
        Conclusion::Builds(Verdict::Inconclusive) | Conclusion::Runs(Verdict::Inconclusive) => {
            inconclusive(answer)
        }
    }
}

/// What keeps a comparison from a verdict.
fn inconclusive(answer: &Answer) -> String {
    let open = answer
        .effects
        .iter()
        .filter(|effect| effect.gates && effect.judged == Verdict::Inconclusive)
        .count();
    let only = answer
        .one_sided
        .iter()
        .filter(|one| one.verdict.is_some())
        .count();
    if answer.effects.is_empty() && only == 0 {
        return "INCONCLUSIVE: no operation was observed on both sides".to_owned();
    }
    let mut reasons = Vec::new();
    if open > 0 {
        reasons.push(format!(
            "{open} of {} effects could not be decided",
            answer.effects.len()
        ));
    }
    if only > 0 {
        reasons.push(format!("{only} operations are on one side only"));
    }
    if reasons.is_empty() {
        reasons.push("the base is too noisy for any duration to be decided".to_owned());
    }
    format!("INCONCLUSIVE: {}", reasons.join(", "))
}

/// Facts about the comparison, with their names.
pub(super) fn facts(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("base", runs(&answer.base.runs)),
        ("candidate", runs(&answer.candidate.runs)),
    ];
    if answer.paired {
        facts.push((
            "pairs",
            "the runs were recorded in turn and are compared in pairs".to_owned(),
        ));
    }
    for difference in &answer.differences {
        let list = |values: &[String]| match values.is_empty() {
            true => MISSING.to_owned(),
            false => values.join(", "),
        };
        facts.push((
            "differs",
            format!(
                "{}: {} | {}",
                difference.property,
                list(&difference.base),
                list(&difference.candidate)
            ),
        ));
    }
    for one in &answer.one_sided {
        let counts = one.verdict.map_or(String::new(), |verdict| {
            format!(", which counts as {verdict}")
        });
        facts.push((
            "only",
            format!(
                "{} has runs of the {} only{counts}",
                one.operation, one.side
            ),
        ));
    }
    facts
}

/// The runs of a side: their number, names and builds.
fn runs(runs: &[RunIdentity]) -> String {
    /// More names would hide the verdict.
    const MOST: usize = 6;
    let labels = runs.iter().take(MOST).map(|run| run.name.clone());
    let mut text = labels.collect::<Vec<_>>().join(", ");
    if runs.len() > MOST {
        text.push_str(&format!(", … ({} runs)", runs.len()));
    }
    let builds = runs.iter().flat_map(|run| &run.targets);
    let mut builds: Vec<&str> = builds
        .filter_map(|target| target.build_id.as_deref())
        .collect();
    builds.sort_unstable();
    builds.dedup();
    if !builds.is_empty() {
        text.push_str(&format!("; build {}", builds.join(", ")));
    }
    text
}

/// The cells of an effect.
pub(super) fn cells(effect: &EffectAnswer) -> [String; 8] {
    let value = |value: Option<f64>| shown(value, |value| value_text(&effect.quantity, value));
    let change = |change: Option<f64>| shown(change, |change| change_text(effect, change));
    let interval = match (effect.low, effect.high) {
        (None, None) => MISSING.to_owned(),
        (low, high) => format!("{} to {}", change(low), change(high)),
    };
    let verdict = if effect.gates || effect.judged != Verdict::Inconclusive {
        effect.verdict.to_owned()
    } else {
        format!("({})", effect.verdict)
    };
    [
        effect.operation.clone(),
        effect.metric.clone(),
        value(effect.base),
        value(effect.candidate),
        change(effect.change),
        interval,
        verdict,
        reason(effect),
    ]
}

fn reason(effect: &EffectAnswer) -> String {
    let reason = effect.reason.split_once(PAIR_NOTE);
    let mut text = reason
        .map_or(effect.reason.as_str(), |(reason, _)| reason)
        .to_owned();
    if let Some(needed) = effect.runs_needed {
        let at_least = if needed.at_least { "at least " } else { "" };
        text.push_str(&format!(
            "; {at_least}{} runs per side would decide",
            needed.per_side
        ));
    }
    text
}

/// Notes below the table.
pub(super) fn notes(answer: &Answer) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if answer.effects.iter().any(|effect| effect.lower_is_worse) {
        notes.push("Up is worse: of rate and bytes_rate, a change of +5 % is 5 % fewer.");
    }
    let open = |effect: &EffectAnswer| !effect.gates && effect.judged == Verdict::Inconclusive;
    if answer.effects.iter().any(open) {
        notes.push("(inconclusive): the base is too noisy for this threshold; the verdict does not need it.");
    }
    notes
}

fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| MISSING.to_owned(), show)
}

pub(super) fn value_text(metric: &Metric, value: f64) -> String {
    match metric {
        metric if metric.is_duration() => duration(value),
        Metric::Cpu => duration(value),
        Metric::Memory => bytes(value),
        Metric::FailureRate => percent(value),
        Metric::Rate => rate(value),
        Metric::BytesRate => format!("{}/s", bytes(value)),
        metric => format!("{} {}", significant(value), metric.unit())
            .trim_end()
            .to_owned(),
    }
}

pub(super) fn change_text(effect: &EffectAnswer, change: f64) -> String {
    size_text(&effect.quantity, effect.absolute, change)
}

/// A change of a metric with its sign: in percent, or in the metric's unit where it is `absolute`.
pub(super) fn size_text(metric: &Metric, absolute: bool, change: f64) -> String {
    if !absolute {
        return signed_percent(change);
    }
    let sign = if change < 0.0 { "−" } else { "+" };
    format!("{sign}{}", value_text(metric, change.abs()))
}
