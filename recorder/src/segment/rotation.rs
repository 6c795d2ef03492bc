//! Decides when a segment ends, from values that the caller passes: no I/O, no clock.
//!
//! Segments end at fixed moments of UTC, counted from midnight, so that the files of all tables and
//! hosts cover the same periods. UTC has no days of 23 or 25 hours, and a suspended machine crosses
//! any number of these moments at once: that is one rotation.

#[cfg(test)]
mod tests;

use crate::clock::ClockPair;
use crate::plan::SegmentLimits;

const DAY_NS: i64 = 86_400_000_000_000;

/// The most that UTC may move against the boot clock between two checks, ns; more is a step.
/// Slewing (at most 0.05%) stays far below it with a check every few seconds, and so does the
/// jitter of reading two clocks.
pub const STEP_TOLERANCE_NS: i64 = 10_000_000;

/// Least time between two segments that a step of UTC ends, ns of the boot clock. Where UTC keeps
/// jumping (two time servers that disagree), the rows of this time share a file that is not sorted.
pub const STEP_PAUSE_NS: u64 = 60_000_000_000;

/// Why a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// UTC was stepped back, or forward into another period. Rows from before and after go to
    /// different files, so that each stays sorted.
    ClockStepped,
    /// A period ended, or a UTC midnight passed.
    Period,
    /// Its journal is large enough.
    Bytes,
    /// It has enough rows.
    Rows,
    /// It is far older than a period: UTC stood still, or was held back.
    Age,
}

/// What the journal of a segment holds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

/// The rotation of one table's segments.
#[derive(Clone, Debug)]
pub struct Rotation {
    limits: SegmentLimits,
    open: Option<Open>,
    /// The latest moment that was passed. A caller may pass an earlier one: that of rows that
    /// waited.
    latest: ClockPair,
    /// When the last pause after a step began, ns of the boot clock.
    stepped_at_ns: Option<u64>,
}

/// The open segment.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// When it was opened, ns of the boot clock.
    opened_boot_ns: u64,
    /// The moment whose period the segment belongs to: that of its start, or of a step of UTC that
    /// did not end it.
    anchor_utc_ns: i64,
    /// The clocks at the last check.
    last_seen: ClockPair,
    /// UTC was stepped in the pause after another step.
    is_disturbed: bool,
}

impl Rotation {
    /// For a table without an open segment.
    pub fn new(limits: SegmentLimits) -> Self {
        Self {
            limits,
            open: None,
            latest: ClockPair::default(),
            stepped_at_ns: None,
        }
    }

    /// A segment begins.
    pub fn open(&mut self, now: ClockPair) {
        let now = self.latest(now);
        self.open = Some(Open {
            opened_boot_ns: now.boot_ns,
            anchor_utc_ns: now.utc_ns,
            last_seen: now,
            is_disturbed: false,
        });
    }

    /// Why the open segment ends now; `None` where it goes on, or none is open. After a reason no
    /// segment is open.
    pub fn check(&mut self, filled: Filled, now: ClockPair) -> Option<Reason> {
        let now = self.latest(now);
        let reason = self.reason(filled, now);
        if reason.is_some() {
            self.open = None;
        }
        reason
    }

    fn latest(&mut self, now: ClockPair) -> ClockPair {
        if now.boot_ns >= self.latest.boot_ns {
            self.latest = now;
        }
        self.latest
    }

    fn reason(&mut self, filled: Filled, now: ClockPair) -> Option<Reason> {
        let limits = self.limits;
        let may_step = self
            .stepped_at_ns
            .is_none_or(|at| now.boot_ns.saturating_sub(at) >= STEP_PAUSE_NS);
        let open = self.open.as_mut()?;
        let drift = now.offset_ns().saturating_sub(open.last_seen.offset_ns());
        open.last_seen = now;
        let is_other_period = period(&limits, now.utc_ns) != period(&limits, open.anchor_utc_ns);
        let is_back = drift < -STEP_TOLERANCE_NS || now.utc_ns < open.anchor_utc_ns;
        if is_back || drift > STEP_TOLERANCE_NS {
            if may_step {
                self.stepped_at_ns = Some(now.boot_ns);
                if is_back || is_other_period {
                    return Some(Reason::ClockStepped);
                }
            } else {
                open.is_disturbed = true;
                open.anchor_utc_ns = now.utc_ns;
            }
        } else if is_other_period {
            if may_step || !open.is_disturbed {
                return Some(Reason::Period);
            }
            open.anchor_utc_ns = now.utc_ns;
        }
        let age_ns = now.boot_ns.saturating_sub(open.opened_boot_ns);
        if filled.bytes >= limits.max_bytes {
            Some(Reason::Bytes)
        } else if limits.max_rows.is_some_and(|most| filled.rows >= most) {
            Some(Reason::Rows)
        } else if age_ns >= most_age_ns(&limits) {
            Some(Reason::Age)
        } else {
            None
        }
    }
}

/// Age at which a segment ends whatever UTC does, ns of the boot clock: twice a period, so that a
/// clock that is slewed never ends a segment shortly before its period does.
fn most_age_ns(limits: &SegmentLimits) -> u64 {
    2 * limits.period_ns.min(DAY_NS.unsigned_abs())
}

/// The period that a moment lies in: the day, and the period of the day.
fn period(limits: &SegmentLimits, utc_ns: i64) -> (i64, u64) {
    let of_day = utc_ns.rem_euclid(DAY_NS).unsigned_abs();
    (utc_ns.div_euclid(DAY_NS), of_day / limits.period_ns.max(1))
}
