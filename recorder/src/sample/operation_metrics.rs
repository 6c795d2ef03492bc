//! `operation_metrics`: the source's counts of each operation in each interval.

use anyhow::Result;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{OperationInfo, OperationMetrics, Table};

use super::in_flight::InFlight;
use super::{Rows, Sampler, Tick, overhead};
use crate::costs::PairCost;

/// Makes a row per operation and interval, and another row for counts that came late.
#[derive(Debug)]
pub(super) struct OperationCounts {
    in_flight: InFlight,
    costs: Vec<PairCost>,
}

impl OperationCounts {
    /// `costs`: of the probes of each operation; none where they are not known.
    pub(super) fn new(operations: Vec<OperationInfo>, costs: Vec<PairCost>) -> Self {
        Self {
            in_flight: InFlight::new(operations),
            costs,
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
                if !counts.is_late || *counted != CounterValues::default() {
                    rows.push(row);
                }
            }
        }
        let batch = OperationMetrics::batch(&rows)?;
        Ok(vec![Rows(Table::OPERATION_METRICS, batch)])
    }
}
