//! A verdict in words: the facts and the rows that its table and its Markdown share.

use std::collections::BTreeMap;

use soakbox_statistics::{Metric, Verdict};

use super::MISSING;
use crate::compare::{Answer, Disagreement, EffectAnswer, OPERATIONS, Pairing};
use crate::units::{bytes, duration, percent, plural, rate, signed_percent, significant};
use crate::windows::{MADE_UP, RunIdentity};

/// Shown for an end of an interval that the data do not bound.
const UNBOUNDED: &str = "unbounded";

/// From this change on, a factor is read more easily than a percentage.
const FACTOR: f64 = 99.0;

/// The headings of the table.
pub(crate) const HEADINGS: [&str; 8] = [
    "operation",
    "metric",
    "base",
    "candidate",
    "change",
    "interval",
    "verdict",
    "reason",
];

/// Facts about the comparison, with their names.
pub(crate) fn facts(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("base", runs(&answer.base.runs)),
        ("candidate", runs(&answer.candidate.runs)),
    ];
    if answer.paired {
        let why = match answer.pairing {
            _ if answer.has_numbers => {
                "the runs of `soakbox-recorder runs` are compared by the numbers of their pairs"
            }
            Pairing::Always => {
                "the n-th runs of both sides are compared with each other (--paired)"
            }
            _ => "the runs were recorded in turn and are compared in pairs",
        };
        facts.push(("pairs", why.to_owned()));
    }
    if let Some(history) = &answer.history {
        let but_rates = history.no_rates.map_or(String::new(), |reason| {
            format!(", but for rates of some: {reason}")
        });
        facts.push((
            "history",
            format!(
                "{} {} of {} {} show how much runs of one build differ{but_rates}",
                history.runs,
                plural(history.runs as u64, "run"),
                history.builds,
                plural(history.builds as u64, "build")
            ),
        ));
    }
    if let Some(look) = &answer.look {
        facts.push((
            "look",
            format!(
                "{} of {} planned runs per side, with {} of the rate of false alarms",
                look.now,
                look.planned,
                percent(look.share)
            ),
        ));
    }
    for side in [&answer.base, &answer.candidate] {
        let runs = side.runs.iter();
        let notes = runs.filter_map(|run| Some(format!("{}: {}", run.name, run.durations_note()?)));
        let notes: Vec<String> = notes.collect();
        if !notes.is_empty() {
            facts.push(("durations", few(notes.into_iter())));
        }
    }
    let mut runs = answer.base.runs.iter().chain(&answer.candidate.runs);
    if runs.any(|run| !run.has_length()) {
        facts.push(("times", format!("{MADE_UP}: no rate is compared")));
    }
    if !answer.gates.is_empty() {
        facts.push((
            "gates",
            format!("only {} must pass", answer.gates.join(", ")),
        ));
    }
    if !answer.shared_runs.is_empty() {
        let shared = few(answer.shared_runs.iter().cloned());
        facts.push(("same", format!("also runs of the base: {shared}")));
    }
    // Operations of one side are listed below.
    let others = answer.differences.iter();
    for difference in others.filter(|difference| difference.property != OPERATIONS) {
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
    for threshold in &answer.unused_thresholds {
        facts.push((
            "unused",
            format!(
                "threshold {threshold}: it is a difference, for a metric that is 0 in a run; where it \
                 is not, a percentage applies"
            ),
        ));
    }
    facts.extend(answer.disagreements.iter().map(disagreement));
    facts.extend(unusable(answer));
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

/// Percentiles of an operation that disagree.
fn disagreement(one: &Disagreement) -> (&'static str, String) {
    let verdicts = [
        ("regressed", &one.regressed),
        ("improved", &one.improved),
        ("pass", &one.pass),
    ];
    let verdicts = verdicts
        .into_iter()
        .filter(|(_, metrics)| !metrics.is_empty());
    let verdicts = verdicts.map(|(verdict, metrics)| format!("{} {verdict}", metrics.join(", ")));
    let verdicts = verdicts.collect::<Vec<_>>().join("; ");
    (
        "disagree",
        format!("percentiles of {}: {verdicts}", one.operation),
    )
}

/// The most runs that are named; more would hide the verdict.
const MOST_NAMED: usize = 6;

/// The first of these names, and how many there are.
fn few(names: impl ExactSizeIterator<Item = String>) -> String {
    let all = names.len();
    let mut text = names.take(MOST_NAMED).collect::<Vec<_>>().join(", ");
    if all > MOST_NAMED {
        text.push_str(&format!(", … ({all} runs)"));
    }
    text
}

/// The names next to each other.
pub(super) fn list(names: &[String]) -> String {
    match names.is_empty() {
        true => MISSING.to_owned(),
        false => names.join(", "),
    }
}

/// The runs of a side: their number, names and builds.
fn runs(runs: &[RunIdentity]) -> String {
    let mut text = few(runs.iter().map(|run| run.name.clone()));
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

/// The runs that could not be used in some effects, with the reasons.
fn unusable(answer: &Answer) -> Vec<(&'static str, String)> {
    // By side and position; the reasons with their numbers of effects.
    type Unusable<'a> = (&'a str, BTreeMap<&'a str, usize>);
    let mut runs: BTreeMap<(&str, usize), Unusable<'_>> = BTreeMap::new();
    for run in answer.effects.iter().flat_map(|effect| &effect.unusable) {
        let known = runs.entry((run.side, run.run));
        let (_, reasons) = known.or_insert_with(|| (&run.name, BTreeMap::new()));
        *reasons.entry(run.reason).or_insert(0) += 1;
    }
    let of = answer.effects.len();
    let all = runs.len();
    let shown = runs.into_iter().take(MOST_NAMED);
    let mut facts: Vec<(&str, String)> = shown
        .map(|((side, _), (name, reasons))| {
            let reasons = reasons.into_iter();
            let reasons = reasons.map(|(reason, n)| format!("{reason} (in {n} of {of} effects)"));
            let reasons = reasons.collect::<Vec<_>>().join(", ");
            ("unusable", format!("{name} of the {side}: {reasons}"))
        })
        .collect();
    if all > MOST_NAMED {
        facts.push(("unusable", format!("… ({all} runs)")));
    }
    facts
}

/// The cells of an effect.
pub(crate) fn cells(effect: &EffectAnswer) -> [String; 8] {
    let value = |value: Option<f64>| shown(value, |value| value_text(&effect.quantity, value));
    let change = |change: Option<f64>| shown(change, |change| change_text(effect, change));
    let end = |end: Option<f64>| match end {
        None => UNBOUNDED.to_owned(),
        end => change(end),
    };
    let measured = effect.measured;
    let interval = match (measured.low, measured.high) {
        (None, None) if effect.judged == Verdict::Inconclusive && measured.change.is_some() => {
            UNBOUNDED.to_owned()
        }
        (None, None) => MISSING.to_owned(),
        (low, high) => format!("{} to {}", end(low), end(high)),
    };
    let verdict = if effect.counts {
        effect.verdict.to_owned()
    } else {
        format!("({})", effect.verdict)
    };
    [
        effect.operation.clone(),
        effect.metric.clone(),
        value(effect.base),
        value(effect.candidate),
        change(measured.change),
        interval,
        verdict,
        reason(effect),
    ]
}

fn reason(effect: &EffectAnswer) -> String {
    // The headline has the note on one run per side.
    let mut text = effect.own_reason.clone();
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
pub(crate) fn notes(answer: &Answer) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if answer.effects.iter().any(|effect| effect.lower_is_worse) {
        notes.push("For rate and bytes_rate, a fall is worse; for the others, a rise.");
    }
    let is_factor = |change: Option<f64>| change.is_some_and(|change| change >= FACTOR);
    let has_factor = |effect: &EffectAnswer| {
        !effect.absolute
            && [
                effect.measured.change,
                effect.measured.low,
                effect.measured.high,
            ]
            .into_iter()
            .any(is_factor)
    };
    if answer.effects.iter().any(has_factor) {
        notes.push("×: so many times the value of the base.");
    }
    let is_share =
        |effect: &EffectAnswer| effect.absolute && effect.quantity == Metric::FailureRate;
    if answer.effects.iter().any(is_share) {
        notes.push("pp: percentage points.");
    }
    if answer.effects.iter().any(|effect| !effect.counts) {
        notes.push("In parentheses: the verdict on the comparison does not depend on it.");
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

/// A change of an effect, as it was measured.
pub(super) fn change_text(effect: &EffectAnswer, change: f64) -> String {
    size_text(&effect.quantity, effect.absolute, change)
}

/// A measured change of a metric with its sign: in percent, or in the metric's unit where it is
/// `absolute`. That of a share is in percentage points.
pub(super) fn size_text(metric: &Metric, absolute: bool, change: f64) -> String {
    if !absolute && change >= FACTOR {
        return times(1.0 + change);
    }
    if !absolute {
        return signed_percent(change);
    }
    let sign = match change {
        0.0 => "±",
        change if change < 0.0 => "−",
        _ => "+",
    };
    let text = magnitude_text(metric, change.abs());
    // A number that is too small to be shown is an upper bound.
    match text.strip_prefix("< ") {
        Some(bound) if change < 0.0 => format!("> −{bound}"),
        Some(bound) => format!("< +{bound}"),
        None => format!("{sign}{text}"),
    }
}

/// How many times the base it is: `×123`, `×2.62e12`.
fn times(factor: f64) -> String {
    /// More digits are not read.
    const MOST: f64 = 1e6;
    match factor < MOST {
        true => format!("×{}", significant(factor)),
        false => format!("×{factor:.2e}"),
    }
}

/// The size of a difference in the metric's unit; of a share, in percentage points.
pub(super) fn magnitude_text(metric: &Metric, size: f64) -> String {
    /// A smaller one would be shown as 0.
    const SMALLEST_POINTS: f64 = 0.001;
    let points = size * 100.0;
    match metric {
        Metric::FailureRate if points == 0.0 => "0 pp".to_owned(),
        Metric::FailureRate if points < SMALLEST_POINTS => format!("< {SMALLEST_POINTS} pp"),
        Metric::FailureRate => format!("{} pp", significant(points)),
        metric => value_text(metric, size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_their_sign_and_unit() {
        let shown = |metric: Metric, change| size_text(&metric, true, change);
        let failures = |change| shown(Metric::FailureRate, change);
        assert_eq!(failures(0.0017), "+0.170 pp");
        assert_eq!(failures(-0.25), "−25.0 pp");
        assert_eq!(failures(0.0), "±0 pp");
        assert_eq!(failures(-1e-7), "> −0.001 pp");
        assert_eq!(failures(1e-7), "< +0.001 pp");
        assert_eq!(shown(Metric::Rate, -2.5), "−2.50 /s");
        assert_eq!(size_text(&Metric::FailureRate, false, 0.05), "+5.0 %");
    }
}
