//! The units of values: how they are shown on an axis and in a text. Pure.

use crate::units;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A duration in nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Number of things, without parts.
    Count,
    /// Things per second.
    PerSecond,
    /// A fraction, shown as a percentage.
    Ratio,
    /// A signed fraction, shown as a percentage.
    SignedRatio,
    /// CPUs: seconds of CPU time per second.
    Cpus,
    /// A number of which nothing else is known.
    Number,
}

/// What the numbers of an axis are divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Divisor {
    pub(super) size: f64,
    /// Whether the numbers have no parts.
    pub(super) is_whole: bool,
}

impl Unit {
    /// The unit of an axis that goes up to `largest`, with what its numbers are divided by, and
    /// whether round numbers are powers of two.
    pub(super) fn shown(self, largest: f64) -> (String, Divisor, bool) {
        let of = |units: &[(f64, &str)]| {
            let found = units.iter().rev().find(|(size, _)| largest >= *size);
            let (size, name) = found.unwrap_or(&units[0]);
            (*size, (*name).to_owned())
        };
        let bytes = || {
            let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
            let powers = names.into_iter().enumerate();
            let all: Vec<(f64, &str)> = powers
                .map(|(power, name)| (1024f64.powi(power as i32), name))
                .collect();
            of(&all)
        };
        let (size, name, is_whole) = match self {
            Self::Nanoseconds => {
                let (size, name) = of(&[
                    (1.0, "ns"),
                    (1e3, "µs"),
                    (1e6, "ms"),
                    (1e9, "s"),
                    (600e9, "min"),
                    (36_000e9, "h"),
                    (10.0 * 86_400e9, "d"),
                ]);
                let size = match name.as_str() {
                    "min" => 60e9,
                    "h" => 3_600e9,
                    "d" => 86_400e9,
                    _ => size,
                };
                (size, name, false)
            }
            Self::Bytes => {
                let (size, name) = bytes();
                (size, name, false)
            }
            Self::BytesPerSecond => {
                let (size, name) = bytes();
                (size, format!("{name}/s"), false)
            }
            Self::Count | Self::PerSecond => {
                let (size, name) = of(&[
                    (1.0, ""),
                    (1e4, "thousand"),
                    (1e7, "million"),
                    (1e10, "billion"),
                ]);
                let size = match name.as_str() {
                    "thousand" => 1e3,
                    "million" => 1e6,
                    "billion" => 1e9,
                    _ => size,
                };
                let is_count = self == Self::Count;
                let name = match (is_count, name.as_str()) {
                    (true, _) => name,
                    (false, "") => "per second".to_owned(),
                    (false, name) => format!("{name} per second"),
                };
                (size, name, is_count && size == 1.0)
            }
            Self::Ratio | Self::SignedRatio => (0.01, "%".to_owned(), false),
            Self::Cpus => (1.0, "CPUs".to_owned(), false),
            Self::Number => (1.0, String::new(), false),
        };
        let is_binary = matches!(self, Self::Bytes | Self::BytesPerSecond);
        (name, Divisor { size, is_whole }, is_binary)
    }

    /// The unit of numbers that are written without one.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::PerSecond => "1/s",
            Self::Ratio | Self::SignedRatio => "ratio",
            Self::Cpus => "CPUs",
            Self::Count | Self::Number => "",
        }
    }

    /// A value with its unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "not measured".to_owned(),
            Self::Nanoseconds => units::duration(value),
            Self::Bytes => units::bytes(value),
            Self::BytesPerSecond => format!("{}/s", units::bytes(value)),
            Self::Count => units::count(value.max(0.0).round() as u64),
            Self::PerSecond => units::rate(value),
            Self::Ratio => units::percent(value),
            Self::SignedRatio => units::signed_percent(value),
            Self::Cpus => format!("{} CPUs", units::significant(value)),
            Self::Number => units::significant(value),
        }
    }
}
