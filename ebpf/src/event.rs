//! The event of an operation that has finished: measures it, reads its outcome by the operation's rule,
//! sends it to the ring and counts it.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_prandom_u32;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use soakbox_schemas::control::{MAX_OPERATIONS, OperationRule, comparison};
use soakbox_schemas::event::{OperationEvent, flags};

use crate::frames::Frame;
use crate::settings::setting;
use crate::switching::{self, Watched};
use crate::{counters, durations, task};

/// The ring of finished operations; the recorder sets its size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
#[map]
static RULES: Array<OperationRule> = Array::with_max_entries(MAX_OPERATIONS as u32, 0);

/// [`Frame::memory_bytes`] where it could not be read.
pub const NO_MEMORY: u64 = u64::MAX;
/// The runtime counts the ids of goroutines from 1.
pub const NO_GOROUTINE: u64 = 0;
/// [`Frame::thread`] where a finish on the same thread means nothing.
pub const NO_THREAD: u32 = 0;

/// The register for results that the operation's rule reads, by its place among them.
#[inline(always)]
pub fn result_register(operation: u16) -> u32 {
    match RULES.get(operation as u32) {
        Some(rule) => rule.register,
        None => 0,
    }
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
pub enum Outcome {
    /// A function returned this.
    Returned(ReturnValue),
    /// A marker reported these.
    Reported { value: u64, success: bool },
}

/// The finish of the operation that began with `frame`, on that goroutine.
#[inline(always)]
pub fn finish_of(frame: &Frame, off_cpu_ns: u64, outcome: Outcome, goroutine: u64) {
    let now = task::now();
    match switching::watched(frame.operation, frame.begun_ns) {
        Watched::Always => {}
        // It may be the finish of a later one, whose begin was not seen.
        Watched::ToItsMiddle => return switching::count_left(frame.operation, frame.begun_ns, now),
        Watched::Never => return count_unobserved(frame.operation, now),
    }
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
    let rule = RULES.get(event.operation as u32);
    if let Some(rule) = rule {
        set_outcome(&mut event, rule, outcome);
    }
    durations::count(frame.operation, now, duration_ns);
    let fate = fate(&mut event, rule);
    counters::with_cell(frame.operation, now, |cell| {
        counters::increment(&cell.finished);
        counters::increment(match fate {
            Fate::Recorded => &cell.recorded,
            Fate::Filtered => &cell.filtered,
            Fate::SampledOut => &cell.sampled_out,
            Fate::RingFull => &cell.lost_ring_full,
        });
        counters::add(&cell.duration_sum_ns, duration_ns);
        counters::add(&cell.cpu_sum_ns, event.cpu_ns);
        if has_failed(&event) {
            counters::increment(&cell.failures);
        }
    });
}

/// Counts a finish of an operation that began in time off.
#[inline(always)]
pub fn count_unobserved(operation: u16, now: u64) {
    counters::with_cell(operation, now, |cell| {
        counters::increment(&cell.finished_unobserved)
    });
}

#[inline(always)]
fn has_failed(event: &OperationEvent) -> bool {
    event.flags & (flags::SUCCESS_KNOWN | flags::SUCCESS) == flags::SUCCESS_KNOWN
}

/// What becomes of a finished operation.
enum Fate {
    Recorded,
    Filtered,
    SampledOut,
    RingFull,
}

/// Sends the event, unless the operation's filter or sampling leaves it out. Each event is sampled by
/// a random number of its own: a counter would always choose the same part of a load that repeats.
#[inline(always)]
fn fate(event: &mut OperationEvent, rule: Option<&OperationRule>) -> Fate {
    if let Some(rule) = rule {
        if rule.filters(event.duration_ns, has_failed(event)) {
            return Fate::Filtered;
        }
        if rule.sample_one_in > 1 && !rule.chooses(unsafe { bpf_get_prandom_u32() }) {
            return Fate::SampledOut;
        }
    }
    (event.pid, event.tid) = task::ids();
    if send(event) {
        Fate::Recorded
    } else {
        Fate::RingFull
    }
}

/// Fills in the return value and the success by the operation's rule. The success that a marker
/// reports is used only if the rule says so.
#[inline(always)]
fn set_outcome(event: &mut OperationEvent, rule: &OperationRule, outcome: Outcome) {
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
