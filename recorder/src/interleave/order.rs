//! The order of the runs. Pure.

use serde::{Deserialize, Serialize};

use crate::random::SplitMix;

/// The most pairs of a series.
pub(super) const MOST_PAIRS: u32 = 999;

/// A side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The build that is known.
    Base,
    /// The build that is judged.
    Candidate,
}

impl Side {
    /// Its name, in messages and paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Candidate => "candidate",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Base => Self::Candidate,
            Self::Candidate => Self::Base,
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The side that is run.
    pub side: Side,
    /// Number of its pair, from 1.
    pub pair: u32,
}

/// The name of a pair in paths.
pub(super) fn pair_name(pair: u32) -> String {
    format!("{pair:03}")
}

/// The runs of `pairs` pairs. Of each two pairs, one begins with the base and one with the
/// candidate; `seed` decides which. More pairs of the same seed begin with the same runs.
pub fn order(pairs: u32, seed: u64) -> Vec<Run> {
    let mut random = SplitMix::new(seed);
    let mut first = Side::Base;
    let mut runs = Vec::new();
    for pair in 1..=pairs {
        let draws = pair % 2 == 1;
        first = match draws && random.unit() < 0.5 {
            true => first,
            false => first.other(),
        };
        runs.extend([first, first.other()].map(|side| Run { side, pair }));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(pairs: u32, seed: u64) -> Vec<Side> {
        let runs = order(pairs, seed);
        runs.iter().step_by(2).map(|run| run.side).collect()
    }

    #[test]
    fn each_pair_has_both_sides_and_each_side_begins_as_often() {
        for seed in 0..200 {
            for pairs in 0..9 {
                let runs = order(pairs, seed);
                assert_eq!(runs.len() as u32, 2 * pairs);
                for (number, pair) in (1..).zip(runs.chunks(2)) {
                    assert_eq!([pair[0].pair, pair[1].pair], [number; 2]);
                    assert_ne!(pair[0].side, pair[1].side);
                }
                let firsts = firsts(pairs, seed);
                let bases = firsts.iter().filter(|side| **side == Side::Base).count() as u32;
                assert!(bases.abs_diff(pairs - bases) <= 1, "{firsts:?}");
                assert!(order(pairs + 3, seed).starts_with(&runs));
            }
        }
    }

    #[test]
    fn the_order_is_drawn() {
        let with = |pairs: u32| -> Vec<Vec<Side>> {
            let mut seen: Vec<Vec<Side>> = Vec::new();
            for seed in 0..500 {
                let firsts = firsts(pairs, seed);
                if !seen.contains(&firsts) {
                    seen.push(firsts);
                }
            }
            seen
        };
        // A side for the first of each two pairs, and for a last one that is left over.
        let number: Vec<usize> = (1..7).map(|pairs| with(pairs).len()).collect();
        assert_eq!(number, [2, 2, 4, 4, 8, 8]);
        let base_first = (0..1_000).filter(|seed| firsts(1, *seed)[0] == Side::Base);
        assert!((400..600).contains(&base_first.count()));
    }
}
