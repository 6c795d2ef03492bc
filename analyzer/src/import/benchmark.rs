//! What the results of benchmark programs have in common: durations of a few nanoseconds, and no times.
//! Pure.

use std::collections::HashMap;
use std::str::FromStr;

use super::decimal::scaled;
use super::refusal::Refusal;
use super::rows::{Row, in_calendar, shown};

/// How many operations a duration stands for: a power of ten, so that digits below a nanosecond are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Per {
    /// The power.
    power: u32,
}

/// The largest power.
const MOST: u32 = 6;

impl FromStr for Per {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut powers = 0..=MOST;
        let power = powers.find(|power| text == 10u32.pow(*power).to_string());
        let power = power.ok_or("is none of 1, 10, 100, 1000, 10000, 100000 and 1000000")?;
        Ok(Self { power })
    }
}

impl Per {
    /// A duration of one operation in the unit 10^`power` ns, as that of all of them in whole ns.
    ///
    /// # Errors
    /// Where it is no duration, or so short that nothing is left of it.
    pub(super) fn duration(self, number: &[u8], power: u32) -> Result<u64, Refusal> {
        let of = scaled(number, power + self.power);
        let ns = of.map_err(|error| format!("the duration {} {error}", shown(number)))?;
        // Some digits are not 0, and all that is left is.
        let is_lost = ns == 0 && number.iter().any(|digit| matches!(digit, b'1'..=b'9'));
        if is_lost {
            let reason = format!("the duration {} is less than a nanosecond", shown(number));
            return Err(Refusal::from(reason).hint("--per 1000 takes a thousand operations as one"));
        }
        Ok(ns)
    }

    /// As [`Per::duration`], of a computed number of ns.
    ///
    /// # Errors
    /// As there.
    pub(super) fn duration_of(self, ns: f64) -> Result<u64, Refusal> {
        if !ns.is_finite() {
            return Err("the duration is not finite".into());
        }
        self.duration(ns.to_string().as_bytes(), 0)
    }

    /// The name of the operation that a row is.
    pub(super) fn name(self, name: String) -> String {
        match self.power {
            0 => name,
            power => format!("{name} × {}", 10u64.pow(power)),
        }
    }
}

/// The time from one result of an operation to its next one, ns.
const STEP_NS: u64 = 1_000_000;

/// Rows without times: those of each operation follow one another from 1970 on, at the same times as those
/// of the others, so that what is compared is in the same time.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// By operation.
    last_ns: HashMap<u16, u64>,
}

impl Sequence {
    /// The next row of an operation.
    ///
    /// # Errors
    /// Where it would be after 2261.
    pub(super) fn row(&mut self, operation: u16, duration_ns: u64) -> Result<Row, Refusal> {
        let last_ns = self.last_ns.entry(operation).or_default();
        *last_ns = last_ns.saturating_add(STEP_NS);
        Ok(Row {
            finished_at_ns: in_calendar(*last_ns)?,
            duration_ns,
            operation,
            success: None,
            memory_bytes: None,
            bytes: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_below_a_nanosecond_are_kept_or_refused() {
        let duration = |per: &str, number: &str| {
            let per: Per = per.parse().unwrap();
            per.duration(number.as_bytes(), 0)
                .map_err(|refusal| refusal.reason)
        };
        assert_eq!(duration("1", "123.5"), Ok(124));
        assert_eq!(duration("1000", "0.2511"), Ok(251));
        assert_eq!(duration("1", "0"), Ok(0));
        assert!(
            duration("1", "0.2511")
                .unwrap_err()
                .contains("less than a nanosecond")
        );
        assert!(duration("1", "-1").unwrap_err().contains("is negative"));
        assert!("2".parse::<Per>().is_err() && "10000000".parse::<Per>().is_err());
        assert!(Per::default().duration_of(f64::NAN).is_err());
        assert_eq!(
            "100".parse::<Per>().unwrap().name("a".to_owned()),
            "a × 100"
        );
    }
}
