//! `operation_metrics`: the source's counts of each operation in each interval.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, OperationMetrics, Table};

use super::in_flight::InFlight;
use super::{Rows, Sampler, Tick, overhead};
use crate::budget::Spans;
use crate::costs::PairCost;

/// Makes a row per operation and interval, and another row for counts that came late.
#[derive(Debug)]
pub(super) struct OperationCounts {
    in_flight: InFlight,
    costs: Vec<PairCost>,
    spans: Option<Arc<Mutex<Spans>>>,
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
        }
    }
}

impl Sampler for OperationCounts {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        let mut rows = Vec::new();
        for counts in &tick.counts {
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
                    let spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
                    let now_ns = tick.now.boot_ns;
                    let observed = spans.of_interval(operation, counts.interval, now_ns);
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
