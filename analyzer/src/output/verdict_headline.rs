//! The verdict on a comparison in one sentence, with the reason where there is none.

use std::collections::BTreeMap;

use soakbox_statistics::{Blocker, Conclusion, Verdict};

use super::headline::{Headline, Tone};
use super::verdict::cells;
use crate::compare::{Answer, EffectAnswer};

/// The verdict in one sentence.
pub(super) fn headline(answer: &Answer) -> String {
    let counted = || counted(answer);
    let of = |verdict: Verdict| counted().filter(|one| one.judged == verdict).count();
    let all = match answer.gates.is_empty() {
        true => format!("{} effects", counted().count()),
        false => format!("{} effects that must pass", counted().count()),
    };
    let only = only_these_runs(answer);
    let within = || format!("{} of {all} are within their thresholds", of(Verdict::Pass));
    match answer.word.0 {
        Conclusion::Builds(Verdict::Regressed) => format!("REGRESSED: {}", worse(answer, &all)),
        Conclusion::Runs(Verdict::Regressed) => {
            format!("WORSE RUN: {}. {only}", worse(answer, &all))
        }
        Conclusion::Builds(Verdict::Improved) => {
            let better = of(Verdict::Improved);
            format!("IMPROVED: the candidate is better in {better} of {all}")
        }
        Conclusion::Runs(Verdict::Improved) => {
            let better = of(Verdict::Improved);
            format!("BETTER RUN: the candidate's run is better in {better} of {all}. {only}")
        }
        Conclusion::Builds(Verdict::Pass) => format!("PASS: {}", within()),
        Conclusion::Runs(Verdict::Pass) => format!("LIKE RUN: {}. {only}", within()),
        Conclusion::Builds(Verdict::Inconclusive) | Conclusion::Runs(Verdict::Inconclusive) => {
            format!("INCONCLUSIVE: {}", open(answer, &all))
        }
    }
}

/// The top of a report: the verdict and the effects that decided it, by their change as a multiple of
/// the threshold.
pub fn verdict_reasons(answer: &Answer) -> Headline {
    let text = headline(answer);
    let (word, sentence) = text.split_once(": ").unwrap_or((&text, ""));
    let (Conclusion::Builds(verdict) | Conclusion::Runs(verdict)) = answer.word.0;
    let mut effects: Vec<&EffectAnswer> = answer.effects.iter().collect();
    let size = |effect: &EffectAnswer| {
        let change = effect.change.map(f64::abs);
        change.map_or(-1.0, |change| change / effect.threshold.max(1e-9))
    };
    effects.sort_by(|a, b| size(b).total_cmp(&size(a)));
    // The others decided nothing.
    effects.retain(|effect| effect.counts && effect.judged == verdict);
    let tone = match verdict {
        Verdict::Regressed => Tone::Bad,
        Verdict::Inconclusive => Tone::Open,
        Verdict::Pass | Verdict::Improved => Tone::Good,
    };
    let reasons = effects.into_iter().map(effect_in_words);
    Headline::new(word, tone, sentence.to_owned(), reasons.collect())
}

/// `request duration_p99: 1.20 ms → 2.40 ms, +100.0 % (+90.0 % to +110.0 %), threshold 5.0 %: …`
fn effect_in_words(effect: &EffectAnswer) -> String {
    let [
        operation,
        metric,
        base,
        candidate,
        change,
        interval,
        _,
        reason,
    ] = cells(effect);
    let mut text = format!("{operation} {metric}: ");
    if effect.change.is_some() {
        text.push_str(&format!("{base} → {candidate}, {change}"));
        if effect.low.is_some() || effect.high.is_some() {
            text.push_str(&format!(" (interval {interval})"));
        }
        text.push_str("; ");
    }
    text.push_str(&reason);
    text
}

/// The effects that the verdict may depend on.
fn counted(answer: &Answer) -> impl Iterator<Item = &EffectAnswer> {
    let effects = answer.effects.iter();
    effects.filter(|effect| answer.gates.is_empty() || effect.gates)
}

fn only_these_runs(answer: &Answer) -> &'static str {
    match (answer.base.runs.len(), answer.candidate.runs.len()) {
        (1, 1) => {
            "This is a verdict on these two runs, not on the builds: record several runs per side"
        }
        _ => {
            "This is a verdict on the two runs that could be used, not on the builds: record several \
             runs per side"
        }
    }
}

/// What is worse: effects, and operations of one side that count so.
fn worse(answer: &Answer, all: &str) -> String {
    let who = match answer.word.0 {
        Conclusion::Builds(_) => "the candidate",
        Conclusion::Runs(_) => "the candidate's run",
    };
    let regressed = counted(answer).filter(|one| one.judged == Verdict::Regressed);
    let regressed = regressed.count();
    let of_one_side = |side| {
        let all = answer.one_sided.iter();
        let regressed = Some(Verdict::Regressed.name());
        all.filter(|one| one.side == side && one.verdict == regressed)
            .count()
    };
    let mut parts = Vec::new();
    if regressed > 0 {
        parts.push(format!("is worse in {regressed} of {all}"));
    }
    match of_one_side("base") {
        0 => {}
        number => parts.push(format!("lacks {} of the base", operations(number))),
    }
    match of_one_side("candidate") {
        0 => {}
        number => parts.push(format!("has {} that the base lacks", operations(number))),
    }
    format!("{who} {}", parts.join(" and "))
}

fn operations(number: usize) -> String {
    match number {
        1 => "1 operation".to_owned(),
        number => format!("{number} operations"),
    }
}

/// What keeps a comparison from a verdict.
fn open(answer: &Answer, all: &str) -> String {
    let (mut undecided, mut one_sided) = (0, 0);
    // Operations by the reason that they share.
    let mut others: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut reasons = Vec::new();
    for blocker in answer.blockers.iter().map(|one| &one.blocker) {
        match blocker {
            Blocker::NothingCompared => {
                reasons.push("no operation was observed on both sides".to_owned());
            }
            Blocker::NothingMeasured => {
                reasons.push("none of the metrics was measured".to_owned());
            }
            Blocker::OneSided { .. } => one_sided += 1,
            Blocker::Undecided { .. } => undecided += 1,
            Blocker::NotMeasured { operation, metric } => {
                let reason = format!("{}, which must pass, was not measured", metric.name());
                others.entry(reason).or_default().push(operation);
            }
            Blocker::NothingGates {
                operation,
                durations,
            } => {
                let reason = why_nothing_gates(answer, operation, *durations);
                others.entry(reason).or_default().push(operation);
            }
        }
    }
    if undecided > 0 {
        reasons.push(format!("{undecided} of {all} could not be decided"));
    }
    match one_sided {
        0 => {}
        1 => reasons.push("1 operation is on one side only".to_owned()),
        number => reasons.push(format!("{number} operations are on one side only")),
    }
    for (reason, names) in others {
        reasons.push(match names.as_slice() {
            [one] => format!("operation {one}: {reason}"),
            names => format!("{}: {reason}", operations(names.len())),
        });
    }
    reasons.join("; ")
}

/// Why none of an operation's metrics, or of its durations, must be decided.
fn why_nothing_gates(answer: &Answer, operation: &str, durations: bool) -> String {
    let effects = answer
        .effects
        .iter()
        .filter(|one| one.operation == operation);
    let relevant: Vec<&EffectAnswer> = effects
        .filter(|one| !durations || one.quantity.is_duration())
        .collect();
    let what = if durations { "duration" } else { "metric" };
    // The smallest threshold at which the base would pass is at least that of the effect.
    let is_noisy = |one: &&EffectAnswer| one.passable.is_some_and(|least| least >= one.threshold);
    let unusable: Vec<&&EffectAnswer> = relevant
        .iter()
        .filter(|one| one.runs.contains(&0))
        .collect();
    match unusable.first() {
        Some(first) if unusable.len() == relevant.len() => {
            format!("no {what} could be compared ({})", first.own_reason)
        }
        _ if relevant.iter().all(is_noisy) => {
            format!("the base is too noisy for any {what} to be decided")
        }
        _ => format!("the noise of the base is not known well enough for any {what} to be decided"),
    }
}
