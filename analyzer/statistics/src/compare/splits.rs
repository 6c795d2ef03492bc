//! Which runs of one build are compared with each other in a self-test. Runs are positions in the
//! order of their recording.

use std::collections::BTreeSet;

/// Where the fixed sequence of splits begins: the same runs give the same splits.
const START: u64 = 0x5EED_5011;

/// The runs of both sides of one comparison, in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Split {
    pub(super) base: Vec<usize>,
    pub(super) candidate: Vec<usize>,
}

/// As many comparisons of neighbouring runs as there can be without a run in two of them.
pub(super) fn disjoint(runs: usize, per_side: usize) -> Vec<Split> {
    let each = 2 * per_side;
    let comparisons = runs.checked_div(each).unwrap_or(0);
    (0..comparisons)
        .map(|comparison| {
            let of_one = comparison * each..(comparison + 1) * each;
            // Base, candidate, candidate, base, …: a drift of the machine is on both sides.
            let (candidate, base) = of_one.partition(|i| {
                let place = (i - comparison * each) % 4;
                place == 1 || place == 2
            });
            Split { base, candidate }
        })
        .collect()
}

/// Up to `most` different comparisons, which share runs: runs from anywhere in the order, of which
/// each two in a row are on different sides, as runs that were recorded in turn are.
pub(super) fn spread(runs: usize, per_side: usize, most: usize) -> Vec<Split> {
    let each = 2 * per_side;
    if each == 0 || runs < each {
        return Vec::new();
    }
    let wanted = possible(runs, per_side).min(most as u128) as usize;
    let mut state = START;
    let mut splits = BTreeSet::new();
    while splits.len() < wanted {
        splits.insert(drawn(runs, per_side, &mut state));
    }
    splits.into_iter().collect()
}

/// The number of different comparisons; the largest number where there are more.
fn possible(runs: usize, per_side: usize) -> u128 {
    let each = 2 * per_side as u128;
    let choices = (0..each).try_fold(1_u128, |product, i| {
        Some(product.checked_mul(runs as u128 - i)? / (i + 1))
    });
    let sides = u32::try_from(per_side).ok();
    let sides = sides.and_then(|sides| 2_u128.checked_pow(sides));
    let all = choices.zip(sides);
    let all = all.and_then(|(choices, sides)| choices.checked_mul(sides));
    all.unwrap_or(u128::MAX)
}

fn drawn(runs: usize, per_side: usize, state: &mut u64) -> Split {
    // The first places of a shuffle (Fisher and Yates).
    let mut order: Vec<usize> = (0..runs).collect();
    for place in 0..2 * per_side {
        let left = (runs - place) as u64;
        let other = place + (next(state) % left) as usize;
        order.swap(place, other);
    }
    let mut chosen = order[..2 * per_side].to_vec();
    chosen.sort_unstable();
    let pairs = chosen.chunks_exact(2).map(|pair| {
        let (one, other) = (pair[0], pair[1]);
        match next(state) >> 63 == 0 {
            true => (one, other),
            false => (other, one),
        }
    });
    let (base, candidate) = pairs.unzip();
    Split { base, candidate }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_are_compared_and_a_drift_is_on_both_sides() {
        let splits = disjoint(9, 2);
        let of = |base: [usize; 2], candidate: [usize; 2]| Split {
            base: base.into(),
            candidate: candidate.into(),
        };
        assert_eq!(splits, [of([0, 3], [1, 2]), of([4, 7], [5, 6])]);
        assert_eq!(disjoint(3, 2), []);
        assert_eq!(disjoint(3, 0), []);
    }

    #[test]
    fn all_splits_of_few_runs_are_used() {
        // Each pair of 4 runs, in both directions.
        assert_eq!(spread(4, 1, 200).len(), 12);
        // 4 of 10 runs, and the sides of both pairs: 210 · 4.
        assert_eq!(spread(10, 2, 10_000).len(), 840);
        assert_eq!(spread(10, 2, 200).len(), 200);
        assert_eq!(spread(3, 2, 200), []);
    }

    proptest! {
        #[test]
        fn no_run_is_on_both_sides_and_neighbours_are_on_different_ones(
            runs in 2_usize..200,
            per_side in 1_usize..20,
            most in 1_usize..30,
        ) {
            let splits = spread(runs, per_side, most);
            prop_assert_eq!(splits.is_empty(), runs < 2 * per_side);
            for split in splits {
                prop_assert_eq!((split.base.len(), split.candidate.len()), (per_side, per_side));
                let mut all: Vec<(usize, usize)> =
                    split.base.into_iter().zip(split.candidate).collect();
                for pair in &mut all {
                    *pair = (pair.0.min(pair.1), pair.0.max(pair.1));
                }
                let flat: Vec<usize> = all.into_iter().flat_map(|(a, b)| [a, b]).collect();
                prop_assert!(flat.is_sorted_by(|a, b| a < b) && flat[flat.len() - 1] < runs);
            }
        }
    }
}
