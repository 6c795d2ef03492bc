//! Begin and finish: pairs them, measures the operation between them, counts it, and sends it to
//! the ring.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use soakbox_schemas::control::{Cookie, MAX_OPERATIONS, OperationRule, PairBy, comparison};
use soakbox_schemas::event::{OperationEvent, flags};

use crate::frames::Frame;
use crate::goroutines::Goroutine;
use crate::in_flight::{self, Entered, Key};
use crate::settings::setting;
use crate::stacks::{FUNCTIONS, MARKERS, make_room, unwind, unwind_before, unwind_overflow};
use crate::task::{self, THREADS, Thread};
use crate::{counters, lifetime};

/// The ring of finished operations; the recorder sets its size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
#[map]
static RULES: Array<OperationRule> = Array::with_max_entries(MAX_OPERATIONS as u32, 0);

/// [`Frame::memory_bytes`] where it could not be read.
const NO_MEMORY: u64 = u64::MAX;
/// The runtime counts the ids of goroutines from 1.
const NO_GOROUTINE: u64 = 0;
/// [`Frame::thread`] where a finish on the same thread means nothing.
const NO_THREAD: u32 = 0;

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
        begun_ns: task::now(),
    }
}

/// Counts a begin that could not be stored. It is counted as finished and lost already here,
/// because its finish cannot be recognised: that will be counted as a finish without a begin
/// (`unmatched`).
#[inline(always)]
fn count_lost_begin(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::increment(&cell.begun);
        counters::increment(&cell.finished);
        counters::increment(&cell.lost_no_memory);
    });
}

#[inline(always)]
fn count_begin(operation: u16, now: u64) {
    counters::with_cell(operation, now, |cell| counters::increment(&cell.begun));
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
    frames.push(&frame);
}

/// The begin of a function that the operation may tail-call. `jumps`: the instruction is a jump to
/// a further one.
#[inline(always)]
pub fn enter_tail_called(cookie: Cookie, stack_pointer: u64, jumps: bool) {
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let key = Key::tail_calls(cookie.operation, entry);
    if let Entered::Left = in_flight::enter(&key, jumps)
        && in_flight::remove(&key)
    {
        counters::with_cell(cookie.operation, task::now(), |cell| {
            counters::increment(&cell.abandoned)
        });
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
    frames.push(&frame);
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
                counters::with_cell(stale.operation, frame.begun_ns, |cell| {
                    counters::increment(&cell.abandoned)
                });
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

/// The register for results that the operation's rule reads, by its place among them.
#[inline(always)]
pub fn result_register(operation: u16) -> u32 {
    match RULES.get(operation as u32) {
        Some(rule) => rule.register,
        None => 0,
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

/// The value that a function returned. No `Option`, of which the compiler would leave one half
/// without a value, which the verifier does not let into a call.
#[derive(Clone, Copy)]
pub struct ReturnValue {
    pub value: u64,
    pub is_known: bool,
}

impl ReturnValue {
    pub const UNKNOWN: Self = Self {
        value: 0,
        is_known: false,
    };

    #[inline(always)]
    pub fn known(value: u64) -> Self {
        Self {
            value,
            is_known: true,
        }
    }
}

/// The end of an operation.
enum Outcome {
    /// A function returned this.
    Returned(ReturnValue),
    /// A marker reported these.
    Reported { value: u64, success: bool },
}

/// The finish of an operation on no goroutine.
#[inline(always)]
fn finish(frame: &Frame, off_cpu_ns: u64, outcome: Outcome) {
    finish_of(frame, off_cpu_ns, outcome, NO_GOROUTINE);
}

#[inline(always)]
fn finish_of(frame: &Frame, off_cpu_ns: u64, outcome: Outcome, goroutine: u64) {
    let now = task::now();
    let duration_ns = now.saturating_sub(frame.begun_ns);
    let mut event = OperationEvent {
        finished_boot_ns: now,
        duration_ns,
        interval: counters::interval(now) as u32,
        operation: frame.operation,
        ..OperationEvent::default()
    };
    if frame.thread == bpf_get_current_pid_tgid() as u32 {
        event.cpu_ns = duration_ns.saturating_sub(off_cpu_ns.saturating_sub(frame.off_cpu_ns));
        event.flags |= flags::CPU;
        if let Some((user_ns, system_ns)) = task::user_and_system_ns() {
            event.cpu_user_ns = user_ns - frame.user_ns;
            event.cpu_system_ns = system_ns - frame.system_ns;
            event.flags |= flags::CPU_SPLIT;
        }
    }
    if let Some(memory_bytes) = task::resident_bytes() {
        event.memory_bytes = memory_bytes;
        event.flags |= flags::MEMORY;
        if frame.memory_bytes != NO_MEMORY {
            event.memory_delta_bytes = memory_bytes.wrapping_sub(frame.memory_bytes) as i64;
            event.flags |= flags::MEMORY_DELTA;
        }
    }
    if goroutine != NO_GOROUTINE {
        event.detail = goroutine;
        event.flags |= flags::GOROUTINE;
    }
    set_outcome(&mut event, outcome);
    (event.pid, event.tid) = task::ids();
    let recorded = send(&event);
    counters::with_cell(frame.operation, now, |cell| {
        counters::increment(&cell.finished);
        counters::increment(if recorded {
            &cell.recorded
        } else {
            &cell.lost_ring_full
        });
        counters::add(&cell.duration_sum_ns, duration_ns);
        counters::add(&cell.cpu_sum_ns, event.cpu_ns);
        if event.flags & (flags::SUCCESS_KNOWN | flags::SUCCESS) == flags::SUCCESS_KNOWN {
            counters::increment(&cell.failures);
        }
    });
}

/// Fills in the return value and the success by the operation's rule. The success that a marker
/// reports is used only if the rule says so.
#[inline(always)]
fn set_outcome(event: &mut OperationEvent, outcome: Outcome) {
    let Some(rule) = RULES.get(event.operation as u32) else {
        return;
    };
    let (raw, reported) = match outcome {
        Outcome::Returned(raw) => (raw, None),
        Outcome::Reported { value, success } => (ReturnValue::known(value), Some(success)),
    };
    let has_value = rule.width != 0 && raw.is_known;
    if has_value {
        event.return_value = rule.widen(raw.value);
        event.flags |= flags::RETURN;
    }
    let success = match rule.comparison {
        comparison::MARKER => reported,
        comparison::GO_ERROR => Some(raw.value == 0),
        _ if !has_value => None,
        _ => rule.success(event.return_value),
    };
    if let Some(success) = success {
        event.flags |= flags::SUCCESS_KNOWN | if success { flags::SUCCESS } else { 0 };
    }
}

/// Writes an event to the ring; `false` if the ring is full. The recorder reads the ring every few
/// milliseconds and is woken only when the ring fills up.
#[inline(always)]
fn send(event: &OperationEvent) -> bool {
    let Some(mut entry) = EVENTS.reserve::<OperationEvent>(0) else {
        return false;
    };
    entry.write(*event);
    let is_filling_up = EVENTS.query(BPF_RB_AVAIL_DATA as u64) >= setting!(wake_bytes);
    entry.submit(if is_filling_up {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    } as u64);
    true
}
