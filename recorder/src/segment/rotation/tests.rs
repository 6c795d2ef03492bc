//! The rotation under clocks that behave and that do not.

use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: i64 = 3_600_000_000_000;
const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;
const LIMITS: SegmentLimits = SegmentLimits {
    max_bytes: 1_000,
    max_rows: Some(100),
    period_ns: 10 * MINUTE,
};
const NOTHING: Filled = Filled { bytes: 1, rows: 1 };

fn pair(boot_ns: u64, utc_ns: i64) -> ClockPair {
    ClockPair { boot_ns, utc_ns }
}

/// A recording that is checked at each moment of a clock, with a row at each.
struct Recording {
    rotation: Rotation,
    now: ClockPair,
    ends: Vec<(u64, Reason)>,
}

impl Recording {
    fn at(utc_ns: i64) -> Self {
        let now = pair(7 * SECOND, utc_ns);
        let mut rotation = Rotation::new(LIMITS);
        rotation.open(now);
        let ends = Vec::new();
        Self {
            rotation,
            now,
            ends,
        }
    }

    /// Both clocks go on by `elapsed`, and UTC by `step` in addition.
    fn pass(&mut self, elapsed: u64, step: i64) -> Option<Reason> {
        let utc_ns = self.now.utc_ns.saturating_add_unsigned(elapsed);
        self.now = pair(self.now.boot_ns + elapsed, utc_ns.saturating_add(step));
        let reason = self.rotation.check(NOTHING, self.now);
        if let Some(reason) = reason {
            self.ends.push((self.now.boot_ns, reason));
            self.rotation.open(self.now);
        }
        reason
    }

    /// A check each second for so long.
    fn seconds(&mut self, seconds: u64) -> Vec<Reason> {
        let passed = (0..seconds).filter_map(|_| self.pass(SECOND, 0));
        passed.collect()
    }
}

#[test]
fn files_end_at_the_same_moments_whenever_the_recorder_started() {
    for started in [0, 1, 299, 599] {
        let mut recording = Recording::at(NOON + started * SECOND as i64);
        let left = 600 - started.unsigned_abs();
        assert_eq!(recording.seconds(left - 1), []);
        assert_eq!(recording.seconds(1), [Reason::Period]);
        assert_eq!(recording.seconds(599), []);
        assert_eq!(recording.pass(SECOND, 0), Some(Reason::Period));
    }
}

#[test]
fn a_period_that_does_not_divide_the_day_starts_again_at_midnight() {
    let limits = SegmentLimits {
        period_ns: 7 * MINUTE,
        ..LIMITS
    };
    let of = |minute: i64| period(&limits, 20_000 * DAY_NS + minute * MINUTE as i64);
    assert_eq!(of(6), of(0));
    assert_ne!(of(7), of(6));
    assert_eq!(of(1_439), of(1_435), "the last period of the day is short");
    assert_ne!(of(1_440), of(1_439));
    let week = SegmentLimits {
        period_ns: 7 * DAY_NS.unsigned_abs(),
        ..LIMITS
    };
    let days = [0, DAY_NS - 1, DAY_NS].map(|at| period(&week, at));
    assert_eq!((days[0] == days[1], days[1] == days[2]), (true, false));
}

#[test]
fn rows_that_waited_past_the_end_of_a_period_make_no_file_of_their_own() {
    let mut recording = Recording::at(NOON + 599 * SECOND as i64);
    let waited = recording.now;
    assert_eq!(recording.pass(SECOND, 0), Some(Reason::Period));
    recording.rotation.open(waited);
    assert_eq!(recording.rotation.check(NOTHING, waited), None);
    assert_eq!(recording.pass(SECOND, 0), None);
}

#[test]
fn bytes_and_rows_end_a_segment_at_their_limit() {
    for (bytes, rows, expected) in [
        (999, 99, None),
        (1_000, 1, Some(Reason::Bytes)),
        (1, 100, Some(Reason::Rows)),
    ] {
        let mut rotation = Rotation::new(LIMITS);
        rotation.open(pair(0, NOON));
        let reason = rotation.check(Filled { bytes, rows }, pair(1, NOON + 1));
        assert_eq!(reason, expected);
    }
    let mut unlimited = Rotation::new(SegmentLimits {
        max_rows: None,
        ..LIMITS
    });
    unlimited.open(pair(0, NOON));
    let rows = Filled {
        bytes: 1,
        rows: u64::MAX,
    };
    assert_eq!(unlimited.check(rows, pair(1, NOON + 1)), None);
    assert_eq!(Rotation::new(LIMITS).check(rows, pair(1, 1)), None);
}

#[test]
fn a_step_back_is_one_new_file_and_a_step_forward_only_in_another_period() {
    let tolerated = -STEP_TOLERANCE_NS;
    let mut recording = Recording::at(NOON + 5 * MINUTE as i64);
    assert_eq!(recording.pass(SECOND, tolerated), None);
    assert_eq!(
        recording.pass(SECOND, tolerated - 1),
        Some(Reason::ClockStepped)
    );
    assert_eq!(recording.pass(SECOND, MINUTE as i64), None);
    // Ten years forward: one file, and then the periods of the new time.
    recording.seconds(60);
    assert_eq!(
        recording.pass(SECOND, 3_650 * DAY_NS),
        Some(Reason::ClockStepped)
    );
    assert_eq!(recording.seconds(170), []);
    assert_eq!(recording.seconds(200), [Reason::Period]);
}

#[test]
fn a_suspended_machine_ends_one_segment() {
    let mut recording = Recording::at(NOON);
    // The boot clock counts the suspended time.
    assert_eq!(
        recording.pass(3 * HOUR.unsigned_abs() + SECOND, 0),
        Some(Reason::Period)
    );
    assert_eq!(recording.seconds(599 - 1), []);
}

#[test]
fn a_leap_second_is_one_more_file_at_most() {
    // Linux repeats the last second of the day, after it has shown midnight or before.
    for before in [0, 1] {
        let mut recording = Recording::at(20_001 * DAY_NS - 10 * SECOND as i64);
        recording.seconds(9 + before);
        recording.pass(SECOND, -(SECOND as i64));
        recording.seconds(30);
        let ends: Vec<Reason> = recording.ends.iter().map(|end| end.1).collect();
        assert!(ends.len() <= 3, "{ends:?}");
        assert!(ends.contains(&Reason::ClockStepped), "{ends:?}");
        assert_eq!(recording.seconds(500), []);
    }
}

#[test]
fn a_clock_that_stands_still_does_not_keep_a_segment_open() {
    let mut recording = Recording::at(NOON);
    let held: Vec<Reason> = (0..3 * 20 * 60)
        .filter_map(|_| recording.pass(SECOND, 1 - SECOND as i64))
        .collect();
    // Each check sees a step back; the pause lets one in a minute end a segment.
    assert!(held.len() <= 61, "{}", held.len());
    // Held back by less than a step each time.
    let mut recording = Recording::at(NOON);
    let moment = 10_000_000;
    let held: Vec<Reason> = (0..2 * 20 * 60 * 100)
        .filter_map(|_| recording.pass(moment, 1 - moment as i64))
        .collect();
    assert_eq!(held, [Reason::Age; 2]);
}

proptest! {
    /// Whatever UTC does, a segment ends within twice a period, and the files in any time are
    /// bounded: by one a minute for steps, and one for each period that passes.
    #[test]
    fn no_clock_makes_a_storm_of_files_or_one_that_never_ends(
        start in 0..4_000_000_000_000_000_000i64,
        moments in proptest::collection::vec(
            (1u64..30 * SECOND, prop_oneof![
                4 => Just(0i64),
                1 => -HOUR..HOUR,
                1 => -3_650 * DAY_NS..3_650 * DAY_NS,
                1 => any::<i64>(),
            ]),
            1..300,
        ),
    ) {
        let mut recording = Recording::at(start);
        let began = recording.now.boot_ns;
        let mut opened = began;
        let mut longest = 0;
        for (elapsed, step) in moments {
            if recording.pass(elapsed, step).is_some() {
                longest = longest.max(recording.now.boot_ns - opened - elapsed);
                opened = recording.now.boot_ns;
            }
        }
        let lasted = recording.now.boot_ns - began;
        longest = longest.max(recording.now.boot_ns - opened);
        prop_assert!(longest < most_age_ns(&LIMITS) + 30 * SECOND);
        let steps = lasted / STEP_PAUSE_NS + 1;
        // Each may lead to just before the end of a period, in its pause and after it.
        let most = 3 * steps + lasted / LIMITS.period_ns + 1;
        prop_assert!(recording.ends.len() as u64 <= most, "{} > {most}", recording.ends.len());
    }

    /// A clock that is only slewed ends a segment at the ends of periods and never elsewhere.
    #[test]
    fn a_slewed_clock_makes_no_other_files(
        start in 0..4_000_000_000_000_000_000i64,
        slews in proptest::collection::vec(-500_000i64..500_000, 1..3_000),
    ) {
        let mut recording = Recording::at(start);
        for slew in slews {
            let before = recording.now.utc_ns;
            let reason = recording.pass(SECOND, slew);
            let is_end = period(&LIMITS, before) != period(&LIMITS, recording.now.utc_ns);
            prop_assert_eq!(reason, is_end.then_some(Reason::Period));
        }
    }

    #[test]
    fn no_clock_makes_it_panic(
        moments in proptest::collection::vec((any::<u64>(), any::<i64>()), 0..20),
        period_ns: u64,
    ) {
        let mut rotation = Rotation::new(SegmentLimits { period_ns, ..LIMITS });
        for (boot_ns, utc_ns) in moments {
            rotation.check(NOTHING, pair(boot_ns, utc_ns));
            rotation.open(pair(boot_ns, utc_ns));
        }
    }
}
