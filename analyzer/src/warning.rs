//! What a reader must know before believing a figure: loss, gaps, counts that disagree, files left out. A type, not
//! prints: the table, the JSON and the report say the same.

use std::fmt;

use serde::{Serialize, Serializer};
use soakbox_schemas::recording::footer;

use crate::counting::OperationCounts;
use crate::gaps::Gap;
use crate::output::units::{bytes, count, duration, percent};
use crate::recording::Recording;

/// One thing to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// Operations finished and have no row.
    Loss {
        /// Of which operation.
        operation: String,
        /// How many.
        lost: u64,
        /// Of how many that finished.
        finished: u64,
        /// Causes with their counts, none of them 0.
        causes: Vec<(&'static str, u64)>,
    },
    /// Nothing, or not everything, was observed for a while.
    Gaps {
        /// How many times.
        gaps: usize,
        /// For how long in all, ns; `None` where one did not end.
        length_ns: Option<i64>,
        /// Why, each cause once.
        causes: Vec<String>,
    },
    /// The counts of an operation disagree with one another or with its rows.
    Identity {
        /// Which operation.
        operation: String,
    },
    /// Frames of a live journal are damaged; their rows are missing.
    Journal {
        /// How many stretches.
        frames: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Segments that recovery made of journals with damage.
    Recovered {
        /// How many segments.
        files: usize,
        /// Bytes that were no whole frame.
        bytes: u64,
    },
    /// A file was left out.
    Skipped {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Warning {
    /// All that there is to say about a recording.
    pub fn all(recording: &Recording, operations: &[OperationCounts], gaps: &[Gap]) -> Vec<Self> {
        let mut warnings = Vec::new();
        for operation in operations.iter().filter(|operation| operation.lost() > 0) {
            let causes = operation.lost.iter().filter(|(_, count)| **count > 0);
            warnings.push(Warning::Loss {
                operation: operation.operation.clone(),
                lost: operation.lost(),
                finished: operation.finished,
                causes: causes.map(|(cause, count)| (*cause, *count)).collect(),
            });
        }
        if !gaps.is_empty() {
            let lengths = gaps.iter().map(|gap| Some(gap.to_ns? - gap.from_ns));
            let mut causes: Vec<String> = gaps.iter().map(|gap| gap.cause.clone()).collect();
            causes.sort();
            causes.dedup();
            warnings.push(Warning::Gaps {
                gaps: gaps.len(),
                length_ns: lengths.sum(),
                causes,
            });
        }
        let disagreeing = operations.iter().filter(|o| o.identity_ok == Some(false));
        warnings.extend(disagreeing.map(|operation| Warning::Identity {
            operation: operation.operation.clone(),
        }));
        let damaged = recording.journals.iter().map(|journal| journal.damaged);
        let (frames, bytes) = damaged.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        if frames > 0 {
            warnings.push(Warning::Journal { frames, bytes });
        }
        let left_out: Vec<u64> = recording
            .segments
            .iter()
            .filter_map(|segment| segment.footer.get(footer::DAMAGED_BYTES)?.parse().ok())
            .collect();
        if !left_out.is_empty() {
            warnings.push(Warning::Recovered {
                files: left_out.len(),
                bytes: left_out.iter().sum(),
            });
        }
        warnings.extend(recording.damaged.iter().map(|file| Warning::Skipped {
            path: file.path.display().to_string(),
            reason: file.reason.clone(),
        }));
        warnings
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Loss {
                operation,
                lost,
                finished,
                causes,
            } => {
                let causes: Vec<String> = causes
                    .iter()
                    .map(|(cause, lost)| format!("{} {}", cause.replace('_', " "), count(*lost)))
                    .collect();
                write!(
                    f,
                    "{operation}: {} of {} finished operations have no row ({}): lost, {}",
                    count(*lost),
                    count(*finished),
                    percent(*lost as f64 / (*finished).max(1) as f64),
                    causes.join(", ")
                )
            }
            Warning::Gaps {
                gaps,
                length_ns,
                causes,
            } => {
                let times = if *gaps == 1 { "once" } else { "several times" };
                write!(f, "observation was incomplete {times}")?;
                if *gaps > 1 {
                    write!(f, " ({gaps} gaps)")?;
                }
                match length_ns {
                    Some(length) => write!(f, ", for {} in all", duration(*length as f64))?,
                    None => write!(f, ", until the end")?,
                }
                write!(f, ": {}", causes.join(", "))
            }
            Warning::Identity { operation } => write!(
                f,
                "{operation}: the kernel's counts and the rows disagree; see the columns of `info`"
            ),
            Warning::Journal {
                frames,
                bytes: damaged,
            } => write!(
                f,
                "live journals are damaged in {frames} {} ({}); the rows there are missing",
                if *frames == 1 { "place" } else { "places" },
                bytes(*damaged as f64)
            ),
            Warning::Recovered {
                files,
                bytes: left_out,
            } => write!(
                f,
                "recovery found {} in the journals of {files} {} that were no whole frame; the rows there are missing",
                bytes(*left_out as f64),
                if *files == 1 { "segment" } else { "segments" }
            ),
            Warning::Skipped { path, reason } => write!(f, "left out {path}: {reason}"),
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
