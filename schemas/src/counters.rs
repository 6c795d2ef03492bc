//! The counters that the kernel keeps per operation, interval and CPU, in memory that the recorder maps.
//! The kernel only adds; the recorder takes (atomic swap with 0), so nothing is counted twice or missed.

use core::sync::atomic::AtomicU64;

/// Interval slots in turn: interval `i` counts in slot `i % SLOTS`. A recorder that stalls for longer sees two
/// intervals in one slot; totals stay exact.
pub const SLOTS: u32 = 16;

/// Counts of one operation in one interval on one CPU. Order is part of the wire format.
#[repr(C)]
#[derive(Debug, Default)]
pub struct CounterCell {
    /// Begins seen.
    pub begun: AtomicU64,
    /// Finishes of operations whose begin was seen.
    pub finished: AtomicU64,
    /// Events handed to the ring buffer.
    pub recorded: AtomicU64,
    /// Finished and left out by the operation's own filter rule.
    pub filtered: AtomicU64,
    /// Finished and left out by sampling.
    pub sampled_out: AtomicU64,
    /// Finished, no room in the ring buffer.
    pub lost_ring_full: AtomicU64,
    /// Finished, nested deeper than is followed.
    pub lost_too_deep: AtomicU64,
    /// Begun (and taken as finished), the kernel had no memory to remember the begin.
    pub lost_no_memory: AtomicU64,
    /// Began and can never finish: unwound, longjmp, thread or process ended.
    pub abandoned: AtomicU64,
    /// Finishes without a begin: began before the attach, or in a parent before fork.
    pub unmatched: AtomicU64,
    /// Finished with success known to be false.
    pub failures: AtomicU64,
    /// Sum of durations of finished operations whose begin was kept, ns.
    pub duration_sum_ns: AtomicU64,
    /// Sum of on-CPU time, ns.
    pub cpu_sum_ns: AtomicU64,
    /// Zero; room to grow to 128 bytes.
    pub reserved: [AtomicU64; 3],
}

/// Index of a cell in the mapped array: `cpu` slice, then operation, then slot.
#[inline(always)]
pub const fn cell_index(cpu: u32, operations: u32, operation: u32, interval: u64) -> u32 {
    (cpu * operations + operation) * SLOTS + (interval % SLOTS as u64) as u32
}

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<CounterCell>() == 128);
    assert!(align_of::<CounterCell>() == 8);
    assert!(offset_of!(CounterCell, begun) == 0);
    assert!(offset_of!(CounterCell, finished) == 8);
    assert!(offset_of!(CounterCell, recorded) == 16);
    assert!(offset_of!(CounterCell, filtered) == 24);
    assert!(offset_of!(CounterCell, sampled_out) == 32);
    assert!(offset_of!(CounterCell, lost_ring_full) == 40);
    assert!(offset_of!(CounterCell, lost_too_deep) == 48);
    assert!(offset_of!(CounterCell, lost_no_memory) == 56);
    assert!(offset_of!(CounterCell, abandoned) == 64);
    assert!(offset_of!(CounterCell, unmatched) == 72);
    assert!(offset_of!(CounterCell, failures) == 80);
    assert!(offset_of!(CounterCell, duration_sum_ns) == 88);
    assert!(offset_of!(CounterCell, cpu_sum_ns) == 96);
    assert!(offset_of!(CounterCell, reserved) == 104);
};
