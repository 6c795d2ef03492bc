//! Begins: keeps the state at the begin of each operation until its finish, and counts it.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use soakbox_schemas::control::{Cookie, PairBy};
use soakbox_schemas::observation::UNOBSERVED;

use crate::event::{NO_MEMORY, NO_THREAD};
use crate::frames::{Frame, Frames};
use crate::goroutines::Goroutine;
use crate::in_flight::{self, Entered, Key};
use crate::stacks::{FUNCTIONS, MARKERS, make_room, unwind_before};
use crate::task::{self, THREADS, Thread};
use crate::{counters, lifetime, switching, target_cpu};

#[inline(always)]
fn frame(cookie: Cookie, stack_pointer: u64, off_cpu_ns: u64) -> Frame {
    let (user_ns, system_ns) = task::user_and_system_ns().unwrap_or((0, 0));
    Frame {
        stack_pointer,
        off_cpu_ns,
        user_ns,
        system_ns,
        memory_bytes: task::resident_bytes().unwrap_or(NO_MEMORY),
        thread: bpf_get_current_pid_tgid() as u32,
        operation: cookie.operation,
        uretprobe: cookie.uretprobe as u16,
        begun_ns: switching::begun_ns(cookie.operation),
    }
}

/// Counts a begin that could not be stored. It is counted as finished and lost already here,
/// because its finish cannot be recognised: that will be counted as a finish without a begin
/// (`unmatched`).
#[inline(never)]
fn count_lost_begin(operation: u16) {
    let begun_ns = switching::begun_ns(operation);
    if begun_ns == UNOBSERVED {
        return count_unobserved(operation);
    }
    counters::with_cell(operation, begun_ns, |cell| {
        counters::increment(&cell.begun);
        counters::increment(&cell.finished);
        counters::increment(&cell.lost_no_memory);
    });
}

#[inline(never)]
fn count_begin(operation: u16, begun_ns: u64) {
    if begun_ns == UNOBSERVED {
        return count_unobserved(operation);
    }
    counters::with_cell(operation, begun_ns, |cell| counters::increment(&cell.begun));
}

#[inline(always)]
fn count_unobserved(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::increment(&cell.begun_unobserved)
    });
}

/// The current thread; `None` where its operations are not observed, or the kernel has no memory
/// for its state.
#[inline(always)]
fn beginning_thread(operation: u16) -> Option<&'static mut Thread> {
    let Some(thread) = THREADS.get_or_create() else {
        if lifetime::is_followed(None) {
            count_lost_begin(operation);
        }
        return None;
    };
    if lifetime::is_followed(Some(thread)) {
        target_cpu::runs_operation(thread);
        Some(thread)
    } else {
        None
    }
}

/// `jumps`: the instruction is a jump that leaves the function.
#[inline(always)]
pub fn begin_function(cookie: Cookie, stack_pointer: u64, jumps: bool) {
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let Some(thread) = beginning_thread(cookie.operation) else {
        return;
    };
    if cookie.pair_by == PairBy::ExactStackPointer {
        let frame = frame(cookie, entry, thread.off_cpu_ns);
        return begin_keyed(thread, &Key::stack(entry), &frame);
    }
    if let PairBy::TailCalls(_) = cookie.pair_by {
        let key = Key::tail_calls(cookie.operation, entry);
        // A tail call of a function that is in flight already goes on with the same operation.
        if let Entered::Continued = in_flight::enter(&key, jumps) {
            return;
        }
        let frame = frame(cookie, entry, thread.off_cpu_ns);
        begin_keyed(thread, &key, &frame);
        if jumps {
            in_flight::mark_jump(&key);
        }
        return;
    }
    let Some(frames) = FUNCTIONS.get_or_create() else {
        return count_lost_begin(cookie.operation);
    };
    unwind_before(frames, cookie.operation, entry);
    let frame = frame(cookie, entry, thread.off_cpu_ns);
    count_begin(cookie.operation, frame.begun_ns);
    push(frames, &frame);
}

/// One that is not observed is not counted among those that are nested too deep.
#[inline(always)]
fn push(frames: &mut Frames, frame: &Frame) {
    if frame.begun_ns != UNOBSERVED || frames.has_room() {
        frames.push(frame);
    }
}

/// The begin of a function that the operation may tail-call. `jumps`: the instruction is a jump to
/// a further one.
#[inline(always)]
pub fn enter_tail_called(cookie: Cookie, stack_pointer: u64, jumps: bool) {
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let key = Key::tail_calls(cookie.operation, entry);
    if let Entered::Left = in_flight::enter(&key, jumps)
        && let Some(entry) = in_flight::get(&key)
        && in_flight::remove(&key)
    {
        switching::count_left(cookie.operation, entry.frame.begun_ns, task::now());
    }
}

/// A jump to a tail-called function, from the function whose call entered with this stack pointer.
pub fn jump_to_tail_called(cookie: Cookie, entry: u64) {
    in_flight::mark_jump(&Key::tail_calls(cookie.operation, entry));
}

pub fn begin_marker(cookie: Cookie, stack_pointer: u64, token: u64) {
    let Some(thread) = beginning_thread(cookie.operation) else {
        return;
    };
    let frame = frame(cookie, stack_pointer, thread.off_cpu_ns);
    if token != 0 {
        return begin_keyed(thread, &Key::token(cookie.operation, token), &frame);
    }
    let Some(frames) = MARKERS.get_or_create() else {
        return count_lost_begin(cookie.operation);
    };
    count_begin(cookie.operation, frame.begun_ns);
    make_room(frames, stack_pointer);
    push(frames, &frame);
}

/// The shortest time between two searches of a full map for dead entries by one thread.
const SWEEP_PERIOD_NS: u64 = 10_000_000;

#[inline(always)]
fn begin_keyed(thread: &mut Thread, key: &Key, frame: &Frame) {
    let mut inserted = in_flight::insert(key, frame);
    if inserted.is_err() && frame.begun_ns.saturating_sub(thread.swept_ns) >= SWEEP_PERIOD_NS {
        thread.swept_ns = frame.begun_ns;
        in_flight::abandon_below(frame.stack_pointer, frame.thread);
        inserted = in_flight::insert(key, frame);
    }
    match inserted {
        Ok(stale) => {
            count_begin(frame.operation, frame.begun_ns);
            if let Some(stale) = stale {
                let now = switching::moment(frame.begun_ns);
                switching::count_left(stale.operation, stale.begun_ns, now);
            }
        }
        Err(()) => count_lost_begin(frame.operation),
    }
}

/// The begin of a function on the goroutine at `address`.
pub fn begin_on_goroutine(cookie: Cookie, stack_pointer: u64, address: u64) {
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let Some(thread) = beginning_thread(cookie.operation) else {
        return;
    };
    let PairBy::Goroutine {
        id_offset,
        counts_switches,
    } = cookie.pair_by
    else {
        return;
    };
    let Some(goroutine) = Goroutine::read(address, id_offset, entry) else {
        return count_lost_begin(cookie.operation);
    };
    goroutine.abandon_from(goroutine.depth);
    let mut frame = frame(cookie, goroutine.depth, thread.off_cpu_ns);
    if !counts_switches {
        // The thread may run other goroutines meanwhile: its times are not the operation's.
        frame.thread = NO_THREAD;
    }
    match goroutine.push(&frame, thread.switches) {
        Ok(()) => count_begin(cookie.operation, frame.begun_ns),
        Err(()) => count_lost_begin(cookie.operation),
    }
}
