//! Sums over all rows and all counts of one operation in one run, whatever window they are in.
//! Pure.

use soakbox_schemas::counters::{COUNTERS, CounterValues, SLOTS};
use soakbox_schemas::tables::LOSS_CAUSES;
use soakbox_schemas::tables::histogram::SparseHistogram;

use super::count_rows::CountRow;
use super::counts::{add_all, untimed, values};
use super::durations::Durations;
use super::log_rows::SPLIT_COLUMNS;
use super::mean;
use super::observed_time::Switched;

/// Measured numbers: how many there are, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Operations for which the number was measured.
    pub count: u64,
    /// Its sum over them.
    pub sum: u64,
}

impl Measured {
    /// The mean; `None` where nothing was measured.
    pub fn mean(self) -> Option<f64> {
        mean(self.sum, self.count)
    }

    #[inline]
    fn add(&mut self, count: u64, sum: u64) {
        self.count = self.count.saturating_add(count);
        self.sum = self.sum.saturating_add(sum);
    }
}

/// The sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The operation's code; the smallest one where there are several.
    pub(super) operation_type: Option<i64>,
    /// Rows.
    pub(super) rows: u64,
    /// User and system time, ns.
    pub(super) split: [Measured; SPLIT_COLUMNS.len()],
    /// The kernel's counters, in the order of [`COUNTERS`].
    pub(super) counters: [u64; COUNTERS.len()],
    /// Losses, in the order of [`LOSS_CAUSES`].
    pub(super) lost: [u64; LOSS_CAUSES.len()],
    /// The durations of all finished operations, by the kernel's histogram.
    pub(super) durations: Durations,
    /// Whether there are counts.
    pub(super) is_counted: bool,
    /// The time in which it was observed, where probes were switched.
    pub(super) switched: Switched,
    in_flight: InFlight,
    /// The last interval, and the age of the oldest operation that was in flight at its end, ns.
    oldest_in_flight: Option<(u64, Option<u64>)>,
}

/// The numbers in flight at the end of the last intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct InFlight {
    newest: Option<u64>,
    /// Interval, time and number.
    samples: Vec<(u64, i64, i64)>,
}

impl Tally {
    /// Adds a row.
    #[inline]
    pub(super) fn add_row(
        &mut self,
        operation_type: Option<i64>,
        split: [Option<u64>; SPLIT_COLUMNS.len()],
    ) {
        self.rows += 1;
        for (sum, value) in self.split.iter_mut().zip(split) {
            if let Some(value) = value {
                sum.add(1, value);
            }
        }
        if operation_type != self.operation_type {
            self.add_type(operation_type);
        }
    }

    /// Adds counts.
    pub(super) fn add_counts(&mut self, row: &CountRow) {
        self.is_counted = true;
        self.add_type(row.operation_type);
        add_all(&mut self.counters, &row.counters);
        add_all(&mut self.lost, &row.losses);
        if let (Some(interval), Some(number)) = (row.interval, row.in_flight) {
            self.in_flight.add((interval, row.at_ns, number));
        }
        if let Some(times) = row.times {
            self.switched.add(times, values(&row.counters).begun);
        }
        let oldest = row.interval.map(|at| (at, row.oldest_in_flight_ns));
        self.oldest_in_flight = self.oldest_in_flight.max(oldest);
    }

    /// Adds the sums of another part of the same run.
    pub(super) fn merge(&mut self, other: Self) {
        self.add_type(other.operation_type);
        self.rows = self.rows.saturating_add(other.rows);
        for (sum, more) in self.split.iter_mut().zip(other.split) {
            sum.add(more.count, more.sum);
        }
        self.is_counted |= other.is_counted;
        add_all(&mut self.counters, &other.counters);
        add_all(&mut self.lost, &other.lost);
        self.durations.merge(&other.durations);
        self.switched.merge(other.switched);
        self.oldest_in_flight = self.oldest_in_flight.max(other.oldest_in_flight);
        for sample in other.in_flight.samples {
            self.in_flight.add(sample);
        }
    }

    /// Operations that finished: those that were counted, and rows that nobody counted.
    pub(super) fn finished(&self) -> u64 {
        let counted = self.counters();
        let uncounted = self.rows.saturating_sub(counted.recorded);
        counted.finished.saturating_add(uncounted)
    }

    /// The kernel's counters.
    pub(super) fn counters(&self) -> CounterValues {
        values(&self.counters)
    }

    /// The durations of all finished operations whose begin was kept, if all of them are known.
    pub(super) fn durations(&self) -> Option<SparseHistogram> {
        let counted = self.counters();
        self.durations
            .of_exactly(counted.finished.checked_sub(untimed(&counted))?)
    }

    /// Operations in flight at the end. A late count is written as another row of its earlier
    /// interval, together with a newer number in flight: the newest number can be in any of the
    /// last rows. One that is `expected` is taken.
    pub(super) fn in_flight(&self, expected: i64) -> i64 {
        let samples = self.in_flight.last();
        let newest = samples.last().copied().unwrap_or(0);
        if samples.contains(&expected) {
            expected
        } else {
            newest
        }
    }

    /// Age of the oldest operation in flight at the end of the last interval, ns.
    pub(super) fn oldest_in_flight_ns(&self) -> Option<u64> {
        self.oldest_in_flight.and_then(|(_, age_ns)| age_ns)
    }

    fn add_type(&mut self, operation_type: Option<i64>) {
        let types = [self.operation_type, operation_type];
        self.operation_type = types.into_iter().flatten().min();
    }
}

impl InFlight {
    /// Most samples before those of earlier intervals are left out.
    const MOST: usize = 8 * SLOTS as usize;

    fn add(&mut self, sample: (u64, i64, i64)) {
        self.newest = self.newest.max(Some(sample.0));
        if self.is_recent(sample.0) {
            self.samples.push(sample);
        }
        if self.samples.len() > Self::MOST {
            let mut samples = std::mem::take(&mut self.samples);
            samples.retain(|sample| self.is_recent(sample.0));
            self.samples = samples;
        }
    }

    /// Whether the kernel may still count in the interval when it begins with the newest one.
    fn is_recent(&self, interval: u64) -> bool {
        let newest = self.newest.unwrap_or(0);
        interval.saturating_add(u64::from(SLOTS)) > newest
    }

    /// Those of the last intervals, in order of time.
    fn last(&self) -> Vec<i64> {
        let samples = self.samples.iter();
        let mut samples: Vec<_> = samples.filter(|sample| self.is_recent(sample.0)).collect();
        samples.sort_by_key(|(_, at_ns, _)| *at_ns);
        samples.into_iter().map(|(_, _, number)| *number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_operation_in_flight_is_that_of_the_last_interval() {
        let row = |interval, oldest_in_flight_ns| CountRow {
            interval: Some(interval),
            oldest_in_flight_ns,
            ..CountRow::default()
        };
        let (mut one, mut other) = (Tally::default(), Tally::default());
        assert_eq!(one.oldest_in_flight_ns(), None);
        one.add_counts(&row(7, Some(900)));
        one.add_counts(&row(9, Some(30)));
        other.add_counts(&row(8, Some(5_000)));
        // A row for counts that were read late has no age.
        other.add_counts(&row(9, None));
        one.merge(other);
        assert_eq!(one.oldest_in_flight_ns(), Some(30));
        one.add_counts(&row(10, None));
        assert_eq!(one.oldest_in_flight_ns(), None, "it has finished");
    }

    #[test]
    fn the_number_in_flight_is_that_of_the_last_intervals() {
        let row = |interval, in_flight| CountRow {
            at_ns: interval as i64 * 1_000,
            interval: Some(interval),
            in_flight: Some(in_flight),
            ..CountRow::default()
        };
        let (mut whole, mut late) = (Tally::default(), Tally::default());
        assert_eq!(whole.in_flight(3), 0, "nothing was counted");
        for interval in 0..1_000 {
            let part = if interval % 3 == 0 {
                &mut late
            } else {
                &mut whole
            };
            part.add_counts(&row(interval, interval as i64));
        }
        late.add_counts(&row(990, -7));
        whole.merge(late);
        assert_eq!(whole.in_flight(-7), -7);
        assert_eq!(whole.in_flight(984), 984);
        assert_eq!(whole.in_flight(983), 999, "it is too old");
        assert!(whole.in_flight.samples.len() <= InFlight::MOST + 1);
    }
}
