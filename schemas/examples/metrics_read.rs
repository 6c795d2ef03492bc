//! Measures what it costs to read the kernel side's counts and durations of one interval, for hosts of
//! several numbers of CPUs, in the memory that they would have. Prints one JSON line per host.
//!
//!     cargo run --release -p soakbox-schemas --example metrics_read
//!
//! An interval is a second, so that a read of 5 ms takes 0.5% of a core. `idle`: nothing has changed.
//! `busy`: each operation ran on each CPU, with durations from a tenth of the median to ten times the
//! median. `worst`: each bucket of each histogram has changed, which takes a duration of every length
//! from 1 ns to centuries in each of them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use soakbox_schemas::counters::{self, CounterCell, CounterValues};
use soakbox_schemas::durations::{self, DurationCell, Number, Size};
use soakbox_schemas::histogram::{BUCKETS, LINEAR_BITS, bucket};
use soakbox_schemas::tables::histogram::SparseHistogram;

const OPERATIONS: u32 = 50;
const HOSTS: [u32; 4] = [2, 8, 64, 256];
const ROUNDS: usize = 20;
const MEDIAN_NS: u64 = 100_000;

/// The memory that the kernel side and the recorder share, of a host.
struct Shared {
    counters: Vec<CounterCell>,
    durations: Vec<DurationCell>,
    cpus: u32,
    slices: u32,
}

impl Shared {
    fn of(cpus: u32) -> Self {
        let size = Size::of(cpus, OPERATIONS);
        let cells = counters::cell_index(cpus, OPERATIONS, 0, 0);
        Self {
            counters: (0..cells).map(|_| CounterCell::default()).collect(),
            durations: (0..size.cells)
                .map(|_| DurationCell {
                    groups: std::array::from_fn(|_| Number::default()),
                    buckets: std::array::from_fn(|_| Number::default()),
                })
                .collect(),
            cpus,
            slices: size.slices,
        }
    }

    /// Counts one operation in these buckets, by each operation on each CPU.
    fn fill(&self, buckets: std::ops::Range<usize>, interval: u64) {
        for operation in 0..OPERATIONS {
            for cpu in 0..self.cpus {
                let index = counters::cell_index(cpu, OPERATIONS, operation, interval);
                let cell = &self.counters[index as usize];
                for counter in [&cell.begun, &cell.finished, &cell.recorded] {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                cell.duration_sum_ns.fetch_add(MEDIAN_NS, Ordering::Relaxed);
                cell.cpu_sum_ns.fetch_add(MEDIAN_NS, Ordering::Relaxed);
            }
            for slice in 0..self.slices {
                let index = durations::cell_index(slice, OPERATIONS, operation, interval);
                let cell = &self.durations[index as usize];
                for bucket in buckets.clone() {
                    add_one(&cell.buckets[bucket]);
                    add_one(&cell.groups[bucket >> LINEAR_BITS]);
                }
            }
        }
    }

    /// Reads and resets an interval as the recorder does. Returns how many operations it found.
    fn read(&self, interval: u64) -> u64 {
        let mut found = 0;
        for operation in 0..OPERATIONS {
            let mut sum = CounterValues::default();
            for cpu in 0..self.cpus {
                let index = counters::cell_index(cpu, OPERATIONS, operation, interval);
                sum += self.counters[index as usize].take();
            }
            let mut counts = Vec::new();
            for slice in 0..self.slices {
                let index = durations::cell_index(slice, OPERATIONS, operation, interval);
                self.durations[index as usize]
                    .take(|bucket, number| counts.push((bucket, u64::from(number))));
            }
            found += sum.finished + SparseHistogram::of_buckets(counts).total();
        }
        found
    }

    /// The fastest read of an interval, in ms: other load on the machine only adds time.
    fn read_ms(&self, buckets: std::ops::Range<usize>) -> f64 {
        let mut fastest = f64::INFINITY;
        let is_idle = buckets.is_empty();
        for round in 0..ROUNDS as u64 {
            if !is_idle {
                self.fill(buckets.clone(), round);
            }
            let start = Instant::now();
            let found = self.read(round);
            fastest = fastest.min(start.elapsed().as_secs_f64() * 1e3);
            assert_eq!(found > 0, !is_idle, "what was counted is found");
        }
        fastest
    }
}

fn add_one(number: &Number) {
    // SAFETY: aligned, and accessed atomically only.
    unsafe { AtomicU32::from_ptr(number.as_ptr()) }.fetch_add(1, Ordering::Relaxed);
}

fn main() {
    for cpus in HOSTS {
        let shared = Shared::of(cpus);
        let usual = bucket(MEDIAN_NS / 10)..bucket(MEDIAN_NS * 10);
        let [idle, busy, worst] = [0..0, usual, 0..BUCKETS].map(|range| shared.read_ms(range));
        let slices = shared.slices;
        println!(
            r#"{{"schema":"soakbox.metrics_read/1","cpus":{cpus},"operations":{OPERATIONS},"slices":{slices},"idle_ms":{idle:.3},"busy_ms":{busy:.3},"worst_ms":{worst:.3}}}"#
        );
    }
}
