//! Pauses on the way of a run, far longer than its others: times in which no operation finished.
//!
//! The pause at the end is that of `stops`.

use crate::error::{Error, within};
use crate::series::stops::unlike;
use statrs::function::gamma::ln_gamma;

/// With more long pauses than this they are the way in which the operation works.
const MOST: usize = 10;

/// A pause that is no part of the usual ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// First window without an operation.
    pub start: usize,
    /// First window after it in which one finished.
    pub end: usize,
    /// Windows of the pause, missing ones not included.
    pub windows: usize,
    /// Operations to expect in them, at the rate of the windows outside of outages.
    pub expected: f64,
}

/// The pauses of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outages {
    /// In order of time.
    pub outages: Vec<Outage>,
    /// Windows of the shortest pause that one more outage would have; `None` where too few
    /// operations finished to tell an outage from a pause.
    pub least: Option<usize>,
    /// The probability that as many pauses are as much longer than the others by chance; 1 without
    /// an outage.
    pub p: f64,
}

/// The pauses between operations in a run with these `counts` of operations per window, of which
/// NaN and infinite ones are missing. Windows that are missing are no pause.
///
/// Up to 10 pauses are outages if each has at least 5 windows and is three times as long as all
/// others. For operations that come at random at one rate (a Poisson process), the probability that
/// any k of n + k pauses are r times as long as all others is C(n + k, k) · n! Γ(rk + 1) /
/// Γ(n + rk + 1). A pause of that many empty windows lasts at least as long as they, and any other
/// less than two windows more than its own. Each k has an equal share of `false_alarm`. `None` where
/// no operation came.
///
/// # Errors
/// A rate outside 0..=0.5.
pub fn outages(counts: &[f64], false_alarm: f64) -> Result<Option<Outages>, Error> {
    within("false_alarm", false_alarm, 0.0, 0.5, "between 0 and 0.5")?;
    let share = false_alarm / MOST as f64;
    let mut pauses: Vec<Outage> = Vec::new();
    let (mut open, mut busy): (Option<Outage>, usize) = (None, 0);
    for (index, count) in counts.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        if *count > 0.0 {
            pauses.extend(open.take().map(|pause| Outage {
                end: index,
                ..pause
            }));
            busy += 1;
        } else if busy > 0 {
            let pause = open.get_or_insert(Outage {
                start: index,
                end: index,
                windows: 0,
                expected: 0.0,
            });
            pause.windows += 1;
        }
    }
    if busy == 0 {
        return Ok(None);
    }
    pauses.sort_by_key(|pause| std::cmp::Reverse(pause.windows));
    let longest_after = |long: usize| pauses.get(long).map_or(0, |pause| pause.windows);
    let p = |long: usize, shortest: usize, usual: usize| {
        let ratio = shortest as f64 / (usual as f64 + 2.0);
        by_chance(busy.saturating_sub(1 + long), long, ratio)
    };
    let is_outage = |long: &usize| {
        let (shortest, usual) = (pauses[long - 1].windows, longest_after(*long));
        shortest >= unlike(usual) && p(*long, shortest, usual) <= share
    };
    let long = (1..=MOST.min(pauses.len())).rev().find(is_outage);
    let long = long.unwrap_or(0);
    let usual = longest_after(long);
    let mut found = pauses[..long].to_vec();
    found.sort_by_key(|pause| pause.start);
    let inside: usize = found.iter().map(|pause| pause.windows).sum();
    let present = counts.iter().filter(|v| v.is_finite());
    let (windows, operations) = present.fold((0, 0.0), |(n, sum), v| (n + 1, sum + v));
    let rate = operations / (windows - inside).max(1) as f64;
    for outage in &mut found {
        outage.expected = rate * outage.windows as f64;
    }
    Ok(Some(Outages {
        least: (unlike(usual)..=counts.len()).find(|pause| p(1, *pause, usual) <= share),
        p: match long {
            0 => 1.0,
            _ => p(long, pauses[long - 1].windows, usual),
        },
        outages: found,
    }))
}

/// The probability that any `long` of `others + long` random pauses are all `ratio` times as long as
/// all others.
fn by_chance(others: usize, long: usize, ratio: f64) -> f64 {
    let (n, k) = (others as f64, long as f64);
    let choices = ln_gamma(n + k + 1.0) - ln_gamma(n + 1.0) - ln_gamma(k + 1.0);
    let all = ln_gamma(n + 1.0) + ln_gamma(ratio * k + 1.0) - ln_gamma(n + ratio * k + 1.0);
    (choices + all).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::letters::counts;

    fn found(text: &str) -> Vec<(usize, usize)> {
        let found = outages(&counts(text), 0.05).unwrap().unwrap();
        found
            .outages
            .iter()
            .map(|one| (one.start, one.end))
            .collect()
    }

    #[test]
    fn long_pauses_are_outages_and_missing_windows_are_none() {
        let busy = "x".repeat(100);
        assert_eq!(found(&format!("{busy}.....{busy}")), [(100, 105)]);
        assert_eq!(found(&format!("{busy}....{busy}")), []);
        assert_eq!(found(&format!("{busy}?????????{busy}")), []);
        assert_eq!(found(&format!("{busy}...??..{busy}")), [(100, 107)]);
        let three = format!("{busy}......{busy}.......{busy}.........{busy}");
        assert_eq!(found(&three), [(100, 106), (206, 213), (313, 322)]);
        // The first operation comes late, and none comes at the end.
        assert_eq!(found(&format!("..........{busy}..........")), []);
        // This is how it works.
        assert_eq!(found(&"xx......".repeat(40)), []);
        assert_eq!(found("xx......xx"), [], "too few operations");
        // The longer the pause, the fewer operations show it.
        let thirty = "x".repeat(30);
        assert_eq!(found(&format!("{thirty}.....{thirty}")), []);
        assert_eq!(
            found(&format!("{thirty}{}{thirty}", ".".repeat(300))),
            [(30, 330)]
        );
        assert_eq!(outages(&[], 0.05), Ok(None));
        assert_eq!(outages(&[0.0; 50], 0.05), Ok(None));
    }

    #[test]
    fn an_outage_has_the_operations_that_are_missing() {
        let counts = counts(&format!("{}.....{}", "x".repeat(60), "x".repeat(40)));
        let found = outages(&counts, 0.05).unwrap().unwrap();
        assert_eq!(found.outages[0].expected, 15.0);
        assert_eq!((found.outages[0].windows, found.least), (5, Some(5)));
        assert!(found.p < 5e-3, "{found:?}");
    }

    #[test]
    fn one_long_pause_has_the_probability_of_a_stop_among_all_pauses() {
        let p = |n: f64| 6.0 / ((n + 2.0) * (n + 3.0));
        assert!((by_chance(50, 1, 3.0) - p(50.0)).abs() < 1e-12);
    }
}
