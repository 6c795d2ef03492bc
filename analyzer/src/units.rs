//! Numbers as text: three significant digits and a unit for people, RFC 3339 times for programs; and
//! durations that people write. Pure.

use chrono::{DateTime, SecondsFormat};

/// Three significant digits: 1.24, 12.4, 124, 1240; 1.24e-5 and 1.24e17 beyond what can be read at
/// a glance.
pub fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_finite() && (magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 0.000_099_95)) {
        return format!("{value:.2e}");
    }
    // Beyond these limits rounding would give a fourth digit.
    let digits = if magnitude >= 99.95 || magnitude == 0.0 {
        0
    } else if magnitude >= 9.995 {
        1
    } else if magnitude >= 0.9995 {
        2
    } else if magnitude >= 0.099_95 {
        3
    } else if magnitude >= 0.009_995 {
        4
    } else if magnitude >= 0.000_999_5 {
        5
    } else {
        6
    };
    format!("{value:.digits$}")
}

/// A duration given in nanoseconds: `1.24 ms`, `35 s`, `2 h 05 min`.
pub fn duration(ns: f64) -> String {
    let magnitude = ns.abs();
    if magnitude > 0.0 && magnitude < 0.9995 {
        format!("{} ns", significant(ns))
    } else if magnitude < 999.5 {
        format!("{ns:.0} ns")
    } else if magnitude < 999.5e3 {
        format!("{} µs", significant(ns / 1e3))
    } else if magnitude < 999.5e6 {
        format!("{} ms", significant(ns / 1e6))
    } else if magnitude < 120e9 {
        format!("{} s", significant(ns / 1e9))
    } else {
        let seconds = (ns / 1e9).round() as i64;
        if seconds < 3600 {
            return match seconds % 60 {
                0 => format!("{} min", seconds / 60),
                rest => format!("{} min {rest:02} s", seconds / 60),
            };
        }
        let minutes = (ns / 60e9).round() as i64;
        let (hours, minutes) = (minutes / 60, minutes % 60);
        match (hours / 24, hours % 24) {
            (0, hours) => format!("{hours} h {minutes:02} min"),
            (days, hours) => format!("{days} d {hours:02} h"),
        }
    }
}

/// The ns of a duration that a person wrote, a number and its unit: `250us`, `1.5 h`. `None` where it is
/// none, is negative or has no place in the type.
pub fn duration_ns(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit.trim_start() {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return i64::try_from(whole.checked_mul(unit)?).ok();
    }
    let number: f64 = number.parse().ok()?;
    let ns = (number * unit as f64).round();
    (ns < i64::MAX as f64).then_some(ns as i64)
}

/// The length of a window, a second multiplied or divided by a power of two: `8 s`, `62.5 ms`,
/// `17.1 min`.
pub fn window_length(ns: i64) -> String {
    let seconds = ns as f64 / 1e9;
    if (1.0..1e3).contains(&seconds) {
        return format!("{seconds} s");
    }
    let (value, unit) = match seconds {
        ..1.0 => (seconds * 1e3, "ms"),
        ..7_200.0 => (seconds / 60.0, "min"),
        ..172_800.0 => (seconds / 3_600.0, "h"),
        _ => (seconds / 86_400.0, "d"),
    };
    let text = significant(value);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} {unit}")
}

/// A period, in UTC. If both ends are on the same date, it is shown once.
pub fn span(from_ns: i64, to_ns: i64) -> String {
    let (from, to) = (
        DateTime::from_timestamp_nanos(from_ns),
        DateTime::from_timestamp_nanos(to_ns),
    );
    let same_day = from.date_naive() == to.date_naive();
    let to = to.format(if same_day {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    });
    format!("{} to {to} UTC", from.format("%Y-%m-%d %H:%M:%S"))
}

/// Bytes in powers of 1024: `64.0 MiB`.
pub fn bytes(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes != 0.0 && bytes.abs() < 0.9995 {
        return format!("{} B", significant(bytes));
    }
    if bytes.abs() < 1024.0 {
        return format!("{bytes:.0} B");
    }
    let mut value = bytes;
    let mut unit = "B";
    for next in units {
        if value.abs() < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{} {unit}", significant(value))
}

/// The noun of a count: `row` for 1, `rows` otherwise.
pub fn plural(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{noun}{end}")
}

/// A count with separated thousands: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A fraction as a percentage: `0.25 %`. Only an exact 0 is shown as 0.
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    if value == 0.0 {
        "0 %".to_owned()
    } else if value.abs() < 0.001 {
        format!("{}0.001 %", if value < 0.0 { "> −" } else { "< " })
    } else {
        format!("{} %", significant(value))
    }
}

/// A rate per second: `8,512 /s`, `0.5 /s`.
pub fn rate(per_second: f64) -> String {
    if per_second >= 999.5 {
        format!("{} /s", count(per_second.round() as u64))
    } else {
        format!("{} /s", significant(per_second))
    }
}

/// A difference as a signed percentage: `+12.3 %`, `−4.0 %`; `±0 %` where it rounds to 0.
pub fn signed_percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let digits = if value.abs() < 99.95 { 1 } else { 0 };
    let text = format!("{:.digits$}", value.abs());
    if text.bytes().all(|digit| matches!(digit, b'0' | b'.')) {
        "±0 %".to_owned()
    } else if value < 0.0 {
        format!("−{text} %")
    } else {
        format!("+{text} %")
    }
}

/// RFC 3339 in UTC, with as many fractional digits as needed.
pub fn rfc3339(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Serializers of figures that are not plain numbers in JSON.
pub(crate) mod serialize {
    use std::path::Path;

    use serde::Serializer;

    /// A moment in ns UTC, as RFC 3339.
    pub(crate) fn time<S: Serializer>(ns: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::rfc3339(*ns))
    }

    /// A moment in ns UTC, as RFC 3339, or null.
    pub(crate) fn optional_time<S: Serializer>(ns: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
        match ns {
            Some(ns) => time(ns, to),
            None => to.serialize_none(),
        }
    }

    /// A moment in ns UTC, as RFC 3339, in both directions.
    pub(crate) mod moment {
        use chrono::DateTime;
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serializer};

        pub(crate) fn serialize<S: Serializer>(ns: &i64, to: S) -> Result<S::Ok, S::Error> {
            super::time(ns, to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
            let text = String::deserialize(from)?;
            let moment = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
            let ns = moment.timestamp_nanos_opt();
            ns.ok_or_else(|| D::Error::custom("a time outside of 1677 to 2262"))
        }
    }

    /// A duration in ns as seconds, or null.
    pub(crate) fn optional_seconds<S: Serializer>(
        ns: &Option<i64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match ns {
            Some(ns) => to.serialize_f64(*ns as f64 / 1e9),
            None => to.serialize_none(),
        }
    }

    /// A path; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&path.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_the_unit_that_fits() {
        let shown: Vec<String> = [
            0.0,
            42.0,
            1_240.0,
            999_600.0,
            1_240_000.0,
            35e9,
            590e9,
            7_500e9,
            9e13,
        ]
        .map(duration)
        .to_vec();
        let expected = [
            "0 ns",
            "42 ns",
            "1.24 µs",
            "1.00 ms",
            "1.24 ms",
            "35.0 s",
            "9 min 50 s",
            "2 h 05 min",
            "1 d 01 h",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_written_duration_is_a_number_with_its_unit() {
        for (text, ns) in [
            ("10ms", Some(10_000_000)),
            (" 250 us ", Some(250_000)),
            ("1.5s", Some(1_500_000_000)),
            ("0.5ns", Some(1)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("9223372036854775808ns", None),
            ("1000000d", None),
            ("2m", Some(120_000_000_000)),
            ("1d", Some(86_400_000_000_000)),
            ("10", None),
            ("ms", None),
            (".ms", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("1 parsec", None),
            ("", None),
        ] {
            assert_eq!(duration_ns(text), ns, "{text}");
        }
    }

    #[test]
    fn every_size_has_three_significant_digits() {
        let values = [
            0.0,
            1e-300,
            1.234e-5,
            0.000_123_4,
            0.012_34,
            -0.5,
            0.999_6,
            12.34,
            123_456.0,
            1e15,
            -2e300,
        ];
        let shown: Vec<String> = values.into_iter().map(significant).collect();
        let expected = [
            "0",
            "1.00e-300",
            "1.23e-5",
            "0.000123",
            "0.0123",
            "-0.500",
            "1.00",
            "12.3",
            "123456",
            "1.00e15",
            "-2.00e300",
        ];
        assert_eq!(shown, expected);
        assert_eq!(duration(0.25), "0.250 ns");
        assert_eq!(bytes(0.05), "0.0500 B");
    }

    #[test]
    fn lengths_of_windows_are_whole_where_they_are_short() {
        let shown = |ns| window_length(ns);
        assert_eq!(shown(1_953_125), "1.95 ms");
        assert_eq!(shown(62_500_000), "62.5 ms");
        assert_eq!(shown(500_000_000), "500 ms");
        assert_eq!(shown(1_000_000_000), "1 s");
        assert_eq!(shown(512_000_000_000), "512 s");
        assert_eq!(shown(1_024_000_000_000), "17.1 min");
        assert_eq!(shown(4_096_000_000_000), "68.3 min");
        assert_eq!(shown(8_192_000_000_000), "2.28 h");
        assert_eq!(shown(262_144_000_000_000), "3.03 d");
    }

    #[test]
    fn other_units() {
        assert_eq!(bytes(64.0 * 1024.0 * 1024.0), "64.0 MiB");
        assert_eq!(bytes(900.0), "900 B");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123), "123");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.000_001), "< 0.001 %");
        assert_eq!(percent(0.0025), "0.250 %");
        assert_eq!(rate(8_512.3), "8,512 /s");
        assert_eq!(signed_percent(0.1234), "+12.3 %");
        assert_eq!(signed_percent(-0.0001), "±0 %");
        assert_eq!(signed_percent(-0.04), "−4.0 %");
    }
}
