//! `operation_metrics`: the source's counts of each operation in each interval.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, OperationMetrics, Table};

use super::in_flight::InFlight;
use super::{Rows, Sampler, Tick, overhead};
use crate::budget::Spans;
use crate::clock::ClockPair;
use crate::costs::PairCost;

/// Makes a row per operation and interval, and another row for counts that came late.
#[derive(Debug)]
pub(super) struct OperationCounts {
    in_flight: InFlight,
    costs: Vec<PairCost>,
    spans: Option<Arc<Mutex<Spans>>>,
    /// When the previous tick was.
    last: Option<ClockPair>,
}

fn locked(spans: &Mutex<Spans>) -> MutexGuard<'_, Spans> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OperationCounts {
    /// `costs`: of the probes of each operation; none where they are not known. `spans`: when each
    /// was observed, where probes are switched.
    pub(super) fn new(
        operations: Vec<OperationInfo>,
        costs: Vec<PairCost>,
        spans: Option<Arc<Mutex<Spans>>>,
    ) -> Self {
        Self {
            in_flight: InFlight::new(operations),
            costs,
            spans,
            last: None,
        }
    }
}

impl Sampler for OperationCounts {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        let mut rows = Vec::new();
        let last = self.last.replace(tick.now);
        if let (Some(spans), Some(_), Some(last)) = (&self.spans, tick.suspended(), last) {
            // It began within an interval of the previous tick.
            let until_ns = last.boot_ns.saturating_add(tick.suspended_ns);
            locked(spans).suspended(last.boot_ns, until_ns);
        }
        for (index, counts) in tick.counts.iter().enumerate() {
            // The counts of merged intervals are in those that were read, and so is their time.
            let merged = if index == 0 { tick.merged_intervals } else { 0 };
            for (operation, counted) in counts.counted.iter().enumerate() {
                let mut row = self
                    .in_flight
                    .row(operation, counts.interval, counts.at_ns, counted);
                row.durations_ns = counts.durations.get(operation).map(|durations| {
                    let mut bytes = Vec::new();
                    durations.encode(&mut bytes);
                    bytes
                });
                let oldest = counts.oldest_in_flight_ns.get(operation);
                row.oldest_in_flight_ns = oldest.copied().flatten();
                if let Some(cost) = self.costs.get(operation) {
                    row.probe_cost_ns = Some(overhead::of_counts(counted, cost));
                    row.duration_overhead_ns = Some(overhead::of_duration(cost));
                }
                if let Some(spans) = self.spans.as_ref().filter(|_| !counts.is_late) {
                    let spans = locked(spans);
                    let now_ns = tick.now.boot_ns;
                    let first = counts.interval.saturating_sub(merged);
                    let observed = spans.of_intervals(operation, first..=counts.interval, now_ns);
                    row.observed_ns = Some(observed.observed_ns);
                    row.unobserved_ns = Some(observed.unobserved_ns);
                    row.represented_ns = Some(observed.represented_ns);
                }
                if !counts.is_late || *counted != CounterValues::default() {
                    rows.push(row);
                }
            }
        }
        let batch = OperationMetrics::batch(&rows)?;
        Ok(vec![Rows(Table::OPERATION_METRICS, batch)])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::sample::IntervalCounts;

    /// Begins of an operation in an interval of 100 ns.
    fn counts(interval: u64, is_late: bool) -> IntervalCounts {
        IntervalCounts {
            interval,
            at_ns: 0,
            counted: vec![CounterValues {
                begun: 1,
                ..CounterValues::default()
            }],
            durations: Vec::new(),
            oldest_in_flight_ns: Vec::new(),
            is_late,
        }
    }

    /// The observed time of each row at 2,300 ns, after a tick at 1,700 ns.
    fn observed(suspended_ns: u64) -> Vec<Option<i64>> {
        let operation = OperationInfo {
            name: "op".to_owned(),
            operation_type: 1,
        };
        let spans = Arc::new(Mutex::new(Spans::new(1, 100, 0)));
        let mut sampler = OperationCounts::new(vec![operation], Vec::new(), Some(spans));
        let mut before = Tick::default();
        before.now.boot_ns = 1_700;
        sampler.sample(&before).unwrap();
        let mut tick = Tick {
            counts: vec![counts(20, false), counts(21, false), counts(12, true)],
            merged_intervals: 4,
            suspended_ns,
            ..Tick::default()
        };
        tick.now.boot_ns = 2_300;
        let rows = sampler.sample(&tick).unwrap();
        let column = rows[0].1.column_by_name("observed_ns").unwrap();
        column.as_primitive::<Int64Type>().iter().collect()
    }

    #[test]
    fn after_a_stall_the_first_row_has_the_time_of_the_merged_intervals_too() {
        assert_eq!(observed(0), [Some(500), Some(100), None]);
        // But not of those in which the host was suspended.
        assert_eq!(observed(60_000_000_000), [Some(100), Some(0), None]);
    }
}
