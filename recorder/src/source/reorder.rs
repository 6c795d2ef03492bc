//! Sorts events by finish, within a bounded window: those of several CPUs arrive slightly out of
//! order. No I/O and no clock: the caller gives the time.

use soakbox_schemas::event::OperationEvent;

/// An event older than this when it arrives is late: it is passed on, and its file is no longer
/// sorted.
pub const REORDER_WINDOW_NS: u64 = 50_000_000;

/// Holds back the youngest events until nothing older can arrive.
#[derive(Debug, Default)]
pub struct Reorder {
    held: Vec<OperationEvent>,
    released_up_to: u64,
    late: u64,
}

impl Reorder {
    /// The events that are waiting; append new ones here.
    pub fn incoming(&mut self) -> &mut Vec<OperationEvent> {
        &mut self.held
    }

    /// Releases the events that finished before `now_ns` minus the window, in order of finish.
    pub fn release(&mut self, now_ns: u64) -> Vec<OperationEvent> {
        self.release_before(now_ns.saturating_sub(REORDER_WINDOW_NS))
    }

    /// Releases everything.
    pub fn release_all(&mut self) -> Vec<OperationEvent> {
        self.release_before(u64::MAX)
    }

    /// Number of late events since the last call.
    pub fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    fn release_before(&mut self, horizon_ns: u64) -> Vec<OperationEvent> {
        // Stable, and linear where the events are nearly in order.
        self.held.sort_by_key(|event| event.finished_boot_ns);
        let count = self
            .held
            .partition_point(|event| event.finished_boot_ns < horizon_ns);
        let mut rest = self.held.split_off(count);
        std::mem::swap(&mut rest, &mut self.held);
        let released = rest;
        let late = released.partition_point(|event| event.finished_boot_ns < self.released_up_to);
        self.late += late as u64;
        if let Some(last) = released.last() {
            self.released_up_to = self.released_up_to.max(last.finished_boot_ns);
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(finished_boot_ns: u64) -> OperationEvent {
        OperationEvent {
            finished_boot_ns,
            ..Default::default()
        }
    }

    fn times(events: &[OperationEvent]) -> Vec<u64> {
        events.iter().map(|event| event.finished_boot_ns).collect()
    }

    #[test]
    fn the_youngest_wait_and_a_late_one_is_counted() {
        let mut reorder = Reorder::default();
        let now = 10 * REORDER_WINDOW_NS;
        let horizon = now - REORDER_WINDOW_NS;
        reorder
            .incoming()
            .extend([event(horizon + 5), event(horizon - 1), event(horizon - 3)]);
        assert_eq!(times(&reorder.release(now)), [horizon - 3, horizon - 1]);
        assert_eq!(reorder.take_late(), 0);
        reorder.incoming().push(event(horizon - 2));
        assert_eq!(times(&reorder.release(now)), [horizon - 2]);
        assert_eq!(reorder.take_late(), 1);
        assert_eq!(times(&reorder.release_all()), [horizon + 5]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_without_late_events_all_is_sorted(
            batches in proptest::collection::vec(proptest::collection::vec(0..REORDER_WINDOW_NS, 0..20), 0..20)
        ) {
            let mut reorder = Reorder::default();
            let (mut out, mut put) = (Vec::new(), 0);
            for (index, batch) in batches.iter().enumerate() {
                let now = (index as u64 + 2) * REORDER_WINDOW_NS;
                reorder.incoming().extend(batch.iter().map(|age| event(now - age)));
                put += batch.len();
                out.extend(reorder.release(now));
            }
            out.extend(reorder.release_all());
            prop_assert_eq!(out.len(), put);
            prop_assert_eq!(reorder.take_late(), 0);
            prop_assert!(times(&out).is_sorted());
        }
    }
}
