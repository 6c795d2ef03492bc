//! What a soak test shows, in one sentence.

use super::soak_text::signed;
use crate::soak::{FindingAnswer, SoakAnswer};
use crate::units::{duration, plural};

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
    // What leaks also rises and does not settle: the gravest of these is named.
    let mut found: Vec<(&FindingAnswer, usize)> = Vec::new();
    for finding in of("found") {
        let named = found.iter_mut().find(|(named, _)| {
            let moves = [named, finding].map(|one| MOVES.contains(&one.kind));
            named.subject == finding.subject && (named.kind == finding.kind || moves == [true; 2])
        });
        match named {
            Some((named, times)) => *times += usize::from(named.kind == finding.kind),
            None => found.push((finding, 1)),
        }
    }
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
