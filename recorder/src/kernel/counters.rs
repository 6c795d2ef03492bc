//! The kernel side's counters, mapped into the recorder: a read that resets one is an atomic swap,
//! not a system call.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use soakbox_schemas::counters::{CounterCell, CounterValues, cell_index};
use soakbox_schemas::durations::{self, DurationCell};
use soakbox_schemas::tables::histogram::SparseHistogram;

use super::mapping::Mapping;

/// The mapped counters of all CPUs, operations and slots.
#[derive(Debug)]
pub struct Counters {
    cells: Mapping<CounterCell>,
    durations: Mapping<DurationCell>,
    unfollowed: Mapping<AtomicU64>,
    cpus: u32,
    slices: u32,
    operations: u32,
}

/// The BPF arrays of counters.
pub(super) struct CounterMaps<'a> {
    pub(super) cells: BorrowedFd<'a>,
    pub(super) durations: BorrowedFd<'a>,
    pub(super) unfollowed: BorrowedFd<'a>,
}

impl Counters {
    /// Maps the memory of the arrays.
    pub(super) fn map(
        maps: &CounterMaps<'_>,
        cpus: u32,
        operations: u32,
        durations: durations::Size,
    ) -> io::Result<Self> {
        Ok(Self {
            cells: Mapping::new(maps.cells, cell_index(cpus, operations, 0, 0))?,
            durations: Mapping::new(maps.durations, durations.cells)?,
            unfollowed: Mapping::new(maps.unfollowed, 1)?,
            cpus,
            slices: durations.slices,
            operations,
        })
    }

    /// Number of operations that are counted.
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// Reads and resets the counters of `operation` in `interval`, summed over all CPUs.
    pub fn take(&self, operation: u32, interval: u64) -> CounterValues {
        let mut sum = CounterValues::default();
        for cpu in 0..self.cpus {
            let index = cell_index(cpu, self.operations, operation, interval);
            sum += self.cells.get(index).take();
        }
        sum
    }

    /// Reads the counters of `operation` in `interval`, summed over all CPUs, and leaves them.
    pub fn read(&self, operation: u32, interval: u64) -> CounterValues {
        let mut sum = CounterValues::default();
        for cpu in 0..self.cpus {
            let index = cell_index(cpu, self.operations, operation, interval);
            sum += self.cells.get(index).read();
        }
        sum
    }

    /// Reads and resets the durations of `operation` in `interval`, of all CPUs.
    pub fn take_durations(&self, operation: u32, interval: u64) -> SparseHistogram {
        let mut counts = Vec::new();
        for slice in 0..self.slices {
            let index = durations::cell_index(slice, self.operations, operation, interval);
            let cell = self.durations.get(index);
            cell.take(|bucket, number| counts.push((bucket, u64::from(number))));
        }
        SparseHistogram::of_buckets(counts)
    }

    /// Reads and resets the number of processes that were not followed because the map was full.
    pub fn take_unfollowed(&self) -> u64 {
        self.unfollowed.get(0).swap(0, Ordering::Relaxed)
    }
}
