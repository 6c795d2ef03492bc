//! Finishes: finds the begin of each operation that finishes, or counts that there is none.

use soakbox_schemas::control::{Cookie, PairBy};

use crate::event::{NO_GOROUTINE, NO_THREAD, Outcome, ReturnValue, count_unobserved, finish_of};
use crate::frames::Frame;
use crate::goroutines::Goroutine;
use crate::in_flight::{self, Key};
use crate::stacks::{FUNCTIONS, MARKERS, unwind, unwind_overflow};
use crate::task::{self, THREADS};
use crate::{counters, lifetime, switching};

/// The current thread's off-CPU time so far; `None` where its operations are not observed.
#[inline(always)]
fn finishing_thread() -> Option<u64> {
    match THREADS.get() {
        Some(thread) => {
            let off_cpu_ns = thread.off_cpu_ns;
            if lifetime::is_followed(Some(thread)) {
                Some(off_cpu_ns)
            } else {
                None
            }
        }
        None => {
            if lifetime::is_followed(None) {
                Some(0)
            } else {
                None
            }
        }
    }
}

/// The finish of a function whose entry had this stack pointer.
#[inline(always)]
pub fn finish_function(cookie: u64, entry: u64, returned: ReturnValue) {
    finish_entered(cookie, entry, returned.value, returned.is_known);
}

/// Only numbers are passed: the verifier does not let values with parts that are not set into a
/// call.
#[inline(never)]
fn finish_entered(cookie: u64, entry: u64, value: u64, is_known: bool) {
    let cookie = Cookie::unpack(cookie);
    let returned = ReturnValue { value, is_known };
    let operation = cookie.operation;
    let Some(off_cpu_ns) = finishing_thread() else {
        return;
    };
    let begin = match cookie.pair_by {
        PairBy::StackOrder => take_by_order(operation, entry),
        PairBy::ExactStackPointer => match in_flight::take(&Key::stack(entry), operation) {
            Some(frame) => Begin::Frame(frame),
            None => Begin::Missing,
        },
        PairBy::Goroutine { .. } => Begin::Missing,
        PairBy::TailCalls(site) => {
            match in_flight::take_followed(&Key::tail_calls(operation, entry)) {
                Some(frame) => Begin::Frame(frame),
                // Of a call by others, who are not observed by this operation.
                None if site.is_shared() => return,
                None => Begin::Missing,
            }
        }
    };
    match begin {
        Begin::Frame(frame) => finish(&frame, off_cpu_ns, Outcome::Returned(returned)),
        Begin::Overflow => count_overflow_finish(operation),
        Begin::Missing => count_unmatched(operation),
    }
}

/// The finish of a function on the goroutine at `address`.
#[inline(always)]
pub fn finish_on_goroutine(cookie: u64, stack_pointer: u64, address: u64, returned: ReturnValue) {
    finish_goroutine(cookie, stack_pointer, address, returned.value);
}

/// Only numbers are passed, as to [`finish_entered`]. The value is known at a return.
#[inline(never)]
fn finish_goroutine(cookie: u64, stack_pointer: u64, address: u64, value: u64) {
    let cookie = Cookie::unpack(cookie);
    let returned = ReturnValue::known(value);
    let operation = cookie.operation;
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let Some(off_cpu_ns) = finishing_thread() else {
        return;
    };
    let PairBy::Goroutine { id_offset, .. } = cookie.pair_by else {
        return;
    };
    let Some(goroutine) = Goroutine::read(address, id_offset, entry) else {
        return count_unmatched(operation);
    };
    goroutine.abandon_from(goroutine.depth.wrapping_add(1));
    match goroutine.take(operation) {
        Some(mut entry) => {
            if entry.switches != task::goroutine_switches() {
                // The thread has run another goroutine, or this one again after a wait.
                entry.frame.thread = NO_THREAD;
            }
            let outcome = Outcome::Returned(returned);
            finish_of(&entry.frame, off_cpu_ns, outcome, goroutine.id)
        }
        None => count_unmatched(operation),
    }
}

/// The begin that a finish belongs to.
enum Begin {
    Frame(Frame),
    /// It was nested too deep to have a frame.
    Overflow,
    /// None is stored: the finish is unmatched.
    Missing,
}

#[inline(always)]
fn take_by_order(operation: u16, entry: u64) -> Begin {
    let Some(frames) = FUNCTIONS.get() else {
        return Begin::Missing;
    };
    unwind(frames, entry);
    match frames.top().copied() {
        Some(top) if top.stack_pointer == entry => {
            if top.operation != operation {
                return Begin::Missing;
            }
            if frames.overflow_depth != 0 {
                unwind_overflow(frames, top.never_unwinds());
            }
            frames.pop();
            Begin::Frame(top)
        }
        _ if frames.finish_overflow(operation) => Begin::Overflow,
        _ => Begin::Missing,
    }
}

pub fn finish_marker(cookie: Cookie, token: u64, value: u64, success: bool) {
    let operation = cookie.operation;
    let Some(off_cpu_ns) = finishing_thread() else {
        return;
    };
    let outcome = Outcome::Reported { value, success };
    if token != 0 {
        return match in_flight::take(&Key::token(operation, token), operation) {
            Some(frame) => finish(&frame, off_cpu_ns, outcome),
            None => count_unmatched(operation),
        };
    }
    let Some(frames) = MARKERS.get() else {
        return count_unmatched(operation);
    };
    // Last in, first out: the overflow began last.
    if frames.finish_overflow(operation) {
        return count_overflow_finish(operation);
    }
    match frames.take_latest(operation) {
        Some(frame) => finish(&frame, off_cpu_ns, outcome),
        None => count_unmatched(operation),
    }
}

/// A finish without a begin.
#[inline(always)]
fn count_unmatched(operation: u16) {
    if switching::has_been_off(operation) {
        return count_unobserved(operation, task::now());
    }
    counters::with_cell(operation, task::now(), |cell| {
        counters::increment(&cell.unmatched)
    });
}

/// A finish whose begin was nested too deep to be followed.
#[inline(always)]
fn count_overflow_finish(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::increment(&cell.finished);
        counters::increment(&cell.lost_too_deep);
    });
}

/// The finish of an operation on no goroutine.
#[inline(always)]
fn finish(frame: &Frame, off_cpu_ns: u64, outcome: Outcome) {
    finish_of(frame, off_cpu_ns, outcome, NO_GOROUTINE);
}
