//! The histogram of durations that the kernel side keeps per operation and interval, in memory that
//! the recorder maps. CPUs share it where there are many: a slice has the operations of some of them.
//! As with the counters, the kernel side only adds, and the recorder reads and clears in one step.

use core::cell::UnsafeCell;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicU32, Ordering};

use crate::histogram::{BUCKETS, LINEAR_BITS};

/// Slots for intervals, used in turn. If the recorder stalls for longer, two intervals share a slot.
pub const SLOTS: u32 = 4;
/// Most bytes of all histograms. With more CPUs and operations several CPUs share a slice.
pub const MOST_BYTES: u32 = 32 << 20;
/// Cells of a histogram: a power of two, so that a mask keeps an index inside.
pub const CELLS: usize = 4096;
/// Groups of cells, each a power of two of values.
pub const GROUPS: usize = CELLS >> LINEAR_BITS;

const _: () = assert!(BUCKETS <= CELLS);

/// A number that both sides access atomically. Rust has no atomics of 32 bits for BPF.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Number(UnsafeCell<u32>);

// SAFETY: it is only accessed atomically.
unsafe impl Sync for Number {}

impl Number {
    /// Its address.
    #[inline(always)]
    pub const fn as_ptr(&self) -> *mut u32 {
        self.0.get()
    }

    #[cfg(target_has_atomic = "64")]
    fn atomic(&self) -> &AtomicU32 {
        // SAFETY: aligned, and nobody accesses it otherwise.
        unsafe { AtomicU32::from_ptr(self.as_ptr()) }
    }
}

/// The durations of one operation in one interval and slice.
#[repr(C)]
#[derive(Debug)]
pub struct DurationCell {
    /// Operations in each group, so that the recorder reads only what has changed.
    pub groups: [Number; GROUPS],
    /// Operations in each bucket of [`histogram`](crate::histogram).
    pub buckets: [Number; CELLS],
}

const _: () = assert!(size_of::<DurationCell>() == 4 * (CELLS + GROUPS));

// Not on BPF's oldest instruction set, which has no compare-and-swap.
#[cfg(target_has_atomic = "64")]
impl DurationCell {
    /// Calls `count` with each bucket that has operations and their number, and sets it to 0.
    pub fn take(&self, mut count: impl FnMut(usize, u32)) {
        for (group, number) in self.groups.iter().enumerate() {
            if number.atomic().load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Before the buckets: an operation that is counted in between is found next time.
            number.atomic().swap(0, Ordering::Relaxed);
            let first = group << LINEAR_BITS;
            for (bucket, number) in (first..).zip(&self.buckets[first..first + (1 << LINEAR_BITS)])
            {
                if number.atomic().load(Ordering::Relaxed) > 0 {
                    count(bucket, number.atomic().swap(0, Ordering::Relaxed));
                }
            }
        }
    }
}

/// Size of the mapped array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Slices; at least one.
    pub slices: u32,
    /// Cells of all slices.
    pub cells: u32,
}

impl Size {
    /// The size for that many CPUs and operations.
    pub const fn of(cpus: u32, operations: u32) -> Self {
        let bytes_of_slice = operations as u64 * SLOTS as u64 * size_of::<DurationCell>() as u64;
        let most = match (MOST_BYTES as u64).checked_div(bytes_of_slice) {
            Some(0) => 1,
            Some(most) => most,
            None => cpus as u64,
        };
        let slices = if most < cpus as u64 {
            most as u32
        } else if cpus > 0 {
            cpus
        } else {
            1
        };
        Self {
            slices,
            cells: cell_index(slices, operations, 0, 0),
        }
    }
}

/// Index of a cell in the mapped array: slice, then operation, then slot.
#[inline(always)]
pub const fn cell_index(slice: u32, operations: u32, operation: u32, interval: u64) -> u32 {
    (slice * operations + operation) * SLOTS + (interval % SLOTS as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::MAX_OPERATIONS;
    use crate::histogram::bucket;
    use std::collections::BTreeMap;

    fn cell() -> Box<DurationCell> {
        // All zeros, as the kernel makes it.
        Box::new(DurationCell {
            groups: [const { Number(UnsafeCell::new(0)) }; GROUPS],
            buckets: [const { Number(UnsafeCell::new(0)) }; CELLS],
        })
    }

    fn add(cell: &DurationCell, value: u64) {
        let bucket = bucket(value);
        cell.buckets[bucket]
            .atomic()
            .fetch_add(1, Ordering::Relaxed);
        cell.groups[bucket >> LINEAR_BITS]
            .atomic()
            .fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn every_operation_is_taken_once() {
        let cell = cell();
        let values = [0, 1, 63, 64, 127, 128, 1_000_000, 1_000_000, u64::MAX];
        let mut expected = BTreeMap::new();
        for value in values {
            add(&cell, value);
            *expected.entry(bucket(value)).or_insert(0) += 1;
        }
        let take = || {
            let mut taken = BTreeMap::new();
            cell.take(|bucket, number| assert_eq!(taken.insert(bucket, number), None));
            taken
        };
        assert_eq!(take(), expected);
        assert_eq!(take(), BTreeMap::new());
        // One that was added to its bucket, and not yet to its group, is taken later.
        cell.buckets[5].atomic().fetch_add(1, Ordering::Relaxed);
        assert_eq!(take(), BTreeMap::new());
        cell.groups[0].atomic().fetch_add(1, Ordering::Relaxed);
        assert_eq!(take(), BTreeMap::from([(5, 1)]));
    }

    #[test]
    fn slices_fit_into_their_memory_and_cpus_have_one_each_while_they_can() {
        for operations in [1, 2, 50, MAX_OPERATIONS as u32] {
            for cpus in [1, 2, 8, 64, 512] {
                let Size { slices, cells } = Size::of(cpus, operations);
                let bytes = u64::from(cells) * size_of::<DurationCell>() as u64;
                assert!((1..=cpus).contains(&slices));
                assert!(
                    bytes <= u64::from(MOST_BYTES),
                    "{operations} {cpus} {bytes}"
                );
            }
            assert_eq!(Size::of(2, operations).slices, 2);
        }
    }
}
