//! `operation_metrics`: one row per operation and interval, from counters kept in the kernel.

use super::kind::{Count, Histogram, Number, Optional, Time, Word};
use crate::counters::{CounterValues, for_each_counter};

table! {
    /// One row per operation and interval: the kernel's counts in this interval. Only `in_flight`
    /// and `oldest_in_flight_ns` are different: they are about the end of the interval.
    /// `duration_overhead_ns` is the same in all rows of a run. An operation can have several
    /// rows for an interval, because counts that were read late get a row of their own: add them
    /// up. finished = recorded + filtered + sampled_out + lost.
    "operation_metrics";
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct OperationMetrics, OperationMetricsBuilder {
        /// Start of the interval.
        pub at_ns as at: Time, "ns", "recorder: boot clock of the interval's start and its distance to UTC";
        /// The interval: boot clock divided by the interval's length, rounded down. Comparable
        /// within the run of one recorder only; the same number as in `operation_log`.
        pub interval: Count, "", "kernel: boot clock";
        /// Name of the operation.
        pub operation: Word, "", "configuration: `--op NAME=…`";
        /// Code of the operation, 0 where none was given.
        pub operation_type: Number, "", "configuration: rule `type=`";
        /// Operations that began while observed.
        pub begun: Count, "operations", "kernel counter";
        /// Operations that finished while observed.
        pub finished: Count, "operations", "kernel counter";
        /// Finished operations that were sent to the recorder, which writes a row in
        /// `operation_log` for each.
        pub recorded: Count, "operations", "kernel counter";
        /// Finished operations that have no row because they were too short or did not fail
        /// (`--min-duration`, `--only-failures`, and the rules `min=` and `only=`).
        pub filtered: Count, "operations", "kernel counter";
        /// Finished operations that have no row because sampling did not choose them
        /// (`--sample`, and the rule `sample=`); the rows stand for them (`sample_weight`).
        pub sampled_out: Count, "operations", "kernel counter";
        /// Finished operations without a row: the sum of the causes that follow.
        fn lost: Count, "operations", "sum of the `lost_` columns";
        /// Lost because the ring buffer was full.
        pub lost_ring_full: Count, "operations", "kernel counter";
        /// Lost because more operations were nested than are followed.
        pub lost_too_deep: Count, "operations", "kernel counter";
        /// Lost because the kernel had no place to keep the begin: no memory, or the limit
        /// `in_flight` was reached.
        pub lost_no_memory: Count, "operations", "kernel counter";
        /// Lost because the probes were switched off before the finish (`--max-overhead`). Whether
        /// such an operation returned or was left is not known. It is counted when it is known to be
        /// over: a later one begins in its place, or its process ends.
        pub lost_switched_off: Count, "operations", "kernel counter", since 5;
        /// Lost because the recorder could not write the row (disk full, I/O error).
        pub lost_write: Count, "operations", "recorder", reserved "always 0";
        /// Operations that began and can never finish: unwound, left by longjmp, or their thread or
        /// process ended.
        pub abandoned: Count, "operations", "kernel counter";
        /// Finishes whose begin is not known, because it came before the probes were attached, or
        /// in the parent before a fork, or is counted in `lost_no_memory`; not part of `finished`.
        pub unmatched: Count, "operations", "kernel counter";
        /// Begins that ran a probe in time off (`unobserved_ns`), before it was removed. Such an
        /// operation is in no other count, and has no row.
        pub begun_unobserved: Count, "operations", "kernel counter", since 5;
        /// Finishes of operations that began in time off, not part of `finished`. Once the probes
        /// have been off, those of `unmatched` are here too.
        pub finished_unobserved: Count, "operations", "kernel counter", since 5;
        /// Operations that had begun and were neither finished nor abandoned at the interval's end.
        pub in_flight: Number, "operations", "recorder: running sum of begun − finished − abandoned";
        /// Finished operations that are known to have failed.
        pub failures: Count, "operations", "kernel counter";
        /// Sum of the durations of finished operations.
        pub duration_sum_ns: Count, "ns", "kernel counter";
        /// Sum of the times that finished operations were on a CPU; 0 where this was not measured.
        pub cpu_sum_ns: Count, "ns", "kernel counter";
        /// Durations of finished operations as a histogram, also of those without a row, but for
        /// those whose begin was not kept (`lost_too_deep`, `lost_no_memory`). Null in a row with
        /// counts that were read late.
        pub durations_ns: Optional<Histogram>, "ns", "kernel histogram", since 2;
        /// Age at the interval's end of the oldest operation that was in flight then and still is
        /// when the recorder looks, a few ms later. It counts until an operation finishes or is
        /// known to be abandoned, and with the time that the host was suspended. Null where none
        /// was in flight, in a row with counts that were read late, and where the operation is not
        /// seen: its begin was not kept (nested too deep), its process is not in the recorder's PID
        /// namespace, or this kernel does not let the recorder look (then a note in `annotations`
        /// has the reason).
        pub oldest_in_flight_ns: Optional<Count>, "ns", "kernel: boot clock", since 3;
        /// Time that the operation's probes took from the observed threads: probes that ran, times
        /// what one costs on this host, measured before the start on a function of the recorder
        /// itself. Without the cost of context switches, and of probes at jumps that turned out not
        /// to leave. Null where the costs could not be measured.
        pub probe_cost_ns: Optional<Count>, "ns", "kernel counter; recorder: measured costs", since 4;
        /// The part of each duration that comes from the operation's own two probes, measured in the
        /// same way: `duration_ns` less this is the corrected duration. Operations that began and
        /// finished inside add the whole cost of their probes to it. Null where it could not be
        /// measured.
        pub duration_overhead_ns: Optional<Count>, "ns", "recorder: measured costs", since 4;
        /// The part of the interval in which operations that began were counted and got rows; after a
        /// stall, with that of the intervals whose counts are in later ones. Null without
        /// `--max-overhead`, and in a row with counts that were read late.
        pub observed_ns: Optional<Count>, "ns", "recorder", since 5;
        /// The part in which the operation's probes were switched off to hold `--max-overhead`: no
        /// operation that began in it is counted or has a row; after a stall as for `observed_ns`.
        /// Null where `observed_ns` is.
        pub unobserved_ns: Optional<Count>, "ns", "recorder", since 5;
        /// The time that `observed_ns` stands for: the cycles of which it is the part that was chosen
        /// at random. `begun` × `represented_ns` ÷ `observed_ns`, summed over intervals, is about how
        /// many operations there were (in SQL, divide by `nullif(observed_ns, 0)`: intervals without
        /// observed time add nothing). Null where `observed_ns` is.
        pub represented_ns: Optional<Count>, "ns", "recorder", since 5;
    }
}

macro_rules! from_counters {
    ($($(#[$doc:meta])+ $counter:ident,)*) => {
        /// Each counter is the column of its name; the other columns keep their defaults.
        impl From<CounterValues> for OperationMetrics {
            fn from(counted: CounterValues) -> Self {
                Self { $($counter: counted.$counter,)* ..Self::default() }
            }
        }
    };
}

for_each_counter!(from_counters);

/// Causes of loss, in the order of their columns `lost_CAUSE`.
pub const LOSS_CAUSES: [&str; 5] = [
    "ring_full",
    "too_deep",
    "no_memory",
    "switched_off",
    "write",
];

impl OperationMetrics {
    /// Finished operations without a row, for any cause: `finished = recorded + filtered +
    /// sampled_out + lost`.
    pub fn lost(&self) -> u64 {
        self.lost_ring_full
            + self.lost_too_deep
            + self.lost_no_memory
            + self.lost_switched_off
            + self.lost_write
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::COUNTERS;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    #[test]
    fn each_counter_arrives_in_the_column_of_its_name() {
        let mut next = 0;
        let counted = CounterValues::from_names(|_| {
            next += 1;
            Ok::<_, std::convert::Infallible>(next)
        });
        let batch = OperationMetrics::batch(&[counted.unwrap().into()]).unwrap();
        for (expected, counter) in (1..).zip(COUNTERS) {
            let column = batch.column_by_name(counter.name).unwrap();
            let value = column.as_primitive::<Int64Type>().value(0);
            assert_eq!(value, expected, "{}", counter.name);
        }
        let causes = COUNTERS.iter().filter_map(|counter| counter.loss_cause());
        assert!(causes.eq(LOSS_CAUSES.into_iter().filter(|cause| *cause != "write")));
    }

    #[test]
    fn each_loss_cause_has_its_column_and_lost_is_their_sum() {
        let row = OperationMetrics {
            lost_ring_full: 1,
            lost_too_deep: 2,
            lost_no_memory: 4,
            lost_switched_off: 16,
            lost_write: 8,
            ..Default::default()
        };
        assert_eq!(row.lost(), 31);
        let names = OperationMetrics::DECLARATION.columns.iter();
        let causes: Vec<&str> = names
            .filter_map(|column| column.name.strip_prefix("lost_"))
            .collect();
        assert_eq!(causes, LOSS_CAUSES);
    }
}
