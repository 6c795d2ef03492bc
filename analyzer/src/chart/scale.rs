//! Axes of values: units, ranges and round ticks. Pure arithmetic.

use super::ticks::{binary_step, decimal_step, label, whole_step};
use super::unit::Unit;

/// From this ratio of the largest to the smallest value on, the axis is logarithmic: a linear one
/// would hide the small values.
const LOG_FROM: f64 = 40.0;
/// About how many steps a linear axis has.
const STEPS: f64 = 5.0;
/// Largest magnitude of a value: beyond it differences would overflow.
const LARGEST: f64 = 1e300;

/// An axis: its range and its ticks, in positions. `position` maps a value to its position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
    /// The unit of the labels; empty where it is in them.
    pub(super) unit: String,
    pub(super) logarithmic: bool,
}

/// How the values of an axis are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// From 0, or logarithmic where the values differ much.
    FromZeroOrLog,
    /// From 0.
    FromZero,
    /// Around the values: from 0 only if they are not far from it.
    Around,
}

impl Scale {
    /// The scale for all of these values; those that are not finite do not count.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, unit: Unit, form: Form) -> Self {
        let (mut low, mut high, mut positive) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            let value = value.clamp(-LARGEST, LARGEST);
            (low, high) = (low.min(value), high.max(value));
            if value > 0.0 {
                positive = positive.min(value);
            }
        }
        if low > high {
            (low, high) = (0.0, 0.0);
        }
        if form == Form::FromZeroOrLog && low >= 0.0 && high / positive >= LOG_FROM {
            return Self::logarithmic(positive, high, unit);
        }
        let around = form == Form::Around && (low > high / 2.0 || high < low / 2.0);
        if !around {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        Self::linear(low, high, unit)
    }

    fn linear(low: f64, high: f64, unit: Unit) -> Self {
        let (unit, divisor, is_binary) = unit.shown(low.abs().max(high.abs()));
        let (mut low, mut high) = (low / divisor.size, high / divisor.size);
        if high - low <= low.abs().max(high.abs()) * 1e-9 {
            // All values are the same: they are in the middle, or 0 at the bottom.
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.25 };
            high += room;
            low -= if low == 0.0 { 0.0 } else { room };
        }
        let least = (high - low) / STEPS;
        let step = match () {
            () if divisor.is_whole => whole_step(least),
            () if is_binary && least >= 1.0 => binary_step(least),
            () => decimal_step(least),
        };
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil().max(first + 1.0);
        let ticks = (0..=(last - first) as usize).map(|index| {
            let value = (first + index as f64) * step;
            (value * divisor.size, label(value, step))
        });
        let ticks: Vec<(f64, String)> = ticks.collect();
        Self {
            low: first * step * divisor.size,
            high: last * step * divisor.size,
            ticks,
            unit,
            logarithmic: false,
        }
    }

    /// A logarithmic scale that covers both positive ends.
    pub(super) fn logarithmic(smallest: f64, largest: f64, of: Unit) -> Self {
        // Of minutes and hours, powers of ten are not round.
        let most = if of == Unit::Nanoseconds {
            100e9
        } else {
            f64::INFINITY
        };
        let (unit, divisor, _) = of.shown(largest.min(most));
        let (smallest, largest) = (smallest / divisor.size, largest / divisor.size);
        let decades = smallest.log10().floor() as i32..=largest.log10().ceil() as i32;
        let number = decades.end() - decades.start();
        let steps: &[f64] = if number <= 3 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        // Of many decades, some have labels.
        let every = (number / 8 + 1).max(1);
        let start = *decades.start();
        let chosen = decades.filter(|decade| (decade - start) % every == 0);
        let values: Vec<f64> = chosen
            .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
            .collect();
        let size = divisor.size;
        let position = |value: f64| (value * size).log10();
        // The axis ends with the first tick that is not below the largest value, and begins with the
        // last one that is not above the smallest.
        let near = 1.0 + 1e-9;
        let first = values.iter().rposition(|value| *value <= smallest * near);
        let last = values.iter().position(|value| *value * near >= largest);
        let first = first.unwrap_or(0);
        let last = last
            .unwrap_or(values.len() - 1)
            .max(first + 1)
            .min(values.len() - 1);
        // Over many decades each label has the unit that fits.
        let own_units = of == Unit::Nanoseconds && number > 3;
        let text = |value: f64| match own_units {
            true => duration_label(value * size),
            false => label(value, value),
        };
        let ticks: Vec<(f64, String)> = values[first..=last]
            .iter()
            .map(|value| (position(*value), text(*value)))
            .collect();
        Self {
            low: ticks[0].0,
            high: ticks[ticks.len() - 1].0.max(position(largest)),
            ticks,
            unit: if own_units { String::new() } else { unit },
            logarithmic: true,
        }
    }

    /// Rows or columns with names, from 0 on: each is as wide as the distance of two positions.
    pub(super) fn names(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().enumerate();
        let ticks: Vec<(f64, String)> = names.map(|(index, name)| (index as f64, name)).collect();
        Self {
            low: -0.5,
            high: ticks.len().max(1) as f64 - 0.5,
            ticks,
            unit: String::new(),
            logarithmic: false,
        }
    }

    /// Where a value is.
    pub(super) fn position(&self, value: f64) -> f64 {
        if !self.logarithmic {
            return value.clamp(-LARGEST, LARGEST);
        }
        match value > 0.0 {
            true => value.min(LARGEST).log10().max(self.low),
            // Zeros are at the edge.
            false if value.is_nan() => f64::NAN,
            false => self.low,
        }
    }

    /// A title: what is shown, and its unit.
    pub(super) fn title(&self, what: &str) -> String {
        let unit = match self.unit.as_str() {
            "" => String::new(),
            unit => format!(", {unit}"),
        };
        let scale = if self.logarithmic { " (log scale)" } else { "" };
        format!("{what}{unit}{scale}")
    }
}

/// A round duration with the unit that fits.
fn duration_label(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    // A power of ten may be a little less.
    let found = units
        .into_iter()
        .find(|(size, _)| ns * (1.0 + 1e-9) >= *size);
    let (size, unit) = found.unwrap_or((1.0, "ns"));
    format!("{} {unit}", label(ns / size, ns / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale
            .ticks
            .iter()
            .map(|(_, label)| label.as_str())
            .collect()
    }

    fn durations(values: &[f64]) -> Scale {
        Scale::covering(
            values.iter().copied(),
            Unit::Nanoseconds,
            Form::FromZeroOrLog,
        )
    }

    #[test]
    fn a_linear_axis_starts_at_zero_and_ends_above_the_largest_value() {
        let scale = durations(&[1.9e6, 6.3e6]);
        assert_eq!((scale.unit.as_str(), scale.logarithmic), ("ms", false));
        assert_eq!(labels(&scale), ["0", "2", "4", "6", "8"]);
        assert!(scale.high >= 6.3e6);
    }

    #[test]
    fn a_wide_range_is_logarithmic_and_covers_both_ends() {
        let scale = durations(&[13_000.0, 4.7e6]);
        assert_eq!((scale.unit.as_str(), scale.logarithmic), ("ms", true));
        assert_eq!(
            labels(&scale),
            ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]
        );
        assert!(scale.low <= 13_000f64.log10() && scale.high >= 4.7e6f64.log10());
    }

    #[test]
    fn over_many_decades_each_label_has_its_unit() {
        let scale = durations(&[30.0, 5e10]);
        let expected = ["10 ns", "1 µs", "100 µs", "10 ms", "1 s", "100 s"];
        assert_eq!(labels(&scale), expected);
        assert_eq!(scale.title("latency"), "latency (log scale)");
    }

    #[test]
    fn memory_far_from_zero_has_an_axis_around_it() {
        let mib = f64::from(1 << 20);
        let values = [60.0 * mib, 67.0 * mib];
        let scale = Scale::covering(values, Unit::Bytes, Form::Around);
        assert_eq!(labels(&scale), ["60", "62", "64", "66", "68"]);
        assert_eq!(scale.title("memory"), "memory, MiB");
        let scale = Scale::covering([10.0 * mib, 67.0 * mib], Unit::Bytes, Form::Around);
        assert_eq!(scale.low, 0.0);
    }

    #[test]
    fn any_values_have_a_few_ticks_in_order() {
        let values = [
            0.0,
            1e-9,
            1.0,
            7.0,
            1e5,
            1e17,
            f64::MAX,
            -3.0,
            -1e300,
            f64::NAN,
        ];
        for (form, unit) in [
            (Form::FromZeroOrLog, Unit::Nanoseconds),
            (Form::FromZero, Unit::Count),
            (Form::Around, Unit::Bytes),
            (Form::FromZeroOrLog, Unit::Ratio),
            (Form::Around, Unit::Number),
        ] {
            for low in values {
                for high in values {
                    let scale = Scale::covering([low, high], unit, form);
                    let ticks = &scale.ticks;
                    assert!((2..=12).contains(&ticks.len()), "{low} {high}: {scale:?}");
                    assert!(ticks.is_sorted_by(|a, b| a.0 < b.0), "{scale:?}");
                    assert!(scale.low.is_finite() && scale.low < scale.high, "{scale:?}");
                    for value in [low, high].into_iter().filter(|value| value.is_finite()) {
                        let at = scale.position(value);
                        let room = (scale.high - scale.low) * 1e-9;
                        let range = scale.low - room..=scale.high + room;
                        assert!(range.contains(&at), "{value} in {scale:?}");
                    }
                }
            }
        }
    }
}
