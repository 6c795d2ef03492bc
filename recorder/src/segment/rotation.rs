//! Decides when a segment ends, from values that the caller passes: no I/O, no clock.

use crate::clock::ClockPair;
use crate::plan::SegmentLimits;

const DAY_NS: i64 = 86_400_000_000_000;

/// The most that UTC may fall behind the boot clock between two checks, ns; more is a step. Slewing
/// (at most 0.05%) stays far below it with a check every few seconds, and so does the jitter of
/// reading two clocks.
pub const STEP_TOLERANCE_NS: i64 = 10_000_000;

/// Values of the open segment that the decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSegment {
    /// When it was opened.
    pub started: ClockPair,
    /// The clocks at the last check.
    pub last_seen: ClockPair,
    /// Bytes in its journal.
    pub bytes: u64,
}

/// Why a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// UTC was stepped back: before the segment's start, or relative to the boot clock since the
    /// last check. Rows from before and after go to different files, so that each stays sorted.
    ClockStepped,
    /// A UTC midnight passed since its start.
    Midnight,
    /// Its journal is large enough.
    Bytes,
    /// It is old enough.
    Age,
}

/// Why `segment` ends now; `None` where it goes on. Not called for a segment without rows: there is
/// nothing to seal.
pub fn decide(limits: &SegmentLimits, segment: &OpenSegment, now: ClockPair) -> Option<Reason> {
    let drift = now
        .offset_ns()
        .saturating_sub(segment.last_seen.offset_ns());
    if now.utc_ns < segment.started.utc_ns || drift < -STEP_TOLERANCE_NS {
        Some(Reason::ClockStepped)
    } else if day(now) != day(segment.started) {
        Some(Reason::Midnight)
    } else if segment.bytes >= limits.max_bytes {
        Some(Reason::Bytes)
    } else if now.boot_ns.saturating_sub(segment.started.boot_ns) >= limits.max_age_ns {
        Some(Reason::Age)
    } else {
        None
    }
}

fn day(clock: ClockPair) -> i64 {
    clock.utc_ns.div_euclid(DAY_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: SegmentLimits = SegmentLimits {
        max_bytes: 1_000,
        max_age_ns: 60_000_000_000,
    };
    const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;

    fn pair(boot_ns: u64, utc_ns: i64) -> ClockPair {
        ClockPair { boot_ns, utc_ns }
    }

    fn open(started: ClockPair, last_seen: ClockPair, bytes: u64) -> OpenSegment {
        OpenSegment {
            started,
            last_seen,
            bytes,
        }
    }

    /// A segment, and the moment `elapsed` after its start, with UTC stepped by `step` since the
    /// last check, which was half way.
    fn case(start: i64, elapsed: u64, step: i64, bytes: u64) -> (OpenSegment, ClockPair) {
        let started = pair(7, start);
        let at = |boot: u64, step: i64| pair(boot, started.utc_of(boot) + step);
        let segment = open(started, at(7 + elapsed / 2, 0), bytes);
        (segment, at(7 + elapsed, step))
    }

    #[test]
    fn each_reason_at_its_edge() {
        let quiet = |elapsed, step, bytes| {
            let (segment, now) = case(NOON, elapsed, step, bytes);
            decide(&LIMITS, &segment, now)
        };
        assert_eq!(quiet(0, 0, 999), None);
        assert_eq!(quiet(0, 0, 1_000), Some(Reason::Bytes));
        assert_eq!(quiet(59_999_999_999, 0, 0), None);
        assert_eq!(quiet(60_000_000_000, 0, 0), Some(Reason::Age));
        assert_eq!(quiet(30_000_000_000, -STEP_TOLERANCE_NS, 0), None);
        assert_eq!(
            quiet(30_000_000_000, -STEP_TOLERANCE_NS - 1, 0),
            Some(Reason::ClockStepped)
        );
        // A step forward moves no row behind another.
        assert_eq!(quiet(30_000_000_000, 3_600_000_000_000, 0), None);
        let (segment, now) = case(20_001 * DAY_NS - 1, 1, 0, 0);
        assert_eq!(decide(&LIMITS, &segment, now), Some(Reason::Midnight));
    }

    proptest! {
        #[test]
        fn a_segment_that_goes_on_is_within_every_bound(
            start in 0..4_000_000_000_000_000_000i64,
            elapsed in 0u64..200_000_000_000,
            step in -100_000_000_000i64..100_000_000_000,
            bytes in 0u64..2_000,
        ) {
            let (segment, now) = case(start, elapsed, step, bytes);
            if decide(&LIMITS, &segment, now).is_none() {
                prop_assert!(bytes < LIMITS.max_bytes);
                prop_assert!(elapsed < LIMITS.max_age_ns);
                prop_assert_eq!(day(now), day(segment.started));
                prop_assert!(now.utc_ns >= segment.started.utc_ns);
                prop_assert!(step >= -STEP_TOLERANCE_NS);
            }
        }

        #[test]
        fn a_segment_within_every_bound_goes_on(
            minute in 0i64..1_400,
            elapsed in 0u64..60_000_000_000,
            slew in -STEP_TOLERANCE_NS..STEP_TOLERANCE_NS,
            bytes in 0u64..1_000,
        ) {
            let start = 20_000 * DAY_NS + (minute + 1) * 60_000_000_000;
            let (segment, now) = case(start, elapsed, slew, bytes);
            if now.utc_ns >= start {
                prop_assert_eq!(decide(&LIMITS, &segment, now), None);
            }
        }

        #[test]
        fn no_clock_makes_it_panic(
            started: (u64, i64), seen: (u64, i64), now: (u64, i64), bytes: u64,
        ) {
            let segment = open(pair(started.0, started.1), pair(seen.0, seen.1), bytes);
            let _ = decide(&LIMITS, &segment, pair(now.0, now.1));
        }
    }
}
