//! When the oldest operation in flight began, by operation. The recorder asks for it at the end of
//! each interval, so that probes do nothing for it: a program walks over the threads, and over the
//! hash.
//!
//! Probes go on meanwhile, without a lock. A frame that is replaced while it is read could show the
//! operation of one and the begin of another one: each is read twice, and a frame that has changed
//! in between is left out, since it has just begun.

use core::ffi::c_void;

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use soakbox_schemas::control::{MAX_DEPTH, MAX_OPERATIONS, places};

use crate::frames::{Frame, Frames, repeat};
use crate::in_flight::{self, Entry, Key};
use crate::settings::setting;
use crate::stacks::{FUNCTIONS, MARKERS};
use crate::switching::{self, Watched};
use crate::task;
use crate::walk::{STOP, Step};

/// By operation: the boot clock at the begin of the oldest one. The recorder sets all to the
/// largest number before it asks.
#[map]
static OLDEST: Array<u64> = Array::with_max_entries(MAX_OPERATIONS as u32, BPF_F_MMAPABLE);

#[inline(always)]
pub fn step(step: &Step) -> i32 {
    let task = step.task;
    if task.is_null() {
        return 0;
    }
    let kept_in = setting!(in_flight);
    if kept_in & places::HASH != 0 && unsafe { (*step.meta).steps } == 0 {
        let mut nothing = 0_u64;
        in_flight::visit(see_entry, &raw mut nothing);
    }
    if kept_in & places::THREADS == 0 {
        return STOP;
    }
    if let Some(frames) = FUNCTIONS.of(task) {
        see_frames(frames);
    }
    if let Some(frames) = MARKERS.of(task) {
        see_frames(frames);
    }
    0
}

#[inline(always)]
fn see_frames(frames: &'static Frames) {
    let depth = unsafe { (&raw const frames.depth).read_volatile() };
    if depth != 0 {
        let mut walk = Walk { frames, depth };
        repeat(MAX_DEPTH as u32, see_one, &mut walk);
    }
}

struct Walk {
    frames: *const Frames,
    depth: u32,
}

#[inline(never)]
unsafe extern "C" fn see_one(index: u32, walk: *mut Walk) -> i64 {
    let walk = unsafe { &*walk };
    if index >= walk.depth {
        return 1;
    }
    let frames = unsafe { &(*walk.frames).frames };
    see(unsafe { frames.get_unchecked(index as usize & (MAX_DEPTH - 1)) });
    0
}

#[inline(never)]
unsafe extern "C" fn see_entry(
    _map: *mut c_void,
    key: *const Key,
    entry: *const Entry,
    _nothing: *const u64,
) -> i64 {
    let frame = unsafe { &(*entry).frame };
    let (operation, begun_ns) = (frame.operation, frame.begun_ns);
    if switching::watched(operation, begun_ns) == Watched::Always {
        see(frame);
    } else {
        forget(unsafe { &*key }, operation, begun_ns);
    }
    0
}

/// Removes an operation whose finish no probe can tell any more: with tokens there would be more
/// and more of them. Those of a goroutine hold on to each other, and stay.
#[inline(always)]
fn forget(key: &Key, operation: u16, begun_ns: u64) {
    let key = *key;
    if !key.is_goroutine() && in_flight::remove(&key) {
        switching::count_left(operation, begun_ns, task::now());
    }
}

/// Nobody else writes to `OLDEST` meanwhile: only one thread of the recorder asks.
#[inline(always)]
fn see(frame: &Frame) {
    let (operation, begun_ns) = read(frame);
    if (operation, begun_ns) != read(frame)
        || switching::watched(operation, begun_ns) != Watched::Always
    {
        return;
    }
    if let Some(oldest) = OLDEST.get_ptr_mut(operation as u32)
        && begun_ns < unsafe { *oldest }
    {
        unsafe { *oldest = begun_ns };
    }
}

#[inline(always)]
fn read(frame: &Frame) -> (u16, u64) {
    unsafe {
        (
            (&raw const frame.operation).read_volatile(),
            (&raw const frame.begun_ns).read_volatile(),
        )
    }
}
