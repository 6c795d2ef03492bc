//! Does something grow that should not: the findings of `soakbox.soak/1`.
//!
//! A garbage collector's sawtooth fools a straight line, so the line goes through its troughs: what survives each
//! collection. This room judges the slope; the teeth are found in
//! `teeth`, and it must never fit a line itself.

use crate::distribution::t_upper_quantile;
use crate::error::{Error, within};
use crate::teeth::teeth;
use crate::trend::{Trend, trend};

/// Fewer periods of a sawtooth than this say nothing about what lies beneath it.
pub const MIN_PERIODS: f64 = 5.0;
const HOUR: f64 = 3600.0;
/// Level beyond each end of a finding's interval.
const LEVEL: f64 = 0.025;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Growth of the lower envelope.
    Leak,
    /// A steady rise or fall of the mean.
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

/// Whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The whole interval lies above the tolerance.
    Found,
    /// The whole interval lies below the tolerance.
    Absent,
    /// The data cannot tell.
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
    /// Leak or drift.
    pub kind: FindingKind,
    /// What was looked at.
    pub subject: String,
    /// Whether it is there.
    pub status: Status,
    /// Slope, unit per hour; `None` when none could be read.
    pub slope_per_hour: Option<f64>,
    /// Lower end of its 95% interval.
    pub low: Option<f64>,
    /// Upper end of its 95% interval.
    pub high: Option<f64>,
    /// Seconds until the limit at this slope, from the last peak; `None` without a limit or a leak.
    pub time_to_limit_s: Option<f64>,
    /// The smallest slope that these data would have called found with 80% probability.
    pub detectable: Option<f64>,
    /// Periods of the sawtooth that were seen; `None` without one.
    pub periods: Option<f64>,
    /// The fitted line, which may serve as the reference of a later run.
    pub trend: Option<Trend>,
    /// Why, in one line.
    pub reason: String,
}

/// How growth is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoakOptions {
    /// Growth per hour, relative to the level at the start, that is still acceptable.
    pub tolerance_per_hour: f64,
    /// The value that must not be reached, in the data's unit.
    pub limit: Option<f64>,
    /// The line of a known-good run: only growth beyond it counts.
    pub reference: Option<Trend>,
}

impl Default for SoakOptions {
    fn default() -> SoakOptions {
        SoakOptions {
            tolerance_per_hour: 0.001,
            limit: None,
            reference: None,
        }
    }
}

/// Looks for growth of the lower envelope and of the mean of `values` at `times` in seconds.
///
/// NaN or infinite values are missing. Teeth are swings of half the series' own range that stand out of its
/// point-to-point noise; with fewer than 5 periods of them nothing is concluded. A first rise that has not fallen
/// back yet cannot be told from a leak and counts as one. Status: found if the whole interval lies above the
/// tolerance, absent if it lies below, otherwise inconclusive. Assumes what [`trend`] assumes.
///
/// # Errors
/// Times of another length, not finite or descending; a tolerance below 0.
pub fn soak(
    subject: &str,
    times: &[f64],
    values: &[f64],
    options: &SoakOptions,
) -> Result<[Finding; 2], Error> {
    within(
        "tolerance_per_hour",
        options.tolerance_per_hour,
        0.0,
        1e6,
        "0 or more",
    )?;
    if times.len() != values.len() {
        return Err(Error::Length {
            left: "values",
            left_length: values.len(),
            right: "times",
            right_length: times.len(),
        });
    }
    let mut last = f64::MIN;
    for &time in times {
        within(
            "time",
            time,
            last,
            f64::MAX,
            "finite and not before the one before it",
        )?;
        last = time;
    }
    let present = times
        .iter()
        .zip(values)
        .filter(|(t, v)| t.abs() < 1e140 && v.abs() < 1e140);
    let (times, values): (Vec<f64>, Vec<f64>) = present.map(|(t, v)| (*t, *v)).unzip();
    let teeth = teeth(&times, &values);
    let of = |kind| blank(kind, subject);
    let leak = match &teeth {
        Some(teeth) if teeth.periods < MIN_PERIODS => Finding {
            periods: Some(teeth.periods),
            reason: format!(
                "only {:.1} periods of the sawtooth were seen",
                teeth.periods
            ),
            ..of(FindingKind::Leak)
        },
        Some(teeth) => {
            let line = trend(&teeth.times, &teeth.lows);
            let mut finding = judged(of(FindingKind::Leak), line, teeth.height, options);
            finding.periods = Some(teeth.periods);
            finding
        }
        None => judged(of(FindingKind::Leak), trend(&times, &values), 0.0, options),
    };
    let drift = match &teeth {
        Some(teeth) if teeth.periods < MIN_PERIODS => Finding {
            reason: leak.reason.clone(),
            ..of(FindingKind::Drift)
        },
        _ => judged(of(FindingKind::Drift), trend(&times, &values), 0.0, options),
    };
    Ok([leak, drift])
}

fn blank(kind: FindingKind, subject: &str) -> Finding {
    Finding {
        kind,
        subject: subject.to_owned(),
        status: Status::Inconclusive,
        slope_per_hour: None,
        low: None,
        high: None,
        time_to_limit_s: None,
        detectable: None,
        periods: None,
        trend: None,
        reason: "too few points to read a slope".to_owned(),
    }
}

fn judged(blank: Finding, line: Option<Trend>, height: f64, options: &SoakOptions) -> Finding {
    let Some(line) = line else { return blank };
    let mut compared = line;
    if let Some(good) = options.reference {
        compared.slope -= good.slope;
        let (own, other) = (line.standard_error.powi(2), good.standard_error.powi(2));
        let total = own + other;
        let parts = own * own / line.degrees_of_freedom + other * other / good.degrees_of_freedom;
        compared.standard_error = total.sqrt();
        if parts > 0.0 {
            compared.degrees_of_freedom = total * total / parts;
        }
    }
    let (low, high) = compared.interval(LEVEL);
    let tolerance = options.tolerance_per_hour * line.start.abs() / HOUR;
    let (status, reason) = if low > tolerance {
        (
            Status::Found,
            "the slope's whole interval lies above the tolerance",
        )
    } else if high < tolerance {
        (
            Status::Absent,
            "the slope's whole interval lies below the tolerance",
        )
    } else {
        (
            Status::Inconclusive,
            "the slope's interval includes the tolerance",
        )
    };
    let room = options.limit.map(|limit| limit - (line.end + height));
    let left = room
        .filter(|_| status == Status::Found)
        .map(|room| room.max(0.0) / line.slope);
    let sure = t_upper_quantile(LEVEL, compared.degrees_of_freedom)
        + t_upper_quantile(0.2, compared.degrees_of_freedom);
    let finite = |value: f64| value.is_finite().then_some(value);
    Finding {
        status,
        slope_per_hour: finite(compared.slope * HOUR),
        low: finite(low * HOUR),
        high: finite(high * HOUR),
        time_to_limit_s: left.and_then(finite),
        detectable: finite((tolerance + sure * compared.standard_error) * HOUR),
        trend: Some(line),
        reason: reason.to_owned(),
        ..blank
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 101) as f64 / 101.0 + ((i * 104_729) % 97) as f64 / 97.0 - 1.0
    }

    fn heap(points: usize, period: usize, growth: f64) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..points).map(|i| 10.0 * i as f64).collect();
        let value = |i: usize| {
            let tooth = (i % period) as f64 / period as f64;
            100.0 * (1.0 + growth * times[i] / HOUR) + 30.0 * tooth + 2.0 * noise(i)
        };
        let values = (0..points).map(value).collect();
        (times, values)
    }

    fn leak(points: usize, period: usize, growth: f64, options: &SoakOptions) -> Finding {
        let (times, values) = heap(points, period, growth);
        let [leak, _] = soak("heap", &times, &values, options).unwrap();
        leak
    }

    #[test]
    fn a_leak_beneath_a_sawtooth_is_found_with_its_slope() {
        let options = SoakOptions {
            limit: Some(200.0),
            ..SoakOptions::default()
        };
        let found = leak(8640, 60, 0.01, &options);
        assert_eq!(found.status, Status::Found, "{found:?}");
        assert!(
            (found.slope_per_hour.unwrap() - 1.0).abs() < 0.05,
            "{found:?}"
        );
        // 24 h at 1 an hour and a tooth of 30: (200 − 124 − 30) / 1 hours.
        assert!(
            (found.time_to_limit_s.unwrap() / HOUR - 46.0).abs() < 4.0,
            "{found:?}"
        );
        assert_eq!(leak(8640, 60, 0.0, &options).status, Status::Absent);
    }

    #[test]
    fn fewer_than_five_periods_say_nothing() {
        for points in [120, 150, 200, 240, 290] {
            for growth in [0.0, 0.05] {
                let found = leak(points, 60, growth, &SoakOptions::default());
                assert_eq!(found.status, Status::Inconclusive, "{points}: {found:?}");
            }
        }
    }

    #[test]
    fn a_known_good_run_takes_its_slope_off() {
        let good = leak(8640, 60, 0.01, &SoakOptions::default()).trend;
        let options = SoakOptions {
            reference: good,
            ..SoakOptions::default()
        };
        assert_eq!(leak(8640, 60, 0.01, &options).status, Status::Absent);
        assert_eq!(leak(8640, 60, 0.03, &options).status, Status::Found);
    }

    #[test]
    fn wrong_input_is_refused() {
        assert!(soak("x", &[1.0], &[], &SoakOptions::default()).is_err());
        assert!(soak("x", &[2.0, 1.0], &[1.0, 1.0], &SoakOptions::default()).is_err());
        let [leak, _] = soak("x", &[], &[], &SoakOptions::default()).unwrap();
        assert_eq!(leak.status, Status::Inconclusive);
    }

    proptest! {
        #[test]
        fn nothing_panics(values in proptest::collection::vec(any::<f64>(), 0..100)) {
            let times: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
            let _ = soak("x", &times, &values, &SoakOptions::default());
        }
    }
}
