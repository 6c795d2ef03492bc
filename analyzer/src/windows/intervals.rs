//! Which intervals of a run were counted, and when they were. The recorder writes the kernel's
//! counts of every operation in every interval, so that an interval without counts was not
//! observed. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::coverage::ClockSteps;
use crate::recording::TimeRange;

/// Intervals in a word.
const WORD: u64 = u64::BITS as u64;
/// Words that are accepted beyond twice those of the run: counts may come late, from before its begin.
/// Where UTC was set back, a run has more intervals than the time that it covers.
const MORE_WORDS: usize = 4;
/// Most words where the length of an interval is not known.
const MOST_WORDS: usize = 1 << 16;

/// The counted intervals of one run, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    length_ns: i64,
    words: BTreeMap<u64, Word>,
    most_words: usize,
    /// The interval that was added last: those of several operations follow one another.
    last: Option<(u64, i64)>,
    /// Whether there are more intervals than the run can have: the numbers are wrong.
    is_overfull: bool,
}

/// Neighbouring intervals: a bit for each that was counted.
#[derive(Clone, Copy, Debug)]
struct Word {
    bits: u64,
    /// The first of them and its begin, ns UTC.
    first: (u64, i64),
    /// The first one whose begin is not as far from that as its number: UTC was stepped before it.
    stepped: Option<(u64, i64)>,
}

impl Intervals {
    /// None yet, of a run of that length.
    pub(super) fn new(run_ns: i64, length_ns: i64) -> Self {
        let words = run_ns.max(0).checked_div(length_ns.max(0));
        let words = words.and_then(|n| usize::try_from(n).ok());
        Self {
            length_ns,
            words: BTreeMap::new(),
            most_words: words.map_or(MOST_WORDS, |n| 2 * (n / WORD as usize) + MORE_WORDS),
            last: None,
            is_overfull: false,
        }
    }

    /// Length of an interval, ns.
    pub(super) fn length_ns(&self) -> i64 {
        self.length_ns
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds an interval that begins at `at_ns`. Its counts may be in several rows.
    pub(super) fn add(&mut self, interval: u64, at_ns: i64) {
        if self.length_ns <= 0 || self.last == Some((interval, at_ns)) {
            return;
        }
        self.last = Some((interval, at_ns));
        let word = Word {
            bits: 1 << (interval % WORD),
            first: (interval, at_ns),
            stepped: None,
        };
        self.add_word(interval / WORD, word);
    }

    /// Adds neighbouring intervals, of which the first begins at `at_ns`.
    pub(super) fn add_all(&mut self, intervals: RangeInclusive<u64>, at_ns: i64) {
        let (first, last) = (*intervals.start(), *intervals.end());
        let mut next = first;
        while self.length_ns > 0 && next <= last && !self.is_overfull {
            let end = last.min(next | (WORD - 1));
            let bits = (u64::MAX >> (WORD - 1 - (end - next))) << (next % WORD);
            let later = i64::try_from(next - first).unwrap_or(i64::MAX);
            let at_ns = at_ns.saturating_add(later.saturating_mul(self.length_ns));
            let first = (next, at_ns);
            let stepped = None;
            self.add_word(
                next / WORD,
                Word {
                    bits,
                    first,
                    stepped,
                },
            );
            let Some(after) = end.checked_add(1) else {
                break;
            };
            next = after;
        }
    }

    /// Adds the intervals of another part of the same run.
    pub(super) fn merge(&mut self, other: Self) {
        self.is_overfull |= other.is_overfull;
        for (key, word) in other.words {
            self.add_word(key, word);
        }
    }

    fn add_word(&mut self, key: u64, word: Word) {
        let has_room = self.words.len() < self.most_words;
        match self.words.get_mut(&key) {
            Some(known) => known.add(word, self.length_ns),
            None if has_room => {
                self.words.insert(key, word);
            }
            None => self.is_overfull = true,
        }
    }

    /// When an interval begins, ns UTC; `None` where no interval was counted.
    pub(super) fn begin_ns(&self, interval: u64) -> Option<i64> {
        let mut earlier = self.words.range(..=interval / WORD);
        let (_, word) = earlier.next_back().or_else(|| self.words.iter().next())?;
        let stepped = word.stepped.filter(|(first, _)| *first <= interval);
        Some(begin_after(
            stepped.unwrap_or(word.first),
            interval,
            self.length_ns,
        ))
    }

    /// The steps of UTC.
    pub(super) fn steps(&self) -> ClockSteps {
        let newest = self.words.last_key_value();
        let newest =
            newest.map(|(key, word)| key * WORD + WORD - 1 - u64::from(word.bits.leading_zeros()));
        let Some(newest) = newest.filter(|_| !self.is_overfull) else {
            return ClockSteps::default();
        };
        let known = self.words.values();
        let mut known = known
            .flat_map(|word| [Some(word.first), word.stepped])
            .flatten();
        let mut stretches = Vec::new();
        let Some(mut first) = known.next() else {
            return ClockSteps::default();
        };
        // Of the same stretch, as near as can be.
        let mut nearest = first;
        for next in known {
            if is_stepped(nearest, next, self.length_ns) {
                stretches.push(TimeRange {
                    first_ns: first.1,
                    last_ns: begin_after(nearest, next.0, self.length_ns),
                });
                first = next;
            }
            nearest = next;
        }
        stretches.push(TimeRange {
            first_ns: first.1,
            last_ns: begin_after(nearest, newest.saturating_add(1), self.length_ns),
        });
        ClockSteps::between(stretches)
    }

    /// The parts of the run whose intervals were not counted; `None` where the numbers are wrong,
    /// so that nothing is known. Less than an interval at either end of the run is no such part.
    pub(super) fn uncounted(&self, run: TimeRange) -> Option<Vec<TimeRange>> {
        if self.is_overfull {
            return None;
        }
        let mut parts = Vec::new();
        let mut end_ns = None;
        // After a step back the latest end is not the last one.
        let mut latest_ns = i64::MIN;
        let mut last: Option<u64> = None;
        for (key, word) in &self.words {
            for bit in (0..WORD).filter(|bit| word.bits >> bit & 1 == 1) {
                let interval = key * WORD + bit;
                let begin_ns = self.begin_ns(interval)?;
                match (last, end_ns) {
                    (Some(last), Some(end_ns)) if interval > last + 1 => parts.push(TimeRange {
                        first_ns: end_ns,
                        last_ns: begin_ns,
                    }),
                    (None, _) if begin_ns >= run.first_ns.saturating_add(self.length_ns) => {
                        parts.push(TimeRange {
                            first_ns: run.first_ns,
                            last_ns: begin_ns,
                        });
                    }
                    _ => {}
                }
                last = Some(interval);
                let own_end_ns = begin_ns.saturating_add(self.length_ns);
                latest_ns = latest_ns.max(own_end_ns);
                end_ns = Some(own_end_ns);
            }
        }
        if end_ns.is_some() && latest_ns.saturating_add(self.length_ns) <= run.last_ns {
            parts.push(TimeRange {
                first_ns: latest_ns,
                last_ns: run.last_ns,
            });
        }
        Some(parts)
    }
}

impl Word {
    /// Adds intervals of the same word.
    fn add(&mut self, other: Self, length_ns: i64) {
        // Counts that came late have the clock of then.
        let is_known = self.bits & other.bits == other.bits;
        self.bits |= other.bits;
        if is_known && other.stepped.is_none() {
            return;
        }
        let known = [
            Some(self.first),
            self.stepped,
            Some(other.first),
            other.stepped,
        ];
        let known = || known.into_iter().flatten();
        self.first = known().min().unwrap_or(self.first);
        let stepped = known().filter(|one| is_stepped(self.first, *one, length_ns));
        self.stepped = stepped.min();
    }
}

/// The begin of an interval by that of another one, ns UTC.
fn begin_after((first, at_ns): (u64, i64), interval: u64, length_ns: i64) -> i64 {
    let later = i128::from(interval) - i128::from(first);
    let later = i64::try_from(later).unwrap_or(i64::MAX);
    at_ns.saturating_add(later.saturating_mul(length_ns))
}

/// Whether UTC was stepped between two intervals, by more than an interval and more than a clock that is
/// slewed gains or loses.
fn is_stepped(before: (u64, i64), after: (u64, i64), length_ns: i64) -> bool {
    let expected_ns = begin_after(before, after.0, length_ns);
    let elapsed_ns = expected_ns.saturating_sub(before.1).saturating_abs();
    let shift_ns = after.1.saturating_sub(expected_ns).saturating_abs();
    shift_ns > length_ns.saturating_add(elapsed_ns / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn range(first: i64, last: i64) -> TimeRange {
        TimeRange {
            first_ns: first * SECOND,
            last_ns: last * SECOND,
        }
    }

    /// The intervals of these seconds; the number of second 0 is 5,000.
    fn intervals(run: TimeRange, seconds: &[i64]) -> Intervals {
        let mut intervals = Intervals::new(run.length_ns(), SECOND);
        for second in seconds {
            intervals.add((5_000 + second).unsigned_abs(), second * SECOND);
        }
        intervals
    }

    #[test]
    fn what_was_not_counted_is_found_at_the_ends_and_between() {
        let run = range(0, 10);
        let uncounted = |seconds: &[i64]| intervals(run, seconds).uncounted(run).unwrap();
        let all: Vec<i64> = (0..10).collect();
        assert_eq!(uncounted(&all), []);
        assert_eq!(
            uncounted(&[2, 3, 4, 7, 8]),
            [range(0, 2), range(5, 7), range(9, 10)]
        );
        // The first and the last interval of a run are not whole.
        let ends = TimeRange {
            first_ns: 500_000_000,
            last_ns: 10 * SECOND + 700_000_000,
        };
        assert_eq!(intervals(ends, &all).uncounted(ends).unwrap(), []);
        assert!(intervals(run, &[]).is_empty());
    }

    #[test]
    fn steps_of_utc_are_found_in_any_order_of_the_intervals() {
        let run = range(0, 4_000);
        // Forward by an hour before second 100, and back by ten minutes before second 164.
        let at = |second: i64| match second {
            ..=99 => second,
            100..=163 => second + 3_600,
            _ => second + 3_000,
        };
        let seconds: Vec<i64> = (0..300).collect();
        let mut forwards = intervals(run, &[]);
        let mut backwards = intervals(run, &[]);
        let mut parts = intervals(run, &[]);
        for second in &seconds {
            forwards.add((5_000 + second).unsigned_abs(), at(*second) * SECOND);
            let second = 299 - second;
            backwards.add((5_000 + second).unsigned_abs(), at(second) * SECOND);
        }
        // Counts that came late, with the clock of then.
        for second in [70_i64, 92] {
            forwards.add((5_000 + second).unsigned_abs(), (second + 3_600) * SECOND);
        }
        for start in 0..7 {
            let mut part = intervals(run, &[]);
            for second in seconds.iter().skip(start).step_by(7) {
                part.add((5_000 + second).unsigned_abs(), at(*second) * SECOND);
            }
            parts.merge(part);
        }
        let stretches = vec![
            range(0, 100),
            range(3_700, 3_764),
            range(3_164, at(299) + 1),
        ];
        for found in [&forwards, &backwards, &parts] {
            assert_eq!(found.steps(), ClockSteps::between(stretches.clone()));
            for second in [0_i64, 99, 100, 163, 164, 299] {
                let begin_ns = found.begin_ns((5_000 + second).unsigned_abs());
                assert_eq!(begin_ns, Some(at(second) * SECOND), "{second}");
            }
        }
        // A clock that is slewed, and one that is corrected by less than an interval, are not stepped.
        let mut slewed = intervals(run, &[]);
        for second in 0..3_000_i64 {
            let gained = second * 500_000 + if second > 50 { 900_000_000 } else { 0 };
            slewed.add(5_000 + second as u64, second * SECOND + gained);
        }
        assert_eq!(slewed.steps().number(), 0);
    }

    #[test]
    fn numbers_that_a_run_cannot_have_tell_nothing() {
        let run = range(0, 10);
        let many: Vec<i64> = (0..100).map(|n| n * 1_000).collect();
        assert_eq!(intervals(run, &many).uncounted(run), None);
    }

    proptest! {
        #[test]
        fn neighbours_are_added_at_once_as_one_by_one(
            parts in proptest::collection::vec((0i64..400, 0i64..150), 1..6),
        ) {
            let run = range(0, 600);
            let (mut at_once, mut one_by_one) = (intervals(run, &[]), intervals(run, &[]));
            for (first, more) in parts {
                let number = |second: i64| (5_000 + second).unsigned_abs();
                at_once.add_all(number(first)..=number(first + more), first * SECOND);
                for second in first..=first + more {
                    one_by_one.add(number(second), second * SECOND);
                }
            }
            prop_assert_eq!(at_once.uncounted(run), one_by_one.uncounted(run));
            for second in [0, 1, 63, 64, 500] {
                let begin = |all: &Intervals| all.begin_ns(5_000 + second);
                prop_assert_eq!(begin(&at_once), begin(&one_by_one));
            }
        }

        #[test]
        fn parts_in_any_order_are_the_whole(
            mut seconds in proptest::collection::vec(0i64..500, 1..400),
            cut in any::<proptest::sample::Index>(),
        ) {
            let run = range(0, 500);
            let whole = intervals(run, &seconds).uncounted(run);
            seconds.reverse();
            let cut = cut.index(seconds.len());
            let mut parts = intervals(run, &seconds[cut..]);
            parts.merge(intervals(run, &seconds[..cut]));
            prop_assert_eq!(&parts.uncounted(run), &whole);
            // Each second is counted or in exactly one part.
            let parts = whole.unwrap();
            for second in 0..500 {
                let inside = parts.iter().filter(|part| {
                    (part.first_ns..part.last_ns).contains(&(second * SECOND))
                });
                prop_assert_eq!(inside.count(), usize::from(!seconds.contains(&second)));
            }
        }
    }
}
