//! One finding: the growth of a series, in the whole of it and in its last parts.
//!
//! `leak` chooses the series; `trend` fits the lines.

use crate::math::distributions::t_upper_quantile;
use crate::math::time_scales::MIN_WINDOWS;
use crate::soak::cycle::Cycle;
use crate::soak::finding::{Finding, FindingKind, SoakOptions, Status};
use crate::soak::limit::Peaks;
use crate::soak::trend::{Trend, trend_of_lives};

const SECONDS_PER_HOUR: f64 = 3600.0;
/// The probability beyond each end of the interval of the whole series.
const LEVEL: f64 = 0.025;
/// The last parts that are judged in addition: the share of the time before each, its name, and its
/// level as a share of that of the whole series. Growth that begins before the last eighth fills
/// most of one of them. All levels together are below twice that of the whole series.
const LAST_PARTS: [(f64, &str, f64); 3] = [
    (0.5, "half", 0.5),
    (0.75, "quarter", 0.25),
    (0.875, "eighth", 0.125),
];
/// With fewer points than this the last half is not judged.
const MIN_LATE_POINTS: usize = 5;
/// [`MIN_LATE_POINTS`] for shorter parts: the long-run variance needs as many.
const MIN_SHORT_POINTS: usize = MIN_WINDOWS;
/// The last half is flat if it falls by no more than this many tolerances: a cycle that is longer
/// than the series falls by more.
const FLAT: f64 = 2.0;
/// Number of blocks whose means show how high the series came before a last part.
const BLOCKS: usize = 20;
/// A last part must end above everything before it by this number of deviations of a block's mean.
const ABOVE: f64 = 2.0;

/// A series whose growth is judged.
pub(crate) struct Points<'a> {
    /// Seconds, ascending.
    pub(crate) times: &'a [f64],
    /// Finite, in the data's unit.
    pub(crate) values: &'a [f64],
    /// What is above the values, and is not a part of them.
    pub(crate) peaks: Peaks<'a>,
}

/// An inconclusive finding, without a fitted line.
pub(crate) fn inconclusive(kind: FindingKind, subject: &str) -> Finding {
    Finding {
        kind,
        subject: subject.to_owned(),
        status: Status::Inconclusive,
        slope_per_hour: None,
        low: None,
        high: None,
        time_to_limit_s: None,
        limit_reached: None,
        detectable: None,
        periods: None,
        trend: None,
        whole: None,
        since: None,
        reason: "too few points to estimate a slope".to_owned(),
    }
}

impl<'a> Points<'a> {
    /// A series without a sawtooth above it.
    pub(crate) fn of(times: &'a [f64], values: &'a [f64], cycle: Option<&'a Cycle>) -> Points<'a> {
        Points {
            times,
            values,
            peaks: Peaks { height: 0.0, cycle },
        }
    }

    /// The finding of the whole series, or of the longest of its last parts in which growth is
    /// found: growth that begins late hardly moves the line through all points. A series that is
    /// undecided as a whole does not grow if its last half is flat: a step or a warm-up is over.
    /// `detectable` of a whole that is absent is what the last half could have shown.
    pub(crate) fn growth(&self, blank: Finding, options: &SoakOptions) -> Finding {
        let judge = |from: usize, share: f64| {
            let (times, values) = (&self.times[from..], &self.values[from..]);
            let line = trend_of_lives(times, values, &options.restarts);
            let blank = Finding {
                since: times.first().copied(),
                ..blank.clone()
            };
            self.judged(blank, line, share, options)
        };
        let mut whole = judge(0, 1.0);
        let line = whole.trend;
        whole.whole = line;
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return whole;
        };
        if whole.status == Status::Found {
            return whole;
        }
        for (index, (before, name, share)) in LAST_PARTS.into_iter().enumerate() {
            let begin = first + before * (last - first);
            let late = self.times.partition_point(|t| *t < begin);
            let least = [MIN_LATE_POINTS, MIN_SHORT_POINTS][index.min(1)];
            if self.times.len() - late < least {
                break;
            }
            let part = judge(late, share);
            let new = |line: Trend| !options.restarts.is_empty() || self.ends_above(late, &line);
            if part.status != Status::Found {
                let rises = |line: Trend| {
                    line.slope > tolerance(&line, options) && self.ends_above(late, &line)
                };
                let alone = options.restarts.is_empty() && options.reference.is_none();
                let may_grow = alone && part.trend.is_some_and(rises);
                match whole.status {
                    Status::Absent if may_grow => {
                        whole.status = Status::Inconclusive;
                        whole.reason = format!(
                            "in the last {name} it rises above all before, but not clearly"
                        );
                    }
                    Status::Absent if index == 0 => {
                        whole.detectable = part.detectable.or(whole.detectable);
                    }
                    Status::Inconclusive if index == 0 && is_flat(&part, options) => {
                        whole = Finding {
                            reason: "flat in the last half: what moved before is over".to_owned(),
                            ..part
                        };
                    }
                    _ => {}
                }
            } else if part.trend.is_some_and(new) {
                let reason = format!("{}, in the last {name}", part.reason);
                return Finding {
                    reason,
                    whole: line,
                    ..part
                };
            }
        }
        Finding {
            whole: line,
            ..whole
        }
    }

    /// True when the points from `late` on end clearly above all that came before, and so does the
    /// `line` through them: a rise that only brings the series back is part of a swing.
    fn ends_above(&self, late: usize, line: &Trend) -> bool {
        let mean = |block: &[f64]| block.iter().sum::<f64>() / block.len() as f64;
        let length = (late / BLOCKS).max(1);
        let blocks = self.values[..late].chunks(length);
        let highest = blocks.map(mean).fold(f64::NEG_INFINITY, f64::max);
        let (times, values) = (&self.times[late..], &self.values[late..]);
        let (first, last) = (times[0], times[times.len() - 1]);
        let rise = (line.end - line.start) / (last - first).max(f64::MIN_POSITIVE);
        let residual = |(time, value): (&f64, &f64)| value - line.start - rise * (time - first);
        let squares: f64 = times.iter().zip(values).map(residual).map(|r| r * r).sum();
        let error = (squares / values.len() as f64 / length as f64).sqrt();
        let end = line
            .end
            .min(mean(&values[values.len() - length.min(values.len())..]));
        end > highest + ABOVE * error
    }

    /// The finding from its line, at the `share` of the levels of the whole series.
    fn judged(
        &self,
        blank: Finding,
        line: Option<Trend>,
        share: f64,
        options: &SoakOptions,
    ) -> Finding {
        let Some(line) = line else { return blank };
        let mut compared = line;
        if let Some(good) = options.reference {
            compared.slope -= good.slope;
            let (own, other) = (line.standard_error.powi(2), good.standard_error.powi(2));
            let total = own + other;
            let parts =
                own * own / line.degrees_of_freedom + other * other / good.degrees_of_freedom;
            compared.standard_error = total.sqrt();
            if parts > 0.0 {
                compared.degrees_of_freedom = total * total / parts;
            }
        }
        let (low, high) = compared.interval(LEVEL * share);
        // The whole series has half of the rate of a finding, and its last parts have the other half.
        let level = 0.5 * options.false_alarm * share;
        let (least, _) = compared.interval(level);
        let tolerance = tolerance(&line, options);
        let (status, reason) = if least > tolerance {
            (
                Status::Found,
                "the slope's whole interval lies above the tolerance",
            )
        } else if low > tolerance {
            (
                Status::Inconclusive,
                "the slope's interval lies above the tolerance, but not at the rate of false alarms that \
                 all findings share",
            )
        } else if high <= tolerance {
            (
                Status::Absent,
                "the slope's whole interval is within the tolerance",
            )
        } else {
            (
                Status::Inconclusive,
                "the slope's interval includes the tolerance",
            )
        };
        let limit = options.limit.filter(|_| status == Status::Found);
        let end = self.times.last().copied().unwrap_or(0.0);
        let until = |line: &Trend| self.peaks.seconds_until(limit?, line, end, LEVEL);
        let deviations = t_upper_quantile(level, compared.degrees_of_freedom)
            + t_upper_quantile(0.2, compared.degrees_of_freedom);
        let finite = |value: f64| value.is_finite().then_some(value);
        Finding {
            status,
            slope_per_hour: finite(compared.slope * SECONDS_PER_HOUR),
            low: finite(low * SECONDS_PER_HOUR),
            high: finite(high * SECONDS_PER_HOUR),
            time_to_limit_s: until(&line),
            detectable: finite(
                (tolerance + deviations * compared.standard_error) * SECONDS_PER_HOUR,
            )
            .filter(|slope| *slope > 0.0),
            trend: Some(line),
            reason: reason.to_owned(),
            ..blank
        }
    }
}

/// True when the slope of a part is within the tolerance, up and about as much down.
fn is_flat(part: &Finding, options: &SoakOptions) -> bool {
    let tolerance = part.trend.map(|line| tolerance(&line, options));
    let (Some(low), Some(tolerance)) = (part.low, tolerance) else {
        return false;
    };
    part.status == Status::Absent && low >= -FLAT * tolerance * SECONDS_PER_HOUR
}

/// The accepted slope of this line, per second.
fn tolerance(line: &Trend, options: &SoakOptions) -> f64 {
    let relative = options.tolerance_per_hour * line.start.abs();
    relative.max(options.absolute_tolerance_per_hour) / SECONDS_PER_HOUR
}
