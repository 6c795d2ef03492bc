//! Which runs of the two sides are a pair. It is decided from the times of the runs, never from
//! their measurements.

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
/// Automatically they are paired if both sides have the same number of runs, at least two, all on
/// one host and one after the other at known times, and each two in a row are one of each side:
/// such a pair shares what the machine was doing at that time.
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

/// The place of each run in the order of their begins.
fn by_begin(runs: &[Run]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|run| (runs[*run].identity.first_ns, *run));
    let mut places = vec![0; runs.len()];
    for (place, run) in (0..).zip(order) {
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
            Some((vec![0, 1, 2], vec![0, 1, 2]))
        );
        assert_eq!(
            automatic(&[8, 0, 6], &[4, 10, 2]),
            Some((vec![2, 0, 1], vec![1, 2, 0]))
        );
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
        assert_eq!(found, Some((vec![0, 1], vec![1, 0])));
        assert_eq!(pairs(&two, &three, Pairing::Never).unwrap(), None);
    }
}
