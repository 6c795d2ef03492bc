//! The columns of `operation_metrics`: the kernel's counts.

use arrow::array::{Array, BinaryArray, Int64Array, RecordBatch, TimestampNanosecondArray};
use soakbox_cli::Result;
use soakbox_schemas::counters::COUNTERS;
use soakbox_schemas::tables::LOSS_CAUSES;

use super::balance::Counted;
use super::columns::{
    Words, binary, integers, number, optional, positive, times, unless_zero, value,
};
use super::counts::values;
use super::observed_time::ObservedTime;

/// The columns of `operation_metrics` that are read, besides the counters and the losses.
const METRICS_COLUMNS: [&str; 10] = [
    "at",
    "operation",
    "lost",
    "interval",
    "operation_type",
    "in_flight",
    "oldest_in_flight_ns",
    "observed_ns",
    "unobserved_ns",
    "represented_ns",
];
/// The histogram of the durations of finished operations, which is read for figures.
pub(super) const DURATIONS: &str = "durations_ns";
/// The counters that an interval is balanced with.
const BALANCED: [&str; 4] = ["finished", "recorded", "filtered", "sampled_out"];

/// The columns of `operation_metrics` that are read.
pub(super) fn metrics_columns() -> Vec<String> {
    let others = METRICS_COLUMNS.into_iter().map(str::to_owned);
    others.chain(counted_columns()).collect()
}

/// The columns of counters and losses.
pub(super) fn counted_columns() -> impl Iterator<Item = String> {
    let counters = COUNTERS.iter().map(|counter| counter.name.to_owned());
    counters.chain(LOSS_CAUSES.into_iter().map(lost_column))
}

fn lost_column(cause: &str) -> String {
    format!("lost_{cause}")
}

/// A batch of `operation_metrics`.
pub(super) struct CountRows {
    operation: Words,
    durations: Option<BinaryArray>,
    at: TimestampNanosecondArray,
    lost: Int64Array,
    interval: Option<Int64Array>,
    operation_type: Option<Int64Array>,
    in_flight: Option<Int64Array>,
    oldest_in_flight: Option<Int64Array>,
    /// Observed, unobserved and represented time.
    times: [Option<Int64Array>; 3],
    /// As [`BALANCED`].
    balanced: [Option<Int64Array>; BALANCED.len()],
    /// As [`COUNTERS`].
    counters: Vec<Option<Int64Array>>,
    /// As [`LOSS_CAUSES`].
    losses: Vec<Option<Int64Array>>,
}

/// The kernel's counts of an operation in an interval, or a part of them.
#[derive(Clone, Debug, Default)]
pub(super) struct CountRow {
    /// Begin of the interval, ns UTC.
    pub(super) at_ns: i64,
    /// Its number; `None` where the file has none.
    pub(super) interval: Option<u64>,
    /// The operation's code.
    pub(super) operation_type: Option<i64>,
    /// Operations that were lost in it.
    pub(super) lost: u64,
    /// What its rows are compared with; `None` where the file lacks a part of it.
    pub(super) counted: Option<Counted>,
    /// Operations in flight at its end.
    pub(super) in_flight: Option<i64>,
    /// Age of the oldest of them, ns.
    pub(super) oldest_in_flight_ns: Option<u64>,
    /// When it was observed; `None` where the probes were never switched.
    pub(super) times: Option<ObservedTime>,
    /// The counters, in the order of [`COUNTERS`].
    pub(super) counters: [u64; COUNTERS.len()],
    /// The losses, in the order of [`LOSS_CAUSES`].
    pub(super) losses: [u64; LOSS_CAUSES.len()],
}

impl CountRow {
    /// Operations of whose durations the rows tell nothing: those that were lost, with those that a
    /// lost row of a sample stood for, and those that a filter left out.
    pub(super) fn without_evidence(&self) -> u64 {
        let counted = values(&self.counters);
        let chosen = u128::from(counted.recorded) + u128::from(counted.lost_ring_full);
        let stood_for = u128::from(counted.lost_ring_full) * u128::from(counted.sampled_out);
        let stood_for = stood_for.checked_div(chosen).unwrap_or(0);
        let stood_for = u64::try_from(stood_for).unwrap_or(u64::MAX);
        let without = self.lost.saturating_add(counted.filtered);
        without.saturating_add(stood_for)
    }
}

impl CountRows {
    pub(super) fn of(batch: &RecordBatch) -> Result<Self> {
        let [
            at,
            operation,
            lost,
            interval,
            operation_type,
            in_flight,
            oldest,
            observed,
            unobserved,
            represented,
        ] = METRICS_COLUMNS;
        let [finished, recorded, filtered, sampled_out] = BALANCED;
        let counters = COUNTERS.iter();
        let losses = LOSS_CAUSES.into_iter().map(lost_column);
        Ok(Self {
            operation: Words::of(batch, operation)?,
            durations: binary(batch, DURATIONS)?,
            at: times(batch, at)?,
            lost: integers(batch, lost)?,
            interval: optional(batch, interval)?,
            operation_type: optional(batch, operation_type)?,
            in_flight: optional(batch, in_flight)?,
            oldest_in_flight: optional(batch, oldest)?,
            times: [
                optional(batch, observed)?,
                optional(batch, unobserved)?,
                optional(batch, represented)?,
            ],
            balanced: [
                optional(batch, finished)?,
                optional(batch, recorded)?,
                optional(batch, filtered)?,
                optional(batch, sampled_out)?,
            ],
            counters: counters
                .map(|counter| unless_zero(batch, counter.name))
                .collect::<Result<_>>()?,
            losses: losses
                .map(|column| unless_zero(batch, &column))
                .collect::<Result<_>>()?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.lost.len()
    }

    /// The names of operations that rows may have.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.operation.iter()
    }

    /// The place of a row's operation in [`words`](Self::words), and the row.
    pub(super) fn row(&self, index: usize) -> (Option<usize>, CountRow) {
        let mut row = CountRow {
            at_ns: self.at.value(index),
            interval: value(self.interval.as_ref(), index),
            operation_type: number(self.operation_type.as_ref(), index),
            lost: positive(self.lost.value(index)),
            counted: self.counted(index),
            in_flight: number(self.in_flight.as_ref(), index),
            oldest_in_flight_ns: value(self.oldest_in_flight.as_ref(), index),
            times: self.observed_time(index),
            ..CountRow::default()
        };
        for (sums, columns) in [
            (&mut row.counters[..], &self.counters),
            (&mut row.losses[..], &self.losses),
        ] {
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = value(column.as_ref(), index).unwrap_or(0);
            }
        }
        (self.operation.word(index), row)
    }

    /// The histogram of a row; `None` where it was not read, or is missing.
    pub(super) fn durations(&self, index: usize) -> Option<&[u8]> {
        let durations = self.durations.as_ref()?;
        durations.is_valid(index).then(|| durations.value(index))
    }

    fn observed_time(&self, index: usize) -> Option<ObservedTime> {
        let [observed, unobserved, represented] = &self.times;
        Some(ObservedTime {
            observed_ns: value(observed.as_ref(), index)?,
            unobserved_ns: value(unobserved.as_ref(), index)?,
            represented_ns: value(represented.as_ref(), index)?,
        })
    }

    fn counted(&self, index: usize) -> Option<Counted> {
        let mut counts = [0; BALANCED.len()];
        for (count, column) in counts.iter_mut().zip(&self.balanced) {
            *count = value(column.as_ref(), index)?;
        }
        let [finished, recorded, filtered, sampled_out] = counts;
        let others = [
            recorded,
            filtered,
            sampled_out,
            positive(self.lost.value(index)),
        ];
        let others: i128 = others.into_iter().map(i128::from).sum();
        let difference = i128::from(finished) - others;
        Some(Counted {
            recorded,
            difference: i64::try_from(difference).unwrap_or(i64::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_of_a_sample_stands_for_others_and_a_filtered_one_tells_nothing() {
        let row = |counts: &[(&str, u64)], lost| {
            let mut row = CountRow {
                lost,
                ..CountRow::default()
            };
            for (value, counter) in row.counters.iter_mut().zip(COUNTERS) {
                let given = counts.iter().find(|(name, _)| *name == counter.name);
                *value = given.map_or(0, |(_, count)| *count);
            }
            row.without_evidence()
        };
        assert_eq!(row(&[], 0), 0);
        assert_eq!(row(&[("recorded", 7), ("filtered", 5)], 2), 7);
        // One in ten was chosen; 4 of 20 chosen ones were lost, and 3 others.
        let sampled = [
            ("recorded", 16),
            ("lost_ring_full", 4),
            ("sampled_out", 180),
        ];
        assert_eq!(row(&sampled, 7), 7 + 36);
        assert_eq!(row(&[("sampled_out", 9)], 0), 0, "none was chosen");
        let most = [("lost_ring_full", u64::MAX), ("sampled_out", u64::MAX)];
        assert_eq!(row(&most, u64::MAX), u64::MAX);
    }
}
