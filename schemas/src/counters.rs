//! The counters that the kernel side keeps per operation, interval and CPU, in memory that the
//! recorder maps. Each is declared once, here, with its name and meaning. The kernel side only
//! adds; the recorder reads and clears a counter in one step (an atomic swap with 0), so that
//! nothing is counted twice or missed.

use core::ops::AddAssign;
use core::sync::atomic::AtomicU64;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::Ordering;

/// Slots for intervals, used in turn: interval `i` counts in slot `i % SLOTS`. If the recorder
/// stalls for longer, two intervals share a slot; totals stay exact.
pub const SLOTS: u32 = 16;

/// Number of counters that fit into a cell: 128 bytes, two cache lines.
const CELL_WORDS: usize = 16;

/// Calls the macro `$use` with every counter, `#[doc] name,` each, in the order of the cell. A
/// counter whose name begins with `lost_` is a cause of loss.
macro_rules! for_each_counter {
    ($use:ident) => {
        $use! {
            /// Begins that were observed.
            begun,
            /// Operations that finished while observed: their begin was observed too.
            finished,
            /// Finished operations whose event was sent to the recorder.
            recorded,
            /// Finished operations that the operation's filter left out.
            filtered,
            /// Finished operations that sampling left out.
            sampled_out,
            /// Finished operations without an event, because the ring buffer had no room.
            lost_ring_full,
            /// Finished operations without an event, because they were nested deeper than the
            /// kernel side follows.
            lost_too_deep,
            /// Operations whose begin the kernel had no memory to store. They are counted as
            /// finished when they begin, because their finish cannot be recognised.
            lost_no_memory,
            /// Finished operations without an event, because their probes were switched off before
            /// the finish. They are counted when the kernel side finds that they are over.
            lost_switched_off,
            /// Operations that began and can never finish: unwound, longjmp, end of the thread or
            /// process.
            abandoned,
            /// Finishes whose begin is not stored, not part of `finished`: it came before the
            /// attach, or in the parent before a fork, or is counted in `lost_no_memory`.
            unmatched,
            /// Begins in time off, before their probes were gone: in no other counter.
            begun_unobserved,
            /// Finishes whose begin was in time off, in no other counter; and all whose begin is not
            /// known, once the probes have been off.
            finished_unobserved,
            /// Finished operations whose success is known to be false.
            failures,
            /// Sum of the durations of finished operations, ns, without those whose begin was not
            /// kept.
            duration_sum_ns,
            /// Sum of the on-CPU times of the same operations, ns.
            cpu_sum_ns,
        }
    };
}
#[cfg(feature = "arrow")]
pub(crate) use for_each_counter;

/// Reads a counter and sets it to 0. Most of a cell are 0, and stay as they are: a swap takes the cache line
/// from the CPU that counts.
#[cfg(target_has_atomic = "64")]
fn take(counter: &AtomicU64) -> u64 {
    match counter.load(Ordering::Relaxed) {
        0 => 0,
        _ => counter.swap(0, Ordering::Relaxed),
    }
}

macro_rules! declare {
    ($($(#[doc = $doc:literal])+ $counter:ident,)*) => {
        /// The counters of one operation in one interval on one CPU, as the kernel side and the
        /// recorder share them.
        #[repr(C)]
        #[derive(Debug, Default)]
        pub struct CounterCell {
            $($(#[doc = $doc])+ pub $counter: AtomicU64,)*
            /// Zero; space for future counters.
            pub reserved: [AtomicU64; CELL_WORDS - COUNTERS.len()],
        }

        /// The counts of one operation since the counters were last read.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues {
            $($(#[doc = $doc])+ pub $counter: u64,)*
        }

        /// Every counter, in the order of the cell.
        pub const COUNTERS: &[Counter] = &[
            $(Counter { name: stringify!($counter), doc: concat!($($doc),+).trim_ascii() },)*
        ];

        // Not on BPF's oldest instruction set, which has no compare-and-swap.
        #[cfg(target_has_atomic = "64")]
        impl CounterCell {
            /// Reads every counter, and leaves it.
            pub fn read(&self) -> CounterValues {
                CounterValues { $($counter: self.$counter.load(Ordering::Relaxed),)* }
            }

            /// Reads every counter and sets it to 0.
            pub fn take(&self) -> CounterValues {
                CounterValues { $($counter: take(&self.$counter),)* }
            }
        }

        impl CounterValues {
            /// Calls `value` with the name of each counter.
            ///
            /// # Errors
            /// The first error of `value`.
            pub fn from_names<E>(
                mut value: impl FnMut(&'static str) -> Result<u64, E>,
            ) -> Result<Self, E> {
                Ok(Self { $($counter: value(stringify!($counter))?,)* })
            }

            /// Each counter's name and value, in the order of [`COUNTERS`].
            pub fn by_name(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($counter), self.$counter),)*].into_iter()
            }
        }

        impl AddAssign for CounterValues {
            fn add_assign(&mut self, more: Self) {
                $(self.$counter += more.$counter;)*
            }
        }

        // Numbers without padding between them: the same bytes on both sides.
        const _: () = {
            let mut next = 0;
            $(
                assert!(core::mem::offset_of!(CounterCell, $counter) == next);
                next += 8;
            )*
            assert!(core::mem::offset_of!(CounterCell, reserved) == next);
            assert!(size_of::<CounterCell>() == 8 * CELL_WORDS);
        };
    };
}

for_each_counter!(declare);

/// The declaration of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Name of the field, of the column of `operation_metrics`, and in answers.
    pub name: &'static str,
    /// Meaning, in sentences, with the unit where it is not a number of operations.
    pub doc: &'static str,
}

impl Counter {
    /// The cause, if this counter counts losses: `ring_full` of `lost_ring_full`.
    pub fn loss_cause(&self) -> Option<&'static str> {
        self.name.strip_prefix("lost_")
    }
}

/// Index of a cell in the mapped array: `cpu` slice, then operation, then slot.
#[inline(always)]
pub const fn cell_index(cpu: u32, operations: u32, operation: u32, interval: u64) -> u32 {
    (cpu * operations + operation) * SLOTS + (interval % SLOTS as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A different value for each counter: its position, from 1.
    fn position(name: &str) -> Result<u64, String> {
        let found = COUNTERS.iter().position(|counter| counter.name == name);
        found.map(|at| at as u64 + 1).ok_or_else(|| name.to_owned())
    }

    #[test]
    fn each_counter_of_a_cell_arrives_under_its_own_name() {
        let cell = CounterCell::default();
        let start = (&raw const cell).cast::<AtomicU64>();
        for (at, counter) in COUNTERS.iter().enumerate() {
            // As the kernel side writes it: a number at its position in the cell.
            unsafe { &*start.add(at) }.store(position(counter.name).unwrap(), Ordering::Relaxed);
        }
        let mut values = cell.take();
        assert_eq!(values, CounterValues::from_names(position).unwrap());
        for (name, value) in values.by_name() {
            assert_eq!(Ok(value), position(name), "{name}");
        }
        assert_eq!(cell.take(), CounterValues::default(), "cleared");
        values += values;
        for (name, value) in values.by_name() {
            assert_eq!(Ok(value / 2), position(name), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_each_has_its_meaning() {
        for (at, counter) in COUNTERS.iter().enumerate() {
            assert!(counter.doc.trim_end().ends_with('.'), "{}", counter.doc);
            assert!(
                COUNTERS[..at]
                    .iter()
                    .all(|other| other.name != counter.name)
            );
        }
        let causes: Vec<_> = COUNTERS.iter().filter_map(Counter::loss_cause).collect();
        assert_eq!(
            causes,
            ["ring_full", "too_deep", "no_memory", "switched_off"]
        );
    }
}
