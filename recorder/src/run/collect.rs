//! The loop that drains the source, puts events in order and hands them to the writing thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use soakbox_schemas::event::OperationEvent;

use super::message::Message;
use super::outbox::Outbox;
use crate::clock::Clock;
use crate::source::{Reorder, Source};

/// How often the ring is looked at: a wakeup per event would cost more than the event.
const TICK: Duration = Duration::from_millis(10);
/// Most events between two hand-overs.
const BATCH: usize = 16_384;
/// An event and its header in the ring.
const RECORD_BYTES: usize = size_of::<OperationEvent>() + 8;

/// Runs until `stop` is set and the source has no more.
pub(super) fn run(mut source: impl Source, outbox: &Outbox, stop: &AtomicBool, clock: &dyn Clock) {
    let mut reorder = Reorder::default();
    loop {
        // Read before the source: what finished before the stop is then in it.
        let last = stop.load(Ordering::Acquire);
        if !last {
            source.wait(TICK);
        }
        let (mut taken, mut full) = (0, true);
        while full {
            let drained = source.drain(reorder.incoming(), BATCH);
            taken += drained.records;
            full = drained.records == BATCH;
            let now = clock.now();
            let final_round = last && !full;
            let events = if final_round {
                reorder.release_all()
            } else {
                reorder.release(now.boot_ns)
            };
            if events.is_empty() {
                continue;
            }
            let message = Message::Events {
                events,
                now,
                late: reorder.take_late(),
                ring_bytes: (taken * RECORD_BYTES) as u64,
            };
            if outbox.send(message).is_err() {
                // The writing thread gave up; it said why.
                return;
            }
        }
        if last {
            return;
        }
    }
}
