//! Which runs of the two sides are a pair. It is decided from the places and the times of the runs,
//! never from their measurements.

use std::collections::BTreeSet;

use soakbox_cli::{Failure, Result};

use crate::windows::Run;

/// Whether the runs of the two sides are pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairing {
    /// If they were recorded in turn.
    #[default]
    Automatic,
    /// Always: the n-th runs of both sides, by their begin.
    Always,
    /// Never.
    Never,
}

/// The number of the pair of each run, base and candidate; `None` where the runs are not paired.
/// Runs that `soakbox-recorder runs` recorded have its numbers: they are paired automatically if
/// both sides have the same ones, at least two. Other runs are paired automatically if both sides
/// have the same number of them, at least two, all on one host and one after the other at known
/// times, and each two in a row are one of each side: such a pair shares what the machine was doing
/// at that time.
///
/// # Errors
/// Where they must be paired and the sides have different numbers of runs.
pub fn pairs(
    base: &[Run],
    candidate: &[Run],
    pairing: Pairing,
) -> Result<Option<(Vec<u64>, Vec<u64>)>> {
    match pairing {
        Pairing::Never => Ok(None),
        _ if has_same_numbers(base, candidate) => Ok(numbers(base).zip(numbers(candidate))),
        Pairing::Always if base.len() != candidate.len() => Err(Failure::new(
            "--paired",
            format_args!(
                "the base has {} runs and the candidate has {}",
                base.len(),
                candidate.len()
            ),
        )
        .hint("give as many recordings of the base as of the candidate")),
        Pairing::Always => Ok(Some((by_begin(base), by_begin(candidate)))),
        Pairing::Automatic if in_turn(base, candidate) => {
            Ok(Some((by_begin(base), by_begin(candidate))))
        }
        Pairing::Automatic => Ok(None),
    }
}

/// Whether both sides are of one `soakbox-recorder runs` and have the same pairs.
pub(super) fn has_same_numbers(base: &[Run], candidate: &[Run]) -> bool {
    let known = |runs: &[Run], side: &str| -> Option<BTreeSet<(String, u64)>> {
        let numbers = runs.iter().map(|run| {
            let (directory, of, number) = recorded_in(run)?;
            (of == side).then(|| (directory.to_owned(), number))
        });
        let numbers: BTreeSet<_> = numbers.collect::<Option<_>>()?;
        (numbers.len() == runs.len()).then_some(numbers)
    };
    let (base, candidate) = (known(base, "base"), known(candidate, "candidate"));
    let directories: BTreeSet<&str> = base
        .iter()
        .flatten()
        .map(|(directory, _)| directory.as_str())
        .collect();
    base.as_ref().is_some_and(|base| base.len() > 1) && directories.len() == 1 && base == candidate
}

fn numbers(runs: &[Run]) -> Option<Vec<u64>> {
    let numbers = runs.iter().map(recorded_in);
    numbers
        .map(|place| place.map(|(_, _, number)| number))
        .collect()
}

/// The directory, the side and the number of a run that `soakbox-recorder runs` recorded, by its
/// path: `DIR/base/001`.
fn recorded_in(run: &Run) -> Option<(&str, &str, u64)> {
    /// Digits of a number, more only from 1,000 on.
    const DIGITS: usize = 3;
    let path = run.identity.recording.trim_end_matches('/');
    let (place, number) = path.rsplit_once('/')?;
    let (directory, side) = place.rsplit_once('/').unwrap_or(("", place));
    let is_number = number.len() >= DIGITS && number.bytes().all(|digit| digit.is_ascii_digit());
    let number = is_number.then(|| number.parse().ok()).flatten()?;
    Some((directory, side, number))
}

/// The place of each run in the order of their begins, from 1.
fn by_begin(runs: &[Run]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|run| (runs[*run].identity.first_ns, *run));
    let mut places = vec![0; runs.len()];
    for (place, run) in (1..).zip(order) {
        places[run] = place;
    }
    places
}

fn in_turn(base: &[Run], candidate: &[Run]) -> bool {
    if base.len() != candidate.len() || base.len() < 2 {
        return false;
    }
    let sides = [(false, base), (true, candidate)];
    let runs = sides
        .iter()
        .flat_map(|(side, runs)| runs.iter().map(|run| (*side, &run.identity)));
    let mut runs: Vec<_> = runs.collect();
    runs.sort_by_key(|(_, run)| run.first_ns);
    let host = &runs[0].1.host;
    let one_host = runs.iter().all(|(_, run)| run.host == *host);
    let one_by_one = runs
        .windows(2)
        .all(|two| two[0].1.last_ns <= two[1].1.first_ns);
    // A run without rows may have no time.
    let has_times = runs.iter().all(|(_, run)| run.first_ns < run.last_ns);
    has_times && one_host && one_by_one && runs.chunks(2).all(|two| two[0].0 != two[1].0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::RunIdentity;
    use std::collections::BTreeMap;

    /// A run that lasts one unit of time.
    fn run(begin: i64) -> Run {
        Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity {
                first_ns: begin,
                last_ns: begin + 1,
                ..RunIdentity::default()
            },
            operations: BTreeMap::new(),
        }
    }

    fn automatic(base: &[i64], candidate: &[i64]) -> Option<(Vec<u64>, Vec<u64>)> {
        let runs = |begins: &[i64]| begins.iter().map(|begin| run(*begin)).collect::<Vec<_>>();
        pairs(&runs(base), &runs(candidate), Pairing::Automatic).unwrap()
    }

    #[test]
    fn runs_that_were_recorded_in_turn_are_pairs_in_any_order_of_the_arguments() {
        assert_eq!(
            automatic(&[0, 6, 8], &[2, 4, 10]),
            Some((vec![1, 2, 3], vec![1, 2, 3]))
        );
        assert_eq!(
            automatic(&[8, 0, 6], &[4, 10, 2]),
            Some((vec![3, 1, 2], vec![2, 3, 1]))
        );
    }

    #[test]
    fn runs_with_numbers_are_the_pairs_of_these_numbers_whenever_they_were_recorded() {
        let of = |places: &[&str]| -> Vec<Run> {
            let placed = (0..).zip(places).map(|(begin, place)| {
                // A later place in the list is an earlier begin.
                let mut run = run(100 - 10 * begin);
                run.identity.recording = (*place).to_owned();
                run
            });
            placed.collect()
        };
        let paired = |base: &[&str], candidate: &[&str], pairing| {
            pairs(&of(base), &of(candidate), pairing).unwrap()
        };
        let base = ["d/base/001", "d/base/002", "d/base/1000"];
        let candidate = ["d/candidate/1000", "d/candidate/001", "d/candidate/002/"];
        let expected = Some((vec![1, 2, 1000], vec![1000, 1, 2]));
        for pairing in [Pairing::Automatic, Pairing::Always] {
            assert_eq!(paired(&base, &candidate, pairing), expected);
        }
        assert_eq!(paired(&base, &candidate, Pairing::Never), None);
        // Other pairs, sides or directories have no numbers in common.
        for other in [
            ["d/candidate/001", "d/candidate/002", "d/candidate/003"],
            ["e/candidate/001", "d/candidate/002", "d/candidate/1000"],
            ["d/base/001", "d/base/002", "d/base/1000"],
            ["d/candidate/r1", "d/candidate/002", "d/candidate/1000"],
        ] {
            assert_eq!(paired(&base, &other, Pairing::Automatic), None, "{other:?}");
            let by_begin = Some((vec![3, 2, 1], vec![3, 2, 1]));
            assert_eq!(paired(&base, &other, Pairing::Always), by_begin);
        }
    }

    #[test]
    fn other_runs_are_not_paired() {
        assert_eq!(automatic(&[0], &[2]), None, "one run per side");
        assert_eq!(automatic(&[0, 2], &[4, 6]), None, "first all of one side");
        assert_eq!(automatic(&[0, 2, 8], &[4, 6]), None, "unequal numbers");
        assert_eq!(automatic(&[0, 4], &[0, 4]), None, "at the same time");
        let elsewhere = Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity {
                host: "other".to_owned(),
                ..run(2).identity
            },
            ..run(2)
        };
        let base = [run(0), run(4)];
        let found = pairs(&base, &[elsewhere, run(6)], Pairing::Automatic).unwrap();
        assert_eq!(found, None, "on two hosts");
    }

    #[test]
    fn pairs_that_are_asked_for_need_equal_numbers() {
        let (two, three) = ([run(0), run(2)], [run(5), run(4), run(9)]);
        assert!(pairs(&two, &three, Pairing::Always).is_err());
        let found = pairs(&two, &three[..2], Pairing::Always).unwrap();
        assert_eq!(found, Some((vec![1, 2], vec![2, 1])));
        assert_eq!(pairs(&two, &three, Pairing::Never).unwrap(), None);
    }
}
