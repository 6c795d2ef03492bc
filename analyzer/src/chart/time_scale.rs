//! The axis of time, from milliseconds to years. Pure arithmetic.

use chrono::{DateTime, Utc};

use super::scale::Scale;

const SECOND: i64 = 1_000_000_000;
/// Most ticks on the axis.
const TICKS: i64 = 8;
/// The shortest time that an axis shows, ns.
const SHORTEST_NS: i64 = 1_000;

/// The axis of time; positions are nanoseconds since its begin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TimeScale {
    first_ns: i64,
    last_ns: i64,
    step_ns: i64,
}

impl TimeScale {
    pub(super) fn new(first_ns: i64, last_ns: i64) -> Self {
        let last_ns = last_ns.max(first_ns.saturating_add(SHORTEST_NS));
        Self {
            first_ns,
            last_ns,
            step_ns: time_step(last_ns.saturating_sub(first_ns)),
        }
    }

    pub(super) fn scale(&self) -> Scale {
        let step = self.step_ns;
        let first = self.first_ns.div_euclid(step).saturating_mul(step);
        let times = (0..=TICKS + 1).map(|index| first.saturating_add(index.saturating_mul(step)));
        let ticks = times
            .filter(|at| (self.first_ns..=self.last_ns).contains(at))
            .map(|at| (self.position(at), label(at, step)));
        Scale {
            low: 0.0,
            high: self.position(self.last_ns),
            ticks: ticks.collect(),
            unit: String::new(),
            logarithmic: false,
        }
    }

    /// Where a moment is; one outside of the axis is at its edge.
    pub(super) fn position(&self, at_ns: i64) -> f64 {
        let at = at_ns.clamp(self.first_ns, self.last_ns);
        at.saturating_sub(self.first_ns) as f64
    }

    pub(super) fn contains(&self, at_ns: i64) -> bool {
        (self.first_ns..=self.last_ns).contains(&at_ns)
    }

    /// The title: the dates that the axis covers, and what its labels leave out.
    pub(super) fn title(&self) -> String {
        let day = |at| utc(at).format("%Y-%m-%d").to_string();
        let (first, last) = (day(self.first_ns), day(self.last_ns));
        if first != last {
            return format!("time, UTC ({first} to {last})");
        }
        match self.step_ns < SECOND {
            true => {
                let minute = utc(self.first_ns).format("%H:%M");
                format!("time, s after {first} {minute} UTC")
            }
            false => format!("time, UTC ({first})"),
        }
    }
}

fn utc(ns: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(ns)
}

fn time_step(length_ns: i64) -> i64 {
    let seconds = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
        86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
    ];
    let fractions = (0..9)
        .map(|power| 10i64.pow(power))
        .flat_map(|ns| [ns, 2 * ns, 5 * ns]);
    fractions
        .chain(seconds.map(|seconds| seconds * SECOND))
        .find(|step| length_ns / step <= TICKS)
        .unwrap_or(length_ns / TICKS)
        .max(1)
}

fn label(at_ns: i64, step: i64) -> String {
    let at = utc(at_ns);
    let midnight = at_ns.rem_euclid(86_400 * SECOND) == 0;
    let format = if step >= 300 * 86_400 * SECOND {
        "%Y-%m-%d"
    } else if step >= 86_400 * SECOND || (midnight && step >= 600 * SECOND) {
        "%b %-d"
    } else if step >= 60 * SECOND {
        "%H:%M"
    } else if step >= SECOND {
        "%H:%M:%S"
    } else if step >= 1_000_000 {
        "%-S%.3f"
    } else if step >= 1_000 {
        "%-S%.6f"
    } else {
        "%-S%.9f"
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few_for_every_length() {
        let first_ns = 1_795_507_200_123_456_789;
        let mut length = 1_000;
        while length < 400 * 86_400 * SECOND {
            let ticks = TimeScale::new(first_ns, first_ns + length).scale().ticks;
            assert!(
                (3..=9).contains(&ticks.len()),
                "{} for {length} ns",
                ticks.len()
            );
            assert!(
                ticks.windows(2).all(|two| two[0].1 != two[1].1),
                "{ticks:?}"
            );
            length = length * 3 / 2;
        }
    }

    #[test]
    fn a_week_has_days_and_milliseconds_have_their_minute_in_the_title() {
        let first_ns = 1_795_507_200_000_000_000;
        let week = TimeScale::new(first_ns, first_ns + 7 * 86_400 * SECOND);
        assert_eq!(week.scale().ticks[0].1, "Nov 25");
        assert_eq!(week.title(), "time, UTC (2026-11-24 to 2026-12-01)");
        let moment = TimeScale::new(first_ns, first_ns + 10_000_000);
        assert_eq!(moment.scale().ticks[1].1, "0.002");
        assert_eq!(moment.title(), "time, s after 2026-11-24 08:00 UTC");
        // One moment, and times that nobody can have.
        for (first, last) in [(5, 5), (i64::MIN, i64::MAX), (i64::MAX, i64::MAX)] {
            assert!(TimeScale::new(first, last).scale().ticks.len() < 11);
        }
    }
}
