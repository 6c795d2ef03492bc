//! The values of a histogram in an order by chance: each is given as often as it was counted, and each
//! order is as probable as any other. The chance is a seed, so that the same file gives the same rows.
//! In memory are the buckets, and not the values. Pure.

/// What a number of the sequence is more than the one before: the golden ratio − 1, times 2^64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Values that are drawn one by one.
#[derive(Debug)]
pub(super) struct Shuffled {
    /// The value of each bucket.
    values: Vec<u64>,
    /// How many values are left, as a Fenwick tree: place `i`, from 1, has the sum of those of the buckets
    /// from `i` without its lowest bit up to `i`.
    left: Vec<u64>,
    total: u64,
    state: u64,
}

impl Shuffled {
    /// The values of `buckets`, which are a value and how often it is there. `seed` are numbers that
    /// tell this histogram from others; its buckets do so too.
    pub(super) fn new(buckets: impl IntoIterator<Item = (u64, u64)>, seed: &[u64]) -> Self {
        let mut state = seed.iter().fold(0, |state, number| mixed(state ^ number));
        let (mut values, mut left, mut total) = (Vec::new(), vec![0], 0u64);
        for (value, count) in buckets.into_iter().filter(|(_, count)| *count > 0) {
            state = mixed(mixed(state ^ value) ^ count);
            total = total.saturating_add(count);
            values.push(value);
            left.push(count);
        }
        for place in 1..left.len() {
            let above = place + lowest_bit(place);
            if above < left.len() {
                left[above] = left[above].saturating_add(left[place]);
            }
        }
        Self {
            values,
            left,
            total,
            state,
        }
    }

    /// How many values are left.
    pub(super) fn len(&self) -> u64 {
        self.total
    }

    /// One of the values that are left; `None` where there is none.
    pub(super) fn next(&mut self) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        self.state = self.state.wrapping_add(STEP);
        let chance = u128::from(mixed(self.state)) * u128::from(self.total);
        // The upper half of the product is below the total.
        let mut rank = (chance >> 64) as u64;
        self.total -= 1;
        let mut below = 0;
        let mut step = self.left.len().next_power_of_two() / 2;
        while step > 0 {
            if let Some(left) = self.left.get_mut(below + step) {
                if *left <= rank {
                    rank -= *left;
                    below += step;
                } else {
                    // The value that is taken is among those of this place.
                    *left -= 1;
                }
            }
            step /= 2;
        }
        self.values.get(below).copied()
    }
}

fn lowest_bit(number: usize) -> usize {
    number & number.wrapping_neg()
}

/// A number all of whose bits depend on all bits of `number`: the last step of SplitMix64.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(mut values: Shuffled) -> Vec<u64> {
        std::iter::from_fn(|| values.next()).collect()
    }

    /// How far a sum over a part may be from what it is on average, as a multiple of its standard
    /// deviation, in any of all the cases that tests draw.
    const MOST: f64 = 6.0;

    proptest! {
        #[test]
        fn each_value_is_given_once_and_the_order_is_by_chance(
            counts in prop::collection::vec(0u64..400, 1..20), seed: u64,
        ) {
            let buckets = || (0u64..).zip(counts.iter().copied());
            let order = |seed: u64| all(Shuffled::new(buckets(), &[seed]));
            let values = order(seed);
            let mut found = vec![0; counts.len()];
            for value in &values {
                found[*value as usize] += 1;
            }
            prop_assert_eq!(&found, &counts);
            prop_assert_eq!(&values, &order(seed));
            // The first half of the rows, and every second one, have of each bucket what chance gives.
            let total = values.len() as f64;
            let halves = [values[..values.len() / 2].to_vec(), values.iter().copied().skip(1).step_by(2).collect()];
            for half in halves {
                for (value, count) in buckets() {
                    let (of_half, count) = (half.len() as f64, count as f64);
                    let found = half.iter().filter(|one| **one == value).count() as f64;
                    let share = count / total.max(1.0);
                    let rest = (total - of_half) / (total - 1.0).max(1.0);
                    let deviation = (of_half * share * (1.0 - share) * rest).sqrt();
                    // Half a value more: the normal distribution has no whole numbers.
                    prop_assert!(
                        (found - of_half * share).abs() <= MOST * deviation + 0.5,
                        "{} of {} in {}", found, count, of_half
                    );
                }
            }
        }
    }

    #[test]
    fn two_seeds_and_two_histograms_have_different_orders() {
        let order = |buckets: &[(u64, u64)], seed: &[u64]| {
            all(Shuffled::new(buckets.iter().copied(), seed))
        };
        let buckets = [(1, 50), (2, 50)];
        assert_ne!(order(&buckets, &[0, 1]), order(&buckets, &[0, 2]));
        assert_ne!(order(&buckets, &[1, 0]), order(&buckets, &[2, 0]));
        let places = |values: &[u64], of: u64| -> Vec<usize> {
            let places = values.iter().enumerate();
            places
                .filter(|(_, value)| **value == of)
                .map(|(place, _)| place)
                .collect()
        };
        let other = order(&[(1, 50), (3, 50)], &[0, 1]);
        assert_ne!(places(&order(&buckets, &[0, 1]), 1), places(&other, 1));
        assert!(all(Shuffled::new([(7, 0)], &[])).is_empty());
    }

    /// All orders of four values are about as frequent: χ² with 23 degrees of freedom.
    #[test]
    fn every_order_is_as_frequent_as_any_other() {
        let mut found = std::collections::BTreeMap::new();
        let trials = 24_000u64;
        for seed in 0..trials {
            let order = all(Shuffled::new((0..4).map(|value| (value, 1)), &[seed]));
            *found.entry(order).or_insert(0.0) += 1.0;
        }
        let expected = trials as f64 / 24.0;
        let chi2: f64 = found
            .values()
            .map(|count: &f64| (count - expected).powi(2) / expected)
            .sum();
        assert_eq!(found.len(), 24);
        assert!(chi2 < 60.0, "{chi2}");
    }
}
