//! Histograms of the durations of finished operations, per operation and interval. They are only
//! added to, and atomically, as the counters are.

use core::hint::black_box;
use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use soakbox_schemas::durations::{CELLS, DurationCell, Number, cell_index};
use soakbox_schemas::histogram::{LINEAR_BITS, bucket};

use crate::counters::interval;
use crate::settings::setting;

/// One slice per CPU, or per several of them; see `soakbox_schemas::durations`. The recorder sets
/// its size.
#[map]
static DURATIONS: Array<DurationCell> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Counts the duration of an operation that finished at `now_ns`.
#[inline(always)]
pub fn count(operation: u16, now_ns: u64, duration_ns: u64) {
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let slice = cpu.checked_rem(setting!(duration_slices)).unwrap_or(0);
    let operations = setting!(operations);
    let index = cell_index(slice, operations, operation as u32, interval(now_ns));
    let Some(cell) = DURATIONS.get(index) else {
        return;
    };
    // The compiler knows that the bucket is inside and would leave the mask out, by which the
    // verifier knows it.
    let bucket = black_box(bucket(duration_ns)) & (CELLS - 1);
    increment(&cell.buckets[bucket]);
    increment(&cell.groups[bucket >> LINEAR_BITS]);
}

#[inline(always)]
fn increment(number: &Number) {
    unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::Relaxed }>(number.as_ptr(), 1) };
}
