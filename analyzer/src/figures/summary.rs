//! Figures per operation: how many, how fast, how costly. Where the kernel counted, numbers and
//! durations are those of all finished operations, also of those without a row; everything else is
//! computed from the sums of the rows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use soakbox_schemas::tables::histogram::key;

use super::{Reading, Warning};
use crate::units::serialize;
use crate::windows::{DurationsOf, OF_FINISHED, OperationCounts, OperationTotals, mean};

/// Figures of all operations; in JSON the schema `soakbox.summary/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The recording's directory.
    #[serde(serialize_with = "serialize::path")]
    pub recording: PathBuf,
    /// First moment of the measurements, ns UTC; `None` without rows.
    #[serde(rename = "from", serialize_with = "serialize::optional_time")]
    pub from_ns: Option<i64>,
    /// Last moment.
    #[serde(rename = "to", serialize_with = "serialize::optional_time")]
    pub to_ns: Option<i64>,
    /// Observed time, without gaps, ns; `None` without rows, and where it is not known.
    #[serde(rename = "observed_s", serialize_with = "serialize::optional_seconds")]
    pub observed_ns: Option<i64>,
    /// Why the observed time and all rates are not known; absent where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_rates: Option<&'static str>,
    /// Whether there are no warnings: no loss, no gap, nothing unsealed or left out, and all counts
    /// agree.
    pub complete: bool,
    /// Runs whose recorder still runs: their figures are those so far.
    pub running: Vec<String>,
    /// Why the recording does not hold everything that happened; empty if it does.
    pub warnings: Vec<Warning>,
    /// Per operation, by name.
    pub operations: Vec<OperationSummary>,
}

/// Figures of one operation. A missing figure is null, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationSummary {
    /// The operation's name.
    pub operation: String,
    /// The operation's code.
    pub operation_type: i64,
    /// Operations that finished while observed: the kernel's count, and rows that nobody counted
    /// (of an import, or written just before a crash).
    pub count: u64,
    /// Rows in `operation_log`: `count` without those that are lost, filtered or sampled out.
    pub rows: u64,
    /// Operations that failed; `None` where no outcome is known.
    pub failures: Option<u64>,
    /// Failures ÷ operations with an outcome; `None` where there are none.
    pub failure_rate: Option<f64>,
    /// `count` per second observed; `None` where no time passed, or where it is not known how much. Where the probes were switched off
    /// and on (`--max-overhead`), each time on stands for the time that it was chosen from.
    pub rate_per_s: Option<f64>,
    /// The part of the time in which the probes were on; `None` where that was always so.
    pub observed_share: Option<f64>,
    /// Median of the duration. All quantiles are nearest-rank ones, within 1/128.
    pub p50_ns: Option<i64>,
    /// 90th percentile of the duration.
    pub p90_ns: Option<i64>,
    /// 95th percentile of the duration.
    pub p95_ns: Option<i64>,
    /// 99th percentile of the duration.
    pub p99_ns: Option<i64>,
    /// 99.9th percentile of the duration.
    pub p999_ns: Option<i64>,
    /// Longest duration: exact, but within 1/128 where its row is lost.
    pub max_ns: Option<i64>,
    /// The operations that the durations are of.
    pub durations_of: DurationsOf,
    /// On-CPU time, mean per operation.
    pub cpu_ns: Option<i64>,
    /// User time, mean per operation.
    pub cpu_user_ns: Option<i64>,
    /// System time, mean per operation.
    pub cpu_system_ns: Option<i64>,
    /// Resident memory at the finish, mean.
    pub memory_bytes: Option<i64>,
    /// Data processed, sum over all operations.
    pub bytes: Option<i64>,
    /// Operations finished, by the kernel's counters; `None` where they do not have the operation.
    pub finished: Option<u64>,
    /// Operations that finished and were lost; `None` as `finished`.
    pub lost: Option<u64>,
}

impl Summary {
    /// The figures of all operations of a recording that was read for figures
    /// ([`Cut::Shown`](crate::windows::Cut)).
    pub fn of(reading: &Reading) -> Self {
        let range = reading.coverage.range;
        let no_rates = reading.why_no_rates();
        let observed_ns = range.filter(|_| no_rates.is_none());
        let observed_ns = observed_ns.map(|_| reading.coverage.observed_ns);
        let mut operations: Vec<OperationSummary> = Vec::new();
        let mut counted: BTreeMap<&str, &OperationCounts> = reading
            .counts
            .iter()
            .filter(|counts| counts.is_counted)
            .map(|counts| (counts.operation.as_str(), counts))
            .collect();
        for totals in &reading.totals {
            let counts = counted.remove(totals.operation.as_str());
            operations.push(OperationSummary::of(totals, counts, observed_ns));
        }
        // Counted, but none finished: all are abandoned, or still in flight.
        for (name, counts) in counted {
            let none = OperationTotals {
                operation: name.to_owned(),
                operation_type: counts.operation_type,
                ..OperationTotals::default()
            };
            operations.push(OperationSummary::of(&none, Some(counts), observed_ns));
        }
        operations.sort_by(|a, b| a.operation.cmp(&b.operation));
        Self {
            schema: "soakbox.summary/1",
            recording: reading.recording.root.clone(),
            from_ns: range.map(|range| range.first_ns),
            to_ns: range.map(|range| range.last_ns),
            observed_ns,
            no_rates,
            complete: !reading.warnings.iter().any(Warning::is_incomplete),
            running: reading.recording.running(),
            warnings: reading.warnings.clone(),
            operations,
        }
    }

    /// A sentence about the operations whose durations are not those of the rows; `None` where there
    /// is none.
    pub fn durations_note(&self) -> Option<String> {
        let operations = self.operations.iter();
        let of_finished = operations.filter(|one| one.durations_of == DurationsOf::Finished);
        let names: Vec<&str> = of_finished.map(|one| one.operation.as_str()).collect();
        (!names.is_empty()).then(|| format!("{OF_FINISHED}: {}", names.join(", ")))
    }
}

impl OperationSummary {
    fn of(
        totals: &OperationTotals,
        counts: Option<&OperationCounts>,
        observed_ns: Option<i64>,
    ) -> Self {
        let whole = &totals.whole;
        let of_rows = whole.histogram();
        // The rows that are left of a lossy recording are no fair sample: more are lost when more
        // happens. Where all rows are there, their extremes are exact.
        let of_finished = totals.finished_durations.as_ref();
        let of_finished = of_finished.filter(|durations| durations.total() > totals.rows);
        let durations = of_finished.unwrap_or(&of_rows);
        let max_ns =
            [durations, &of_rows].map(|durations| durations.extremes().map(|(_, max)| max));
        let seconds = observed_ns.map(|ns| ns.saturating_sub(totals.blind_ns) as f64 / 1e9);
        let seconds = seconds.filter(|seconds| *seconds > 0.0);
        let count = counts.map_or(whole.count, OperationCounts::finished);
        let outcomes = Outcomes::of(totals, counts);
        let cpu = match counts.filter(|counts| all_have(whole.with_cpu, totals, counts)) {
            Some(counts) if counts.counters.cpu_sum_ns > 0 => {
                mean(counts.counters.cpu_sum_ns, counts.timed())
            }
            _ => mean(whole.cpu_ns, whole.with_cpu),
        };
        let rounded = |mean: Option<f64>| mean.map(|value| value.round() as i64);
        Self {
            operation: totals.operation.clone(),
            operation_type: totals.operation_type,
            count,
            rows: totals.rows,
            failures: outcomes.as_ref().map(|known| known.failures),
            failure_rate: outcomes.map(|known| known.failures as f64 / known.all as f64),
            rate_per_s: seconds
                .filter(|_| count > 0)
                .map(|seconds| totals.represented.unwrap_or(count as f64) / seconds),
            observed_share: counts.and_then(|counts| counts.observed_share),
            p50_ns: durations.quantile(0.5),
            p90_ns: durations.quantile(0.9),
            p95_ns: durations.quantile(0.95),
            p99_ns: durations.quantile(0.99),
            p999_ns: durations.quantile(0.999),
            max_ns: match max_ns {
                [Some(max), Some(exact)] if key(max) == key(exact) => Some(exact),
                [max, _] => max,
            },
            durations_of: match of_finished {
                Some(_) => DurationsOf::Finished,
                None => DurationsOf::Rows,
            },
            cpu_ns: rounded(cpu),
            cpu_user_ns: rounded(totals.cpu_user.mean()),
            cpu_system_ns: rounded(totals.cpu_system.mean()),
            memory_bytes: rounded(mean(whole.memory_bytes, whole.with_memory)),
            bytes: (whole.with_bytes > 0).then(|| i64::try_from(whole.bytes).unwrap_or(i64::MAX)),
            finished: counts.map(|counts| counts.counters.finished),
            lost: counts.map(OperationCounts::lost),
        }
    }
}

/// Whether rows are missing, and none is without a count, so that the kernel's sums are those of all
/// operations; with `number` of the rows, that each of them has something.
fn all_have(number: u64, totals: &OperationTotals, counts: &OperationCounts) -> bool {
    let is_missing = counts.counters.finished > totals.rows;
    is_missing && totals.rows <= counts.counters.recorded && number == totals.whole.count
}

/// The operations with a known outcome.
struct Outcomes {
    all: u64,
    failures: u64,
}

impl Outcomes {
    /// `None` where there are none.
    fn of(totals: &OperationTotals, counts: Option<&OperationCounts>) -> Option<Self> {
        let rows = &totals.whole;
        // A row that is left of a filter for failures tells nothing about how many failed.
        let counted = counts.filter(|counts| {
            let has_outcomes =
                totals.rows > 0 || counts.counters.failures > 0 || totals.knows_outcomes;
            has_outcomes && all_have(rows.with_outcome, totals, counts)
        });
        let known = match counted {
            Some(counts) => Self {
                all: counts.timed().max(counts.counters.failures),
                failures: counts.counters.failures,
            },
            None => Self {
                all: rows.with_outcome,
                failures: rows.failures,
            },
        };
        (known.all > 0).then_some(known)
    }
}
