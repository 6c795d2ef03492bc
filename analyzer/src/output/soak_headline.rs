//! What a soak test shows, in one sentence, and the findings that say so.

use super::finding_words::{reason, seen, signed};
use super::headline::{Headline, Tone};
use super::undecided::{SameReason, Undecided};
use crate::soak::{FindingAnswer, GRAVEST_FIRST, SoakAnswer};
use crate::units::{count, duration, plural};

/// The most findings that are named.
const MOST_NAMED: usize = 3;

/// Kinds of which one finding brings the others with it.
const MOVES: [&str; 4] = ["leak", "decay", "drift", "unsteady"];

/// What was found, or whether nothing was found or could be decided.
pub(super) fn headline(answer: &SoakAnswer) -> String {
    let of = |status: &'static str| {
        answer
            .findings
            .iter()
            .filter(move |one| one.status == status)
    };
    let (all, open) = (answer.findings.len(), of("inconclusive").count());
    let undecided = match open {
        0 => String::new(),
        _ => format!("; {open} of {all} could not be decided"),
    };
    let found = found(answer);
    if found.is_empty() {
        return match all - open {
            0 => format!("INCONCLUSIVE: none of {all} could be decided"),
            _ => format!("NOTHING FOUND{undecided}"),
        };
    }
    let named = found.iter().take(MOST_NAMED);
    let mut text: Vec<String> = named.map(|(one, times)| in_words(one, *times)).collect();
    let more = found.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        text.push(format!("{more} more {}", plural(more as u64, "finding")));
    }
    format!("FOUND: {}{undecided}", text.join("; "))
}

/// What was found, the gravest first, each with how often. What leaks also rises and does not
/// settle: only the gravest of these is there.
fn found(answer: &SoakAnswer) -> Vec<(&FindingAnswer, usize)> {
    let mut found: Vec<(&FindingAnswer, usize)> = Vec::new();
    let all = answer.findings.iter();
    for finding in all.filter(|one| one.status == "found") {
        let named = found.iter_mut().find(|(named, _)| {
            let moves = [named, finding].map(|one| MOVES.contains(&one.kind));
            named.subject == finding.subject && (named.kind == finding.kind || moves == [true; 2])
        });
        match named {
            Some((named, times)) => *times += usize::from(named.kind == finding.kind),
            None => found.push((finding, 1)),
        }
    }
    found
}

/// The top of a report: whether something was found, and the gravest findings. Where nothing was
/// found, what would have been seen; where nothing could be decided, why.
pub fn soak_headline(answer: &SoakAnswer) -> Headline {
    let of = |status: &'static str| {
        let all = answer.findings.iter();
        all.filter(move |one| one.status == status)
    };
    let (all, open) = (
        answer.findings.len() as u64,
        of("inconclusive").count() as u64,
    );
    let searches = format!(
        "{} {}",
        count(all),
        if all == 1 { "search" } else { "searches" }
    );
    let undecided = match open {
        0 => String::new(),
        _ => format!("; {} could not be decided", count(open)),
    };
    let found = found(answer);
    let cases = found.len() as u64;
    let (word, tone, sentence, reasons): (_, _, _, Vec<String>) = match (cases, all - open) {
        _ if all == 0 => (
            "INCONCLUSIVE",
            Tone::Open,
            "no operation was observed yet".to_owned(),
            Vec::new(),
        ),
        (0, 0) => (
            "INCONCLUSIVE",
            Tone::Open,
            format!("none of {searches} could be decided"),
            open_in_words(of("inconclusive")),
        ),
        (0, _) => (
            "NOTHING FOUND",
            Tone::Good,
            format!("in {searches}{undecided}"),
            absent_in_words(of("absent")),
        ),
        _ => (
            "FOUND",
            Tone::Bad,
            format!(
                "{} {} in {searches}{undecided}",
                count(cases),
                plural(cases, "problem")
            ),
            found
                .iter()
                .map(|(one, times)| {
                    // The words have the length of a period already.
                    let why = match one.kind {
                        "period" => one.reason.clone(),
                        _ => reason(one),
                    };
                    format!("{}: {why}", in_words(one, *times))
                })
                .collect(),
        ),
    };
    Headline::new(word, tone, sentence, reasons)
}

/// Why nothing could be decided: each reason once.
fn open_in_words<'a>(open: impl Iterator<Item = &'a FindingAnswer>) -> Vec<String> {
    let groups = SameReason::of(open.map(Undecided::search));
    groups.iter().map(SameReason::sentence).collect()
}

/// What would have been seen: of different kinds, the gravest first.
fn absent_in_words<'a>(absent: impl Iterator<Item = &'a FindingAnswer>) -> Vec<String> {
    let mut kinds: Vec<&FindingAnswer> = Vec::new();
    for finding in absent.filter(|one| one.detectable.is_some()) {
        if !kinds.iter().any(|known| known.kind == finding.kind) {
            kinds.push(finding);
        }
    }
    kinds.sort_by_key(|one| GRAVEST_FIRST.iter().position(|kind| *kind == one.kind));
    let words = kinds.into_iter();
    words
        .map(|one| format!("{}: {} would have been found", one.subject, seen(one)))
        .collect()
}

fn in_words(finding: &FindingAnswer, times: usize) -> String {
    let subject = &finding.subject;
    let per_hour = match finding.slope_per_hour {
        Some(slope) => format!(" by {} per hour", signed(finding, slope)),
        None => String::new(),
    };
    match finding.kind {
        "leak" => format!("{subject} leaks{per_hour}"),
        "drift" => format!("{subject} rises{per_hour}"),
        "decay" => format!("{subject} falls{per_hour}"),
        "stopped" => format!("{subject} stopped"),
        "outage" if times > 1 => format!("{subject} had {times} outages"),
        "outage" => format!("{subject} had an outage"),
        "bursts" => format!("{subject} came in bursts"),
        "period" => match finding.period_s {
            Some(seconds) => format!("{subject} repeats every {}", duration(seconds * 1e9)),
            None => format!("{subject} repeats"),
        },
        "unsteady" => format!("{subject} did not settle"),
        _ => format!("{subject} was not observed all the time"),
    }
}
