//! When a recording observed and when it did not: the runs of its recorders, their gaps, and the
//! annotated moments. Times are in nanoseconds UTC.

mod annotations;
mod clock_steps;
mod covered;
mod known_runs;
mod missing_files;
mod ranges;
mod run_annotations;

pub(crate) use annotations::Annotations;
pub use annotations::{Gap, Moment};
pub use clock_steps::ClockSteps;
pub use covered::{Coverage, RunCoverage};
pub use known_runs::KnownRuns;
pub(crate) use ranges::{length_ns, merge};

/// Intervals at the end of a run that may not be written completely: one is still being counted,
/// another is being flushed.
pub(crate) const INCOMPLETE_INTERVALS: i64 = 2;
