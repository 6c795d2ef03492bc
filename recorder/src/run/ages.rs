//! When the oldest operations in flight began, as it was seen soon after the end of each interval:
//! their ages at the ends of intervals. Pure: the caller gives the time.

use std::collections::VecDeque;

use soakbox_schemas::counters::SLOTS;

/// Most looks that are kept: as many as there are intervals whose counts are kept apart.
const MOST: usize = SLOTS as usize;

/// The last looks.
#[derive(Debug)]
pub(super) struct Ages {
    interval_ns: u64,
    /// The interval of the last look.
    looked_in: u64,
    looks: VecDeque<Look>,
}

#[derive(Debug)]
struct Look {
    at_ns: u64,
    /// When the oldest operation in flight began, by operation.
    begun_ns: Vec<Option<u64>>,
}

impl Ages {
    pub(super) fn new(interval_ns: u64, boot_ns: u64) -> Self {
        Self {
            interval_ns,
            looked_in: boot_ns / interval_ns,
            looks: VecDeque::new(),
        }
    }

    /// Whether an interval has ended since the last look.
    pub(super) fn is_due(&self, boot_ns: u64) -> bool {
        boot_ns / self.interval_ns > self.looked_in
    }

    /// Adds a look at `at_ns`, ns of the boot clock: when the oldest operation in flight began, by
    /// operation.
    pub(super) fn add(&mut self, at_ns: u64, begun_ns: Vec<Option<u64>>) {
        self.looked_in = at_ns / self.interval_ns;
        if self.looks.len() == MOST {
            self.looks.pop_front();
        }
        self.looks.push_back(Look { at_ns, begun_ns });
    }

    /// The age of the oldest operation in flight at the end of `interval`, by operation: of those
    /// that are in flight at the first look after it, or, where the interval is not over, at the
    /// last look, which is its end then.
    pub(super) fn at_the_end_of(&self, interval: u64) -> Vec<Option<u64>> {
        let end_ns = (interval + 1) * self.interval_ns;
        let after = self.looks.iter().find(|look| look.at_ns >= end_ns);
        let Some(look) = after.or(self.looks.back()) else {
            return Vec::new();
        };
        let end_ns = end_ns.min(look.at_ns);
        let age = |begun_ns: &Option<u64>| begun_ns.and_then(|begun| end_ns.checked_sub(begun));
        look.begun_ns.iter().map(age).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_that_at_the_end_of_the_interval_whenever_somebody_looks() {
        let mut ages = Ages::new(100, 1_030);
        assert_eq!(ages.at_the_end_of(10), [], "nobody has looked");
        assert!(!ages.is_due(1_099) && ages.is_due(1_100));
        ages.add(1_107, vec![Some(1_040), None, Some(1_103), Some(1_100)]);
        assert!(!ages.is_due(1_199));
        let old = vec![Some(60), None, None, Some(0)];
        assert_eq!(ages.at_the_end_of(10), old);
        ages.add(1_501, vec![Some(1_210), None, None, Some(1_100)]);
        assert_eq!(ages.at_the_end_of(10), old, "the first look counts");
        assert_eq!(ages.at_the_end_of(11), [None, None, None, Some(100)]);
        assert_eq!(ages.at_the_end_of(13), [Some(190), None, None, Some(300)]);
        assert_eq!(ages.at_the_end_of(14), [Some(290), None, None, Some(400)]);
        // The recording ends in the interval 15.
        ages.add(1_520, vec![Some(1_510), None, None, Some(1_100)]);
        assert_eq!(ages.at_the_end_of(15), [Some(10), None, None, Some(420)]);
    }

    #[test]
    fn the_looks_of_a_month_have_a_bound() {
        let mut ages = Ages::new(10, 0);
        for interval in 1..1_000 {
            assert!(ages.is_due(interval * 10));
            ages.add(interval * 10, vec![Some(3)]);
            assert_eq!(ages.at_the_end_of(interval - 1), [Some(interval * 10 - 3)]);
            assert!(ages.looks.len() <= MOST);
        }
    }
}
