//! Intervals of equal length since 1970 in which something was observed. Pure.

/// Neighbouring intervals, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Intervals {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Intervals {
    pub(super) fn one(interval: i64) -> Self {
        Self {
            first: interval,
            last: interval,
        }
    }

    /// Those of this length that a period has a part of, ns; also one without length.
    pub(super) fn touched(from_ns: i64, until_ns: i64, length_ns: i64) -> Self {
        let last_ns = until_ns.saturating_sub(1).max(from_ns);
        Self {
            first: from_ns.div_euclid(length_ns),
            last: last_ns.div_euclid(length_ns),
        }
    }

    /// Those from `first` to `last`.
    pub(super) fn within(self, first: i64, last: i64) -> Option<Self> {
        let within = Self {
            first: self.first.max(first),
            last: self.last.min(last),
        };
        (within.first <= within.last).then_some(within)
    }

    /// How many they are.
    pub(super) fn length(self) -> u64 {
        self.last.abs_diff(self.first).saturating_add(1)
    }
}

/// The same intervals in order, each once; between two of the result there is an interval that is in none.
pub(super) fn merged(mut all: Vec<Intervals>) -> Vec<Intervals> {
    all.sort_unstable();
    let mut merged: Vec<Intervals> = Vec::new();
    for one in all {
        match merged.last_mut() {
            Some(before) if one.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(one.last);
            }
            _ => merged.push(one),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_touches_each_interval_that_it_has_a_part_of() {
        let touched = |from, until| {
            let one = Intervals::touched(from, until, 10);
            (one.first, one.last, one.length())
        };
        assert_eq!(touched(10, 20), (1, 1, 1));
        assert_eq!(touched(9, 21), (0, 2, 3));
        assert_eq!(touched(-1, 0), (-1, -1, 1));
        assert_eq!(touched(10, 10), (1, 1, 1));
        assert_eq!(Intervals::touched(i64::MIN, i64::MAX, 1).length(), u64::MAX);
    }

    #[test]
    fn neighbours_are_merged_and_cut() {
        let all = [(7, 8), (1, 3), (2, 2), (4, 5)].map(|(first, last)| Intervals { first, last });
        let all = merged(all.to_vec());
        let ends: Vec<(i64, i64)> = all.iter().map(|one| (one.first, one.last)).collect();
        assert_eq!(ends, [(1, 5), (7, 8)]);
        assert_eq!(all[0].within(3, 9), Some(Intervals { first: 3, last: 5 }));
        assert_eq!(all[0].within(6, 9), None);
    }
}
