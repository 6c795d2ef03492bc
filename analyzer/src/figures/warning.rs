//! Why a recording does not hold everything that happened: losses, gaps, a recorder that was
//! killed, counts that disagree, files left out. A type, so that every command, the JSON and the
//! report have the same warnings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use soakbox_schemas::tables::{DECLARATIONS, Declaration, Table};

use super::many_operations::together;
use crate::coverage::{ClockSteps, Coverage, Gap};
use crate::recording::{Owner, Recording};
use crate::windows::OperationCounts;

/// One reason to doubt a figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// A recorder ended and left journals: it was killed, or its last seal failed.
    Unsealed {
        /// First eight digits of the run's UUID.
        recorder: String,
        /// Rows in the journals; they are part of the figures.
        rows: u64,
        /// Why it is not known whether the recorder still runs; `None` where it does not.
        unknown: Option<String>,
    },
    /// Operations that finished were lost: they have no row.
    Loss {
        /// The operation.
        operation: String,
        /// Operations lost.
        lost: u64,
        /// Operations finished, the lost ones included.
        finished: u64,
        /// Causes with their counts, none of them 0.
        causes: Vec<(&'static str, u64)>,
    },
    /// A filter of the recording left out rows.
    Filtered {
        /// The operation.
        operation: String,
        /// Operations that it left out.
        filtered: u64,
        /// Operations finished.
        finished: u64,
    },
    /// An operation in flight at the end takes much longer than others of its name: it may never
    /// finish. Durations are those of operations that did.
    Stuck {
        /// The operation.
        operation: String,
        /// Operations in flight at the end.
        in_flight: i64,
        /// Age of the oldest of them, ns.
        oldest_ns: u64,
    },
    /// Nothing, or not everything, was observed for a while.
    Gaps {
        /// Number of gaps.
        gaps: usize,
        /// The time that they cover, ns; `None` where one did not end.
        length_ns: Option<i64>,
        /// Their causes, each once.
        causes: Vec<String>,
    },
    /// The start of a run is not annotated: its annotations are missing, and gaps may be unknown.
    NoStart {
        /// First eight digits of the run's UUID.
        recorder: String,
    },
    /// UTC was set forward or back during a run.
    ClockStepped {
        /// First eight digits of the run's UUID.
        recorder: String,
        /// How often.
        times: usize,
        /// When the first time, ns UTC as the clock showed it before.
        at_ns: i64,
        /// By how much then, ns; negative for a step back.
        by_ns: i64,
    },
    /// The counts of an operation disagree with one another or with its rows.
    Disagreement {
        /// The operation.
        operation: String,
    },
    /// Frames of a journal are damaged; their rows are missing.
    DamagedJournals {
        /// Number of damaged places.
        frames: u64,
        /// Their total size.
        bytes: u64,
    },
    /// Segments that recovery made from damaged journals.
    Recovered {
        /// Number of segments.
        files: usize,
        /// Bytes in these journals that do not belong to a whole frame.
        bytes: u64,
    },
    /// Files lack columns that others of their version have; they are null there.
    MissingColumns {
        /// The table.
        table: Table,
        /// Each column with the number of files that lack it.
        columns: Vec<(&'static str, usize)>,
        /// The files of the table.
        files: usize,
    },
    /// A file was left out.
    Skipped {
        /// The file.
        path: PathBuf,
        /// The reason that it cannot be read.
        reason: String,
    },
}

impl Warning {
    /// All warnings about a recording.
    pub(super) fn all(
        recording: &Recording,
        operations: &[OperationCounts],
        gaps: &[Gap],
        coverage: &Coverage,
    ) -> Vec<Self> {
        let mut warnings = unsealed(recording);
        warnings.extend(together(operations.iter().filter_map(loss)));
        warnings.extend(together(operations.iter().filter_map(filtered)));
        warnings.extend(together(operations.iter().filter_map(stuck)));
        warnings.extend(incomplete(gaps));
        warnings.extend(without_start(recording, coverage));
        let disagreeing = operations.iter().filter(|o| o.identity_ok == Some(false));
        warnings.extend(together(disagreeing.map(|operation| {
            Warning::Disagreement {
                operation: operation.operation.clone(),
            }
        })));
        warnings.extend(damaged(recording));
        warnings.extend(missing_columns(recording));
        warnings.extend(recording.damaged.iter().map(|file| Warning::Skipped {
            path: file.path.clone(),
            reason: file.reason.clone(),
        }));
        warnings
    }

    /// A warning for each run in which UTC was stepped.
    pub(super) fn clock_steps(steps: &BTreeMap<String, ClockSteps>) -> Vec<Self> {
        let warning = |(recorder, steps): (&String, &ClockSteps)| {
            let (from_ns, to_ns) = steps.first()?;
            Some(Self::ClockStepped {
                recorder: recorder.clone(),
                times: steps.number(),
                at_ns: from_ns,
                by_ns: to_ns.saturating_sub(from_ns),
            })
        };
        steps.iter().filter_map(warning).collect()
    }

    /// Whether rows are missing. A missing column is no such reason, nor is an operation that has not
    /// finished, nor is a clock that was set.
    pub fn is_incomplete(&self) -> bool {
        !matches!(
            self,
            Self::MissingColumns { .. } | Self::Stuck { .. } | Self::ClockStepped { .. }
        )
    }
}

fn unsealed(recording: &Recording) -> Vec<Warning> {
    let runs = recording.unsealed.iter();
    runs.filter_map(|run| {
        let unknown = match &run.owner {
            Owner::Alive => return None,
            Owner::Gone => None,
            Owner::Unknown(reason) => Some(reason.clone()),
        };
        Some(Warning::Unsealed {
            recorder: run.recorder.clone(),
            rows: recording.unsealed_rows(&run.recorder),
            unknown,
        })
    })
    .collect()
}

fn loss(operation: &OperationCounts) -> Option<Warning> {
    let causes = operation.lost.iter().filter(|(_, count)| **count > 0);
    (operation.lost() > 0).then(|| Warning::Loss {
        operation: operation.operation.clone(),
        lost: operation.lost(),
        finished: operation.counters.finished,
        causes: causes.map(|(cause, count)| (*cause, *count)).collect(),
    })
}

fn filtered(operation: &OperationCounts) -> Option<Warning> {
    let counters = operation.counters;
    (counters.filtered > 0).then(|| Warning::Filtered {
        operation: operation.operation.clone(),
        filtered: counters.filtered,
        finished: counters.finished,
    })
}

/// The shortest time in flight that is suspicious, ns.
const STUCK_NS: u64 = 10_000_000_000;
/// So is only a multiple of the mean duration.
const STUCK_MEANS: u64 = 10;

fn stuck(operation: &OperationCounts) -> Option<Warning> {
    let oldest_ns = operation.oldest_in_flight_ns?;
    let counters = operation.counters;
    let mean_ns = counters.duration_sum_ns.checked_div(counters.finished);
    let usual_ns = mean_ns.unwrap_or(0).saturating_mul(STUCK_MEANS);
    (oldest_ns >= usual_ns.max(STUCK_NS)).then(|| Warning::Stuck {
        operation: operation.operation.clone(),
        in_flight: operation.in_flight,
        oldest_ns,
    })
}

fn incomplete(gaps: &[Gap]) -> Option<Warning> {
    let mut causes: Vec<String> = gaps.iter().map(|gap| gap.cause.clone()).collect();
    causes.sort();
    causes.dedup();
    (!gaps.is_empty()).then(|| Warning::Gaps {
        gaps: gaps.len(),
        length_ns: covered_ns(gaps),
        causes,
    })
}

/// The time that gaps cover together, ns; `None` where one did not end.
fn covered_ns(gaps: &[Gap]) -> Option<i64> {
    let spans = gaps.iter().map(|gap| Some((gap.from_ns, gap.to_ns?)));
    let mut spans = spans.collect::<Option<Vec<(i64, i64)>>>()?;
    spans.sort_unstable();
    let (mut covered_ns, mut end_ns) = (0_i64, i64::MIN);
    for (from_ns, to_ns) in spans {
        let from_ns = from_ns.max(end_ns);
        covered_ns = covered_ns.saturating_add(to_ns.saturating_sub(from_ns).max(0));
        end_ns = end_ns.max(to_ns);
    }
    Some(covered_ns)
}

/// The runs that recorded no start, except those whose annotations were left out: that is a warning
/// of its own.
fn without_start(recording: &Recording, coverage: &Coverage) -> Vec<Warning> {
    let left_out = |recorder: &str| {
        let mut damaged = recording.damaged.iter();
        damaged.any(|file| file.may_be_of(recorder) && file.may_have(Table::ANNOTATIONS))
    };
    let runs = coverage.runs.iter().filter(|(_, run)| !run.has_start);
    let runs = runs.filter(|(recorder, _)| !left_out(recorder));
    runs.map(|(recorder, _)| Warning::NoStart {
        recorder: recorder.clone(),
    })
    .collect()
}

fn damaged(recording: &Recording) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let damaged = recording.journals.iter().map(|journal| journal.damaged);
    let (frames, bytes) = damaged.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    if frames > 0 {
        warnings.push(Warning::DamagedJournals { frames, bytes });
    }
    let left_out: Vec<u64> = recording
        .segments
        .iter()
        .map(|segment| segment.damaged_bytes)
        .filter(|&bytes| bytes > 0)
        .collect();
    if !left_out.is_empty() {
        warnings.push(Warning::Recovered {
            files: left_out.len(),
            bytes: left_out.iter().sum(),
        });
    }
    warnings
}

/// One warning for each table of which files lack columns that their own version has. A column that
/// came later is none: their recorder could not know it.
fn missing_columns(recording: &Recording) -> Vec<Warning> {
    let of_table = |declaration: &&'static Declaration| {
        let table = declaration.table;
        // Many files have the same columns.
        let mut kinds: Vec<(&SchemaRef, usize)> = Vec::new();
        let segments = recording.segments(table).map(|segment| &segment.columns);
        let journals = recording.journals(table);
        let journals = journals.filter_map(|journal| journal.columns.as_ref());
        for columns in segments.chain(journals) {
            match kinds.last_mut() {
                Some((known, files)) if Arc::ptr_eq(known, columns) => *files += 1,
                _ => kinds.push((columns, 1)),
            }
        }
        let mut lacking: BTreeMap<&str, usize> = BTreeMap::new();
        for (columns, files) in &kinds {
            for name in declaration.lacking(|name| columns.column_with_name(name).is_some()) {
                *lacking.entry(name).or_default() += files;
            }
        }
        (!lacking.is_empty()).then(|| Warning::MissingColumns {
            table,
            columns: lacking.into_iter().collect(),
            files: kinds.iter().map(|(_, files)| files).sum(),
        })
    };
    DECLARATIONS.iter().filter_map(of_table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_that_overlap_are_counted_once() {
        let gap = |from_ns, to_ns| Gap {
            from_ns,
            to_ns,
            cause: String::new(),
            is_counted: false,
        };
        let covered = |gaps: &[(i64, Option<i64>)]| {
            let gaps: Vec<Gap> = gaps.iter().map(|&(from, to)| gap(from, to)).collect();
            covered_ns(&gaps)
        };
        assert_eq!(covered(&[]), Some(0));
        assert_eq!(covered(&[(5, Some(9)), (1, Some(3))]), Some(6));
        assert_eq!(
            covered(&[(1, Some(9)), (2, Some(4)), (8, Some(12))]),
            Some(11)
        );
        assert_eq!(covered(&[(1, Some(9)), (2, None)]), None);
    }
}
