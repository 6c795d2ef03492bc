//! Decimal numbers as whole multiples of a unit, exactly: `1.25` in milliseconds is 1,250,000 ns.
//! Binary fractions would change the last digits of a time in nanoseconds. Pure.

use std::fmt;

/// The largest number that a column holds.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Why a text is no number from 0 to 2^63 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// It is not a decimal number; `nan` and `inf` are none.
    NotANumber,
    /// It is below 0.
    Negative,
    /// It is above 2^63 − 1.
    TooLarge,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NumberError::NotANumber => "is no number",
            NumberError::Negative => "is negative",
            NumberError::TooLarge => "is too large",
        })
    }
}

/// The number times 10^`power`, rounded to a whole one, halves up. A number has digits, possibly a
/// sign, a point and an exponent: `12`, `+.5`, `1.5e-3`.
///
/// # Errors
/// Where the text is no number, or the result is out of range.
pub(super) fn scaled(text: &[u8], power: u32) -> Result<u64, NumberError> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match end {
        Some(end) => (&digits[..end], exponent(&digits[end + 1..])?),
        None => (digits, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::NotANumber);
    }
    // The power of ten of the next digit, in the unit of the result.
    let mut place = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    place = place
        .saturating_add(exponent)
        .saturating_add(i64::from(power));
    let mut sum = Some(0u64);
    let mut is_zero = true;
    for byte in whole.iter().chain(fraction) {
        let digit = match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            _ => return Err(NumberError::NotANumber),
        };
        is_zero &= digit == 0;
        place = place.saturating_sub(1);
        sum = match place {
            0.. => sum.and_then(|sum| sum.checked_mul(10)?.checked_add(digit)),
            -1 => sum.and_then(|sum| sum.checked_add(u64::from(digit >= 5))),
            _ => sum,
        };
    }
    if is_zero {
        return Ok(0);
    }
    if is_negative {
        return Err(NumberError::Negative);
    }
    // A number without enough digits ends in zeros: `12e3`.
    for _ in 0..place.clamp(0, 20) {
        sum = sum.and_then(|sum| sum.checked_mul(10));
    }
    sum.filter(|sum| *sum <= LARGEST)
        .ok_or(NumberError::TooLarge)
}

/// An exponent; one that is far out of range stays so.
fn exponent(text: &[u8]) -> Result<i64, NumberError> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NotANumber);
    }
    let value = digits.iter().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Ok(if is_negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_exact_and_everything_else_is_refused() {
        use NumberError::{Negative, NotANumber, TooLarge};
        for (text, power, expected) in [
            ("0", 9, Ok(0)),
            ("12", 0, Ok(12)),
            ("007", 3, Ok(7_000)),
            ("1.25", 6, Ok(1_250_000)),
            ("0.1", 9, Ok(100_000_000)),
            ("+.5", 3, Ok(500)),
            ("5.", 0, Ok(5)),
            ("1.5e-3", 6, Ok(1_500)),
            ("12E+3", 0, Ok(12_000)),
            ("0.4", 0, Ok(0)),
            ("0.5", 0, Ok(1)),
            ("0.4999999999999999999999999", 0, Ok(0)),
            ("0.09", 1, Ok(1)),
            ("9.5", 0, Ok(10)),
            ("1795507200.123456789", 9, Ok(1_795_507_200_123_456_789)),
            ("0.1000000000000000055511151231257827", 9, Ok(100_000_000)),
            ("-0.0", 3, Ok(0)),
            ("9223372036854775807", 0, Ok(u64::MAX / 2)),
            ("9223372036854775808", 0, Err(TooLarge)),
            ("9223372036854775807.5", 0, Err(TooLarge)),
            ("1e300", 0, Err(TooLarge)),
            ("1e99999999999999999999", 9, Err(TooLarge)),
            ("0e99999999999999999999", 9, Ok(0)),
            ("1e-99999999999999999999", 9, Ok(0)),
            ("-1", 0, Err(Negative)),
            ("-1e-30", 0, Err(Negative)),
            ("", 0, Err(NotANumber)),
            ("+", 0, Err(NotANumber)),
            (".", 0, Err(NotANumber)),
            ("e3", 0, Err(NotANumber)),
            ("1e", 0, Err(NotANumber)),
            ("1e+", 0, Err(NotANumber)),
            ("1e3.5", 0, Err(NotANumber)),
            ("1.2.3", 0, Err(NotANumber)),
            ("--1", 0, Err(NotANumber)),
            ("1,5", 0, Err(NotANumber)),
            ("1_000", 0, Err(NotANumber)),
            ("0x10", 0, Err(NotANumber)),
            ("nan", 0, Err(NotANumber)),
            ("-NaN", 0, Err(NotANumber)),
            ("inf", 0, Err(NotANumber)),
            ("-Infinity", 0, Err(NotANumber)),
            ("１", 0, Err(NotANumber)),
        ] {
            assert_eq!(scaled(text.as_bytes(), power), expected, "{text} {power}");
        }
    }

    proptest! {
        #[test]
        fn a_number_of_nanoseconds_comes_back_in_every_unit(value in 0..=LARGEST, power in 0u32..=9) {
            let unit = 10u64.pow(power);
            let (whole, part) = (value / unit, value % unit);
            let text = match power {
                0 => whole.to_string(),
                _ => format!("{whole}.{part:0width$}", width = power as usize),
            };
            prop_assert_eq!(scaled(text.as_bytes(), power), Ok(value), "{}", text);
            let exponent = format!("{value}e-{power}");
            prop_assert_eq!(scaled(exponent.as_bytes(), power), Ok(value), "{}", exponent);
        }

        #[test]
        fn numbers_are_those_of_the_standard_library(
            value in prop_oneof![0.0..1e9f64, 0.0..1e-6f64], power in 0u32..=3,
        ) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                let standard: f64 = text.parse().unwrap();
                let standard = standard * f64::from(10u32.pow(power));
                let found = scaled(text.as_bytes(), power).unwrap() as f64;
                prop_assert!((found - standard).abs() <= 0.5 + standard * 1e-15, "{}", text);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(text in "[-+.eE0-9a-z \u{0}\u{ff}]{0,40}", power in 0u32..=9) {
            let _ = scaled(text.as_bytes(), power);
        }
    }
}
