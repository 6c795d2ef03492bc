//! Begin and finish: pairs them, measures what lies between, counts, and hands finished operations to the ring.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use soakbox_schemas::control::{Cookie, MAX_OPERATIONS, OperationRule, comparison, mode};
use soakbox_schemas::event::{OperationEvent, flags};

use crate::frames::Frame;
use crate::in_flight::{self, Key};
use crate::settings::setting;
use crate::stacks::{FUNCTIONS, MARKERS, leave_all_beyond, make_room, unwind};
use crate::task::{self, THREADS, Thread};
use crate::{counters, lifetime};

/// Finished operations. The recorder sets its size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
#[map]
static RULES: Array<OperationRule> = Array::with_max_entries(MAX_OPERATIONS as u32, 0);

const NO_MEMORY: u64 = u64::MAX;

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
        mode: cookie.mode,
        begun_ns: task::now(),
    }
}

/// A begin that could not be remembered: it is taken as finished and lost, and its finish will be unmatched.
#[inline(always)]
fn lose_begin(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::one(&cell.begun);
        counters::one(&cell.finished);
        counters::one(&cell.lost_no_memory);
    });
}

#[inline(always)]
fn count_begin(operation: u16, now: u64) {
    counters::with_cell(operation, now, |cell| counters::one(&cell.begun));
}

/// The current thread, where its operations are wanted and it can be remembered.
#[inline(always)]
fn beginning_thread(operation: u16) -> Option<&'static mut Thread> {
    let Some(thread) = THREADS.get_or_create() else {
        if lifetime::is_followed(None) {
            lose_begin(operation);
        }
        return None;
    };
    if lifetime::is_followed(Some(thread)) {
        Some(thread)
    } else {
        None
    }
}

pub fn begin_function(cookie: Cookie, stack_pointer: u64) {
    let entry = stack_pointer.wrapping_add_signed(cookie.stack_delta as i64);
    let Some(thread) = beginning_thread(cookie.operation) else {
        return;
    };
    if cookie.mode & mode::EQUAL_ONLY != 0 {
        let frame = frame(cookie, entry, thread.off_cpu_ns);
        return begin_keyed(thread, &Key::stack(entry), &frame);
    }
    let Some(frames) = FUNCTIONS.get_or_create() else {
        return lose_begin(cookie.operation);
    };
    // What began at or below this stack pointer has been left without a finish.
    unwind(frames, entry.wrapping_add(1));
    let frame = frame(cookie, entry, thread.off_cpu_ns);
    count_begin(cookie.operation, frame.begun_ns);
    frames.push(&frame);
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
        return lose_begin(cookie.operation);
    };
    count_begin(cookie.operation, frame.begun_ns);
    make_room(frames, stack_pointer);
    frames.push(&frame);
}

/// The shortest time between two searches of a full map by one thread.
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
                    counters::one(&cell.abandoned)
                });
            }
        }
        Err(()) => lose_begin(frame.operation),
    }
}

/// The current thread's off-CPU time so far; `None` where its operations are not wanted.
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

pub fn finish_function(cookie: Cookie, entry: u64, returned: u64) {
    let operation = cookie.operation;
    let Some(off_cpu_ns) = finishing_thread() else {
        return;
    };
    let found = if cookie.mode & mode::EQUAL_ONLY != 0 {
        in_flight::take(&Key::stack(entry), operation)
    } else {
        match take_ordered(operation, entry) {
            Ordered::Found(frame) => Some(frame),
            Ordered::Beyond => return count_beyond(operation),
            Ordered::Unmatched => None,
        }
    };
    match found {
        Some(frame) => finish(&frame, off_cpu_ns, Outcome::Returned(returned)),
        None => count_unmatched(operation),
    }
}

enum Ordered {
    Found(Frame),
    Beyond,
    Unmatched,
}

#[inline(always)]
fn take_ordered(operation: u16, entry: u64) -> Ordered {
    let Some(frames) = FUNCTIONS.get() else {
        return Ordered::Unmatched;
    };
    unwind(frames, entry);
    match frames.top().copied() {
        Some(top) if top.stack_pointer == entry => {
            if top.operation != operation {
                return Ordered::Unmatched;
            }
            if frames.beyond != 0 {
                leave_all_beyond(frames, top.mode);
            }
            frames.pop();
            Ordered::Found(top)
        }
        _ if frames.finish_beyond(operation) => Ordered::Beyond,
        _ => Ordered::Unmatched,
    }
}

pub fn finish_marker(cookie: Cookie, token: u64, value: u64, success: bool) {
    let operation = cookie.operation;
    let Some(off_cpu_ns) = finishing_thread() else {
        return;
    };
    let outcome = Outcome::Told { value, success };
    if token != 0 {
        return match in_flight::take(&Key::token(operation, token), operation) {
            Some(frame) => finish(&frame, off_cpu_ns, outcome),
            None => count_unmatched(operation),
        };
    }
    let Some(frames) = MARKERS.get() else {
        return count_unmatched(operation);
    };
    // Last in, first out: what is beyond the followed depth began last.
    if frames.finish_beyond(operation) {
        return count_beyond(operation);
    }
    match frames.take_latest(operation) {
        Some(frame) => finish(&frame, off_cpu_ns, outcome),
        None => count_unmatched(operation),
    }
}

#[inline(always)]
fn count_unmatched(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::one(&cell.unmatched)
    });
}

#[inline(always)]
fn count_beyond(operation: u16) {
    counters::with_cell(operation, task::now(), |cell| {
        counters::one(&cell.finished);
        counters::one(&cell.lost_too_deep);
    });
}

/// What is known of how an operation ended.
enum Outcome {
    /// A function returned this.
    Returned(u64),
    /// A marker said so.
    Told { value: u64, success: bool },
}

#[inline(always)]
fn finish(frame: &Frame, off_cpu_ns: u64, outcome: Outcome) {
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
    judge(&mut event, outcome);
    (event.pid, event.tid) = task::ids();
    let recorded = send(&event);
    counters::with_cell(frame.operation, now, |cell| {
        counters::one(&cell.finished);
        counters::one(if recorded {
            &cell.recorded
        } else {
            &cell.lost_ring_full
        });
        counters::add(&cell.duration_sum_ns, duration_ns);
        counters::add(&cell.cpu_sum_ns, event.cpu_ns);
        if event.flags & (flags::SUCCESS_KNOWN | flags::SUCCESS) == flags::SUCCESS_KNOWN {
            counters::one(&cell.failures);
        }
    });
}

/// Fills in the return value and the success, by the operation's rule; a marker's own success only where no rule is
/// written for its value.
#[inline(always)]
fn judge(event: &mut OperationEvent, outcome: Outcome) {
    let Some(rule) = RULES.get(event.operation as u32) else {
        return;
    };
    let (raw, told) = match outcome {
        Outcome::Returned(raw) => (raw, None),
        Outcome::Told { value, success } => (value, Some(success)),
    };
    if rule.width != 0 {
        event.return_value = rule.widen(raw);
        event.flags |= flags::RETURN;
    }
    let success = match rule.comparison {
        comparison::MARKER => told,
        _ if rule.width == 0 => None,
        _ => rule.success(event.return_value),
    };
    if let Some(success) = success {
        event.flags |= flags::SUCCESS_KNOWN | if success { flags::SUCCESS } else { 0 };
    }
}

/// Hands an event to the ring without waking the recorder, which looks every few milliseconds, unless the ring is
/// half full.
#[inline(always)]
fn send(event: &OperationEvent) -> bool {
    let Some(mut entry) = EVENTS.reserve::<OperationEvent>(0) else {
        return false;
    };
    entry.write(*event);
    let crowded = EVENTS.query(BPF_RB_AVAIL_DATA as u64) >= setting!(wake_bytes);
    entry.submit(if crowded {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    } as u64);
    true
}
