//! Figures per operation: how many, how fast, how costly. From `operation_log`; beside them what the kernel counted,
//! so that loss is never overlooked.

use serde::Serialize;

use crate::failure::Result;
use crate::info::Info;
use crate::recording::Recording;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};
use crate::warning::Warning;

/// `soakbox.summary/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name and version of this shape.
    pub schema: &'static str,
    /// The recording's directory.
    pub recording: String,
    /// First moment of the measurements, RFC 3339; null without rows.
    pub from: Option<String>,
    /// Last moment.
    pub to: Option<String>,
    /// Time that was observed, gaps taken off; null without rows.
    pub observed_s: Option<f64>,
    /// No loss, no gap, no file left out, all counts agree.
    pub complete: bool,
    /// What a reader must know before believing a figure.
    pub warnings: Vec<Warning>,
    /// Per operation, by name.
    pub operations: Vec<OperationSummary>,
}

/// Figures of one operation. Missing is null, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationSummary {
    /// Its name.
    pub operation: String,
    /// Its code.
    pub operation_type: i64,
    /// Rows in `operation_log`: what all figures below are of.
    pub count: u64,
    /// Rows without success; null where no row says whether it succeeded.
    pub failures: Option<u64>,
    /// Failures among the rows that say; null where none does.
    pub failure_rate: Option<f64>,
    /// `count` per second observed; null where no time passed.
    pub rate_per_s: Option<f64>,
    /// Quantiles of the duration (nearest rank, within 1/128).
    pub p50_ns: Option<i64>,
    /// 90%.
    pub p90_ns: Option<i64>,
    /// 95%.
    pub p95_ns: Option<i64>,
    /// 99%.
    pub p99_ns: Option<i64>,
    /// 99.9%.
    pub p999_ns: Option<i64>,
    /// Longest duration, exact.
    pub max_ns: Option<i64>,
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
    /// Finished, by the kernel's counters; null where there are none.
    pub finished: Option<u64>,
    /// Finished and lost; null likewise.
    pub lost: Option<u64>,
}

impl Summary {
    /// Reads everything that `summary` shows.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(recording: &Recording, session: &Session) -> Result<Self> {
        Self::of(session, &Info::read(recording, session)?)
    }

    /// The same where `info` was read already.
    ///
    /// # Errors
    /// As [`Summary::read`].
    pub fn of(session: &Session, info: &Info) -> Result<Self> {
        let observed_ns = info.observed.range.map(|_| info.observed.length_ns);
        let mut operations = Vec::new();
        if let Some(found) = Columns::new(&session.collect(queries::SUMMARY)?)? {
            operations = read(&found, observed_ns)?;
        }
        for counts in info.operations.iter().filter(|o| o.identity_ok.is_some()) {
            let found = operations
                .iter_mut()
                .find(|o| o.operation == counts.operation);
            let operation = match found {
                Some(operation) => operation,
                None => {
                    // Counted, and not a single row: all lost, filtered, or still in flight.
                    operations.push(OperationSummary {
                        operation: counts.operation.clone(),
                        operation_type: counts.operation_type,
                        ..OperationSummary::default()
                    });
                    let last = operations.len() - 1;
                    &mut operations[last]
                }
            };
            operation.finished = Some(counts.finished);
            operation.lost = Some(counts.lost());
        }
        operations.sort_by(|a, b| a.operation.cmp(&b.operation));
        Ok(Self {
            schema: "soakbox.summary/1",
            recording: info.recording.clone(),
            from: info.from.clone(),
            to: info.to.clone(),
            observed_s: observed_ns.map(|ns| ns as f64 / 1e9),
            complete: info.warnings.is_empty(),
            warnings: info.warnings.clone(),
            operations,
        })
    }
}

fn read(found: &Columns, observed_ns: Option<i64>) -> Result<Vec<OperationSummary>> {
    let names = found.words("operation")?;
    let types = found.integers("operation_type")?;
    let (counts, judged) = (found.counts("count")?, found.counts("judged")?);
    let failures = found.counts("failures")?;
    let (durations, longest) = (found.lists("duration")?, found.integers("max")?);
    let mean = |name: &str| -> Result<Vec<Option<i64>>> {
        let values = found.floats(name)?.into_iter();
        Ok(values
            .map(|value| value.map(|value| value.round() as i64))
            .collect())
    };
    let (cpu, cpu_user) = (mean("cpu_ns")?, mean("cpu_user_ns")?);
    let (cpu_system, memory) = (mean("cpu_system_ns")?, mean("memory_bytes")?);
    let bytes = found.integers("bytes")?;
    let seconds = observed_ns.map(|ns| ns as f64 / 1e9).filter(|s| *s > 0.0);
    let operations = names.into_iter().enumerate().map(|(row, operation)| {
        let level = |index: usize| durations[row].get(index).copied();
        let known = judged[row] > 0;
        OperationSummary {
            operation,
            operation_type: types[row].unwrap_or(0),
            count: counts[row],
            failures: known.then_some(failures[row]),
            failure_rate: known.then(|| failures[row] as f64 / judged[row] as f64),
            rate_per_s: seconds.map(|seconds| counts[row] as f64 / seconds),
            p50_ns: level(0),
            p90_ns: level(1),
            p95_ns: level(2),
            p99_ns: level(3),
            p999_ns: level(4),
            max_ns: longest[row],
            cpu_ns: cpu[row],
            cpu_user_ns: cpu_user[row],
            cpu_system_ns: cpu_system[row],
            memory_bytes: memory[row],
            bytes: bytes[row],
            finished: None,
            lost: None,
        }
    });
    Ok(operations.collect())
}
