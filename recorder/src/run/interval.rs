//! Decides when the counts of an interval are read: after its end, and once more later; and which
//! intervals were merged when the recorder stalled. Pure: the caller gives the time.

use std::ops::RangeInclusive;

/// Time from the end of an interval until its counts are read, ns: no CPU should count in it any
/// more by then. Counts that are added afterwards are read as late ones.
const GRACE_NS: u64 = 250_000_000;

/// Knows which intervals were read, and which are due.
#[derive(Debug)]
pub(super) struct IntervalClock {
    interval_ns: u64,
    /// Number of intervals that the source counts separately; the slot of an older one is reused.
    slots: u64,
    /// The first interval that was not read yet.
    next: u64,
}

/// Intervals whose counts are to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Those that are over.
    pub(super) ended: Vec<u64>,
    /// Earlier ones, read again for late counts.
    pub(super) late: Vec<u64>,
    /// Number of intervals that were missed: their counts are in later ones.
    pub(super) merged: u64,
}

impl IntervalClock {
    /// Starts with the interval that `boot_ns` lies in.
    pub(super) fn new(interval_ns: u64, slots: u32, boot_ns: u64) -> Self {
        Self {
            interval_ns,
            slots: u64::from(slots),
            next: boot_ns / interval_ns,
        }
    }

    /// The interval that `boot_ns` lies in.
    pub(super) fn interval(&self, boot_ns: u64) -> u64 {
        boot_ns / self.interval_ns
    }

    /// When `interval` begins, ns of the boot clock.
    pub(super) fn start_ns(&self, interval: u64) -> u64 {
        interval * self.interval_ns
    }

    /// The intervals that are due at `boot_ns`; `None` until one is over.
    pub(super) fn due(&mut self, boot_ns: u64) -> Option<Due> {
        let over = self.interval(boot_ns.saturating_sub(GRACE_NS));
        if over <= self.next {
            return None;
        }
        let mut due = Due::default();
        // The slots of older intervals are used again, one of them by the interval that is not over:
        // their counts are in newer ones.
        let current = self.interval(boot_ns);
        let oldest = (current + 1).saturating_sub(self.slots);
        if oldest > self.next {
            due.merged = oldest - self.next;
            self.next = oldest;
        }
        due.ended = (self.next..over).collect();
        // Each is read once more after half of the slots, before its slot is reused.
        due.late = due
            .ended
            .iter()
            .filter_map(|ended| ended.checked_sub(self.slots / 2))
            .filter(|late| *late > oldest && !due.ended.contains(late))
            .collect();
        self.next = over;
        Some(due)
    }

    /// At the end, when nothing is counted any more: every interval up to that of `boot_ns`, and
    /// every other slot.
    pub(super) fn rest(&mut self, boot_ns: u64) -> Due {
        let current = self.interval(boot_ns);
        let oldest = (current + 1).saturating_sub(self.slots);
        let mut due = Due::default();
        if oldest > self.next {
            due.merged = oldest - self.next;
        }
        let first = self.next.max(oldest);
        due.ended = RangeInclusive::new(first, current).collect();
        due.late = (oldest..first).collect();
        self.next = current + 1;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn clock(boot_ns: u64) -> IntervalClock {
        IntervalClock::new(SECOND, 16, boot_ns)
    }

    #[test]
    fn an_interval_is_due_after_its_grace_and_once_more_eight_later() {
        let mut clock = clock(100 * SECOND + 7);
        assert_eq!(clock.due(101 * SECOND + GRACE_NS - 1), None);
        let due = clock.due(101 * SECOND + GRACE_NS);
        let first = Due {
            ended: vec![100],
            late: vec![92],
            merged: 0,
        };
        assert_eq!(due, Some(first));
        assert_eq!(clock.due(101 * SECOND + GRACE_NS), None);
        assert_eq!(
            clock.due(103 * SECOND + GRACE_NS).map(|due| due.ended),
            Some(vec![101, 102])
        );
    }

    #[test]
    fn after_a_stall_only_intervals_with_a_slot_are_read() {
        let mut clock = clock(100 * SECOND);
        let due = clock.due(200 * SECOND + GRACE_NS).unwrap_or_default();
        assert_eq!(due.merged, 85);
        assert_eq!(due.ended, (185..200).collect::<Vec<_>>());
        assert!(due.late.is_empty());
        // Nothing is merged, but the slots of 194 and those before are in use again, and that of 195 will be.
        let due = clock.due(210 * SECOND).unwrap_or_default();
        assert_eq!((due.merged, due.ended.len()), (0, 9));
        assert_eq!(due.late, [196, 197, 198, 199]);
        // 250 ms of the 16th interval count in the slot of the first.
        let due = clock.due(224 * SECOND + GRACE_NS - 1).unwrap_or_default();
        assert_eq!((due.merged, due.ended.first()), (0, Some(&209)));
        let due = clock.due(239 * SECOND + GRACE_NS - 1).unwrap_or_default();
        assert_eq!((due.merged, due.ended.first()), (1, Some(&224)));
    }

    #[test]
    fn the_first_seconds_of_a_host_have_no_earlier_intervals() {
        let mut clock = clock(3 * SECOND);
        let due = clock.due(5 * SECOND + GRACE_NS).unwrap_or_default();
        assert_eq!((due.ended, due.late), (vec![3, 4], vec![]));
        let rest = clock.rest(5 * SECOND);
        assert_eq!((rest.ended, rest.late), (vec![5], vec![0, 1, 2, 3, 4]));
    }

    proptest! {
        #[test]
        fn no_slot_is_read_for_two_intervals_or_while_it_is_in_use(
            steps in proptest::collection::vec(0..40_000u64, 1..40)
        ) {
            let mut now = 1_000 * SECOND;
            let mut clock = clock(now);
            for step in steps {
                now += step * 1_000_000;
                let Some(due) = clock.due(now) else { continue };
                let mut slots: Vec<u64> = due.ended.iter().chain(&due.late).map(|one| one % 16).collect();
                slots.push(clock.interval(now) % 16);
                slots.sort_unstable();
                prop_assert!(slots.is_sorted_by(|one, next| one < next), "{:?} at {}", due, now);
            }
        }

        #[test]
        fn every_interval_is_read_once_or_merged(steps in proptest::collection::vec(0..40 * SECOND, 0..40)) {
            let mut now = 1_000 * SECOND;
            let mut clock = clock(now);
            let (mut taken, mut merged) = (Vec::new(), 0);
            for step in steps {
                now += step;
                if let Some(due) = clock.due(now) {
                    taken.extend(due.ended);
                    merged += due.merged;
                }
            }
            let rest = clock.rest(now);
            merged += rest.merged;
            taken.extend(rest.ended);
            prop_assert!(taken.is_sorted_by(|earlier, later| earlier < later));
            prop_assert_eq!(taken.len() as u64 + merged, now / SECOND - 1_000 + 1);
            prop_assert_eq!(taken.last(), Some(&(now / SECOND)));
        }
    }
}
