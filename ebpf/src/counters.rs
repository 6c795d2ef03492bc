//! Counts per operation, interval and CPU. Counters are only added to, and atomically, because one
//! probe may preempt another on the same CPU.

use core::intrinsics::{AtomicOrdering, atomic_xadd};
use core::sync::atomic::AtomicU64;

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use soakbox_schemas::counters::{CounterCell, cell_index};

use crate::settings::setting;

/// One slice per CPU; see `soakbox_schemas::counters`. The recorder sets its size.
#[map]
static COUNTERS: Array<CounterCell> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The interval that contains a moment of the boot clock.
#[inline(always)]
pub fn interval(now_ns: u64) -> u64 {
    now_ns.checked_div(setting!(interval_ns)).unwrap_or(0)
}

/// Calls `count` with the cell of `operation` at `now_ns` on this CPU.
#[inline(always)]
pub fn with_cell(operation: u16, now_ns: u64, count: impl FnOnce(&CounterCell)) {
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let operations = setting!(operations);
    let index = cell_index(cpu, operations, operation as u32, interval(now_ns));
    if let Some(cell) = COUNTERS.get(index) {
        count(cell);
    }
}

/// Adds atomically. `AtomicU64::fetch_add` needs a target with compare-and-swap; the oldest
/// instruction set of BPF has none, but it has atomic addition, which this intrinsic uses.
#[inline(always)]
pub fn add(counter: &AtomicU64, amount: u64) {
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter.as_ptr(), amount) };
}

#[inline(always)]
pub fn increment(counter: &AtomicU64) {
    add(counter, 1);
}

#[inline(always)]
pub fn decrement(counter: &AtomicU64) {
    add(counter, 1u64.wrapping_neg());
}
