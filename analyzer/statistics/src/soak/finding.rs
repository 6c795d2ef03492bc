//! The findings of `soakbox.soak/1` and the options of [`soak`](crate::soak).
//!
//! Types only. `leak` and `growth` compute the numbers.

use crate::soak::trend::Trend;

/// The two kinds of growth that are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// The troughs of a sawtooth rise (without a sawtooth: the series itself).
    Leak,
    /// The mean rises.
    Drift,
}

impl FindingKind {
    /// The word in `soakbox.soak/1`.
    pub const fn name(self) -> &'static str {
        match self {
            FindingKind::Leak => "leak",
            FindingKind::Drift => "drift",
        }
    }
}

/// Whether growth was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The slope lies above the tolerance, at the rate of false alarms that the options give.
    Found,
    /// The whole interval does not exceed the tolerance, and no growth is found in the last parts
    /// (half, quarter, eighth).
    Absent,
    /// The data decide neither, or there are too few.
    Inconclusive,
}

impl Status {
    /// The word in `soakbox.soak/1`.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Found => "found",
            Status::Absent => "absent",
            Status::Inconclusive => "inconclusive",
        }
    }
}

/// One finding of `soakbox.soak/1`; slopes in the data's unit per hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The kind of growth.
    pub kind: FindingKind,
    /// Name of the series, as the caller gave it.
    pub subject: String,
    /// Whether it was found.
    pub status: Status,
    /// Slope, unit per hour, less the slope of the reference if there is one; `None` when there
    /// were too few points.
    pub slope_per_hour: Option<f64>,
    /// Lower end of its 95% interval.
    pub low: Option<f64>,
    /// Upper end of its 95% interval.
    pub high: Option<f64>,
    /// Seconds from the last peak until the series reaches the limit at the slope of its own
    /// `trend`, with the cycle that was subtracted from it; 0 if any value reached it, whatever the status. Otherwise `None` without a limit,
    /// when nothing was found, and when the interval of the trend's slope includes 0 or less:
    /// compared with a reference that falls, growth is also found in a series that does not rise.
    pub time_to_limit_s: Option<f64>,
    /// When a value reached the limit for the first time, in the caller's seconds.
    pub limit_reached: Option<f64>,
    /// The smallest slope that would have been found with 80% probability, in the last half alone
    /// if that was judged. Above 0; `None` where the noise is not known.
    pub detectable: Option<f64>,
    /// Number of periods of the sawtooth; `None` without a sawtooth.
    pub periods: Option<f64>,
    /// The fitted line of the part that the numbers describe.
    pub trend: Option<Trend>,
    /// The line of the whole series: the reference of a later run.
    pub whole: Option<Trend>,
    /// First time of the part that the numbers describe, in the caller's seconds: the whole series,
    /// or a last part when only that grows. `None` without points.
    pub since: Option<f64>,
    /// The reason of `status`, in one line.
    pub reason: String,
}

/// When growth counts as found.
#[derive(Debug, Clone, PartialEq)]
pub struct SoakOptions {
    /// Growth per hour, relative to the level at the start, that is still acceptable.
    pub tolerance_per_hour: f64,
    /// Growth in the data's unit per hour that is still acceptable. The larger of the two
    /// tolerances is used: a level of 0 has no relative one.
    pub absolute_tolerance_per_hour: f64,
    /// The value that must not be reached, finite, in the data's unit.
    pub limit: Option<f64>,
    /// The line of a known-good run: only growth beyond its slope counts.
    pub reference: Option<Trend>,
    /// Times at which the process restarted, ascending. Growth is then judged inside its lives,
    /// from one start to the next, with one slope for all of them.
    pub restarts: Vec<f64>,
    /// True when `restarts` has all restarts, also if there were none. Otherwise, without any, a
    /// series that rises for more than an hour and falls back may be a process that leaks and
    /// restarts: its leak is then not absent but inconclusive.
    pub restarts_known: bool,
    /// The probability that one finding is found where nothing grows, 0..=0.5. The interval of the
    /// slope is the 95% one whatever the rate.
    pub false_alarm: f64,
    /// Length of a cycle of the load, seconds. It is subtracted when the series covers it at least
    /// twice and has it, unless there are `restarts`: lives of a day look like a cycle.
    pub cycle_s: Option<f64>,
}

impl Default for SoakOptions {
    fn default() -> SoakOptions {
        SoakOptions {
            tolerance_per_hour: 0.001,
            absolute_tolerance_per_hour: 0.0,
            limit: None,
            reference: None,
            restarts: Vec::new(),
            restarts_known: false,
            false_alarm: 0.05,
            cycle_s: Some(86_400.0),
        }
    }
}
