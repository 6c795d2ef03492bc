//! The sentences of warnings.

use std::fmt;

use serde::{Serialize, Serializer};
use soakbox_cli::escaped_path;

use super::warning::Warning;
use crate::units::{bytes, count, duration, percent, plural, rfc3339};

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Unsealed {
                recorder,
                rows,
                unknown,
            } => {
                match unknown {
                    None => write!(f, "the recorder {recorder} ended without sealing")?,
                    Some(reason) => write!(
                        f,
                        "the recorder {recorder} has not sealed its journals, and it is not known \
                         whether it still runs ({reason})"
                    )?,
                }
                write!(
                    f,
                    ": {} {} in its journals {} read, and later rows may be missing; \
                     `soakbox-recorder recover DIR` seals the journals",
                    count(*rows),
                    plural(*rows, "row"),
                    if *rows == 1 { "is" } else { "are" }
                )
            }
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
                    "{operation}: {} of {} finished operations were lost ({}): {}",
                    count(*lost),
                    count(*finished),
                    percent(*lost as f64 / (*finished).max(1) as f64),
                    causes.join(", ")
                )
            }
            Warning::Filtered {
                operation,
                filtered,
                finished,
            } => write!(
                f,
                "{operation}: {} of {} finished operations have no row, because a filter of the \
                 recording left them out",
                count(*filtered),
                count(*finished)
            ),
            Warning::Stuck {
                operation,
                in_flight,
                oldest_ns,
            } => write!(
                f,
                "{operation}: {} in flight at the end, the oldest for {}; durations are those of \
                 operations that finished",
                count((*in_flight).max(1).unsigned_abs()),
                duration(*oldest_ns as f64)
            ),
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
                    Some(length) => write!(f, ", for {} in total", duration(*length as f64))?,
                    None => write!(f, ", until the end")?,
                }
                write!(f, ": {}", causes.join(", "))
            }
            Warning::NoStart { recorder } => write!(
                f,
                "the annotations of the recorder {recorder} are missing or do not begin with its \
                 start: when it observed nothing is not known"
            ),
            Warning::ClockStepped {
                recorder,
                times,
                at_ns,
                by_ns,
            } => {
                let sign = if *by_ns < 0 { "−" } else { "+" };
                let by = duration(by_ns.unsigned_abs() as f64);
                write!(f, "the clock of the run {recorder} was set by {sign}{by}")?;
                write!(f, " at {}", rfc3339(*at_ns))?;
                match times.saturating_sub(1) {
                    0 => {}
                    1 => write!(f, ", and once more")?,
                    more => write!(f, ", and {more} times more")?,
                }
                write!(
                    f,
                    ": time that it skipped or showed twice is in no window of a verdict or a chart, and \
                     rates are per second that passed"
                )
            }
            Warning::Disagreement { operation } => write!(
                f,
                "{operation}: the kernel's counts and the rows disagree; `info` shows both"
            ),
            Warning::DamagedJournals {
                frames,
                bytes: damaged,
            } => write!(
                f,
                "journals are damaged in {frames} {} ({}); the rows there are missing",
                plural(*frames, "place"),
                bytes(*damaged as f64)
            ),
            Warning::Recovered {
                files,
                bytes: left_out,
            } => write!(
                f,
                "{} in the journals of {files} {} do not belong to a whole frame, and recovery could \
                 not save them; their rows are missing",
                bytes(*left_out as f64),
                plural(*files as u64, "segment")
            ),
            Warning::MissingColumns {
                table,
                columns,
                files,
            } => {
                let all = count(*files as u64);
                let columns: Vec<String> = columns
                    .iter()
                    .map(|(name, lacking)| {
                        let lacking = count(*lacking as u64);
                        format!("{name} (in {lacking} of {all} files)")
                    })
                    .collect();
                write!(
                    f,
                    "{}: columns that files of their version have are missing, and null there: {}",
                    table.name(),
                    columns.join(", ")
                )
            }
            Warning::Skipped { path, reason } => {
                write!(f, "left out {}: {reason}", escaped_path(path))
            }
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
