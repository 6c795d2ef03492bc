//! Which intervals of a run have rows, whatever operations they are of. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Intervals in a word.
const WORD: u64 = u64::BITS as u64;
/// Most words: those of a year in intervals of a second. Of more nothing is known.
const MOST_WORDS: usize = 1 << 19;

/// The intervals, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct RowIntervals {
    words: BTreeMap<u64, u64>,
    /// The one that was added last.
    last: Option<u64>,
    /// Whether a row has no number, or there are too many.
    is_unknown: bool,
}

impl RowIntervals {
    /// Adds that of a row. It is fast where neighbouring rows are of the same interval.
    #[inline]
    pub(super) fn add(&mut self, interval: Option<u64>) {
        if interval.is_none() {
            self.is_unknown = true;
        } else if interval != self.last {
            self.last = interval;
            let interval = interval.unwrap_or(0);
            self.add_word(interval / WORD, 1 << (interval % WORD));
        }
    }

    /// Adds those of another part of the same run.
    pub(super) fn merge(&mut self, other: Self) {
        self.is_unknown |= other.is_unknown;
        for (key, bits) in other.words {
            self.add_word(key, bits);
        }
    }

    /// Whether one of these intervals may have a row.
    pub(super) fn may_have(&self, intervals: RangeInclusive<u64>) -> bool {
        let (first, last) = intervals.into_inner();
        let mut words = self.words.range(first / WORD..=last / WORD);
        let has_row = words.any(|(key, bits)| {
            let from = first.saturating_sub(key * WORD).min(WORD - 1);
            let to = last.saturating_sub(key * WORD).min(WORD - 1);
            bits >> from << from & (u64::MAX >> (WORD - 1 - to)) != 0
        });
        self.is_unknown || has_row
    }

    fn add_word(&mut self, key: u64, bits: u64) {
        let has_room = self.words.len() < MOST_WORDS;
        match self.words.get_mut(&key) {
            Some(known) => *known |= bits,
            None if has_room => drop(self.words.insert(key, bits)),
            None => self.is_unknown = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_their_intervals_only() {
        let (mut all, mut other) = (RowIntervals::default(), RowIntervals::default());
        for interval in [63, 63, 64, 200] {
            all.add(Some(interval));
        }
        other.add(Some(90));
        all.merge(other);
        let with_rows: Vec<u64> = (0..300).filter(|one| all.may_have(*one..=*one)).collect();
        assert_eq!(with_rows, [63, 64, 90, 200]);
        assert!(!all.may_have(91..=199) && !all.may_have(0..=62) && !all.may_have(201..=u64::MAX));
        assert!(all.may_have(91..=200) && all.may_have(0..=63) && all.may_have(0..=u64::MAX));
        all.add(None);
        assert!(all.may_have(0..=1));
    }
}
