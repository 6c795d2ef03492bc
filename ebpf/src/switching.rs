//! Probes that are switched off and on: which begins are observed, and which operations may have
//! finished while no probe was there to see it. In a recording without a limit of overhead the
//! setting `switched` is 0, and the verifier removes all of this.

use core::sync::atomic::AtomicU64;

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use soakbox_schemas::control::MAX_OPERATIONS;
use soakbox_schemas::observation::{Observation, UNOBSERVED};

use crate::settings::setting;
use crate::{counters, task};

/// By operation. The recorder writes it.
#[map]
static OBSERVATION: Array<Observation> =
    Array::with_max_entries(MAX_OPERATIONS as u32, BPF_F_MMAPABLE);

#[inline(always)]
fn read(moment: &AtomicU64) -> u64 {
    unsafe { moment.as_ptr().read_volatile() }
}

#[inline(always)]
fn observation(operation: u16) -> Option<&'static Observation> {
    if setting!(switched) == 0 {
        return None;
    }
    OBSERVATION.get(operation as u32)
}

/// When an operation begins, as it is kept in its frame: now, or [`UNOBSERVED`] in time off. Such
/// an operation has a frame too, so that its finish is not taken for that of another one.
#[inline(always)]
pub fn begun_ns(operation: u16) -> u64 {
    let now = task::now();
    let Some(observation) = observation(operation) else {
        return now;
    };
    // The recorder writes `until_ns` last.
    let until_ns = read(&observation.until_ns);
    if read(&observation.from_ns) <= now && now < until_ns {
        now
    } else {
        UNOBSERVED
    }
}

/// A moment to count an operation in that began at `begun_ns`.
#[inline(always)]
pub fn moment(begun_ns: u64) -> u64 {
    if begun_ns == UNOBSERVED {
        task::now()
    } else {
        begun_ns
    }
}

/// Whether begins of the operation have ever been unobserved.
#[inline(always)]
pub fn has_been_off(operation: u16) -> bool {
    match observation(operation) {
        Some(observation) => {
            read(&observation.until_ns) != u64::MAX || read(&observation.blind_ns) != 0
        }
        None => false,
    }
}

/// What is known of an operation that is found to be over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Its begin was observed, and its probes have been there since.
    Always,
    /// Its begin was observed; a finish may have come without a probe to see it.
    ToItsMiddle,
    /// It began in time off.
    Never,
}

#[inline(always)]
pub fn watched(operation: u16, begun_ns: u64) -> Watched {
    let Some(observation) = observation(operation) else {
        return Watched::Always;
    };
    if begun_ns == UNOBSERVED {
        Watched::Never
    } else if begun_ns < read(&observation.blind_ns) {
        Watched::ToItsMiddle
    } else {
        Watched::Always
    }
}

/// Counts an operation that is over, although no finish was seen: it was abandoned, if its probes
/// were there all the time.
#[inline(always)]
pub fn count_left(operation: u16, begun_ns: u64, now: u64) {
    let watched = watched(operation, begun_ns);
    counters::with_cell(operation, now, |cell| match watched {
        Watched::Always => counters::increment(&cell.abandoned),
        Watched::ToItsMiddle => {
            counters::increment(&cell.finished);
            counters::increment(&cell.lost_switched_off);
        }
        Watched::Never => {}
    });
}
