//! The kernel side's counters, mapped into the recorder: taking them is an atomic swap, not a system call.

use std::ops::AddAssign;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use aya::maps::Map;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use soakbox_schemas::counters::{CounterCell, cell_index};

/// The counters of a cell, named once: as plain numbers, how they are taken, and how they add up.
macro_rules! counter_values {
    ($($counter:ident),* $(,)?) => {
        /// What was counted of one operation since it was last taken. Fields as in [`CounterCell`].
        #[allow(
            missing_docs,
            reason = "documented in soakbox_schemas::counters::CounterCell"
        )]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues {
            $(pub $counter: u64,)*
        }

        impl CounterValues {
            fn take(cell: &CounterCell) -> Self {
                Self { $($counter: cell.$counter.swap(0, Ordering::Relaxed),)* }
            }
        }

        impl AddAssign for CounterValues {
            fn add_assign(&mut self, more: Self) {
                $(self.$counter += more.$counter;)*
            }
        }
    };
}

counter_values! {
    begun,
    finished,
    recorded,
    filtered,
    sampled_out,
    lost_ring_full,
    lost_too_deep,
    lost_no_memory,
    abandoned,
    unmatched,
    failures,
    duration_sum_ns,
    cpu_sum_ns,
}

/// The mapped counters of all CPUs, operations and slots.
#[derive(Debug)]
pub struct Counters {
    cells: NonNull<CounterCell>,
    bytes: usize,
    cpus: u32,
    operations: u32,
}

// SAFETY: the mapping is shared memory of atomics; it moves with its owner.
unsafe impl Send for Counters {}

impl Counters {
    /// Maps the array behind `map`.
    pub(super) fn map(map: &Map, cpus: u32, operations: u32) -> Result<Self, String> {
        let Map::Array(data) = map else {
            return Err("not an array".to_owned());
        };
        let count = cell_index(cpus, operations, 0, 0) as usize;
        let bytes = (count * size_of::<CounterCell>()).next_multiple_of(rustix::param::page_size());
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping of a map that has at least `count` cells.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                protection,
                MapFlags::SHARED,
                data.fd(),
                0,
            )
        };
        let start = start.map_err(|error| error.to_string())?;
        let cells = NonNull::new(start.cast()).ok_or("mapped at address 0")?;
        Ok(Self {
            cells,
            bytes,
            cpus,
            operations,
        })
    }

    /// Takes what was counted of `operation` in `interval`, over all CPUs.
    pub fn take(&self, operation: u32, interval: u64) -> CounterValues {
        let mut sum = CounterValues::default();
        for cpu in 0..self.cpus {
            let index = cell_index(cpu, self.operations, operation, interval) as usize;
            // SAFETY: within the mapping by construction; the kernel side only adds, atomically.
            sum += CounterValues::take(unsafe { self.cells.add(index).as_ref() });
        }
        sum
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: our own mapping; nothing borrows from it.
        let _ = unsafe { munmap(self.cells.as_ptr().cast(), self.bytes) };
    }
}
