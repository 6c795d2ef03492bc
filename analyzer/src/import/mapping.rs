//! Which columns of a file mean what, as a command line names them. Pure.

use std::fmt;
use std::str::FromStr;

use crate::units::duration_ns;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The power of ten by which it is longer than a nanosecond.
    pub fn power(self) -> u32 {
        match self {
            Unit::Nanoseconds => 0,
            Unit::Microseconds => 3,
            Unit::Milliseconds => 6,
            Unit::Seconds => 9,
        }
    }

    /// From `ns`, `us`, `ms` or `s`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ns" => Unit::Nanoseconds,
            "us" => Unit::Microseconds,
            "ms" => Unit::Milliseconds,
            "s" => Unit::Seconds,
            _ => return None,
        })
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "a unit is ns, us, ms or s".to_owned())
    }
}

/// The form of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// `2026-11-24T08:00:00.5Z`; without an offset it is UTC.
    Rfc3339,
    /// A number since 1970 in UTC.
    Since1970(Unit),
}

/// The column of the durations: `COLUMN:UNIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationColumn {
    /// Its name.
    pub name: String,
    /// The unit of its numbers.
    pub unit: Unit,
}

impl FromStr for DurationColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(name, unit)| Some((name, Unit::parse(unit)?)));
        let (name, unit) = parts
            .filter(|(name, _)| !name.is_empty())
            .ok_or("a column has its unit after it: COLUMN:ns, COLUMN:us, COLUMN:ms or COLUMN:s")?;
        Ok(Self {
            name: name.to_owned(),
            unit,
        })
    }
}

/// The column of the times: `COLUMN:FORM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeColumn {
    /// Its name.
    pub name: String,
    /// The form of its times.
    pub form: TimeForm,
}

impl FromStr for TimeColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = |form: &str| match form {
            "rfc3339" => Some(TimeForm::Rfc3339),
            unit => Unit::parse(unit).map(TimeForm::Since1970),
        };
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(name, text)| Some((name, form(text)?)));
        let (name, form) = parts.filter(|(name, _)| !name.is_empty()).ok_or(
            "a column has its form after it: COLUMN:rfc3339, COLUMN:s, COLUMN:ms, COLUMN:us or \
             COLUMN:ns",
        )?;
        Ok(Self {
            name: name.to_owned(),
            form,
        })
    }
}

/// The time from one row to the next: `1ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its length, ns; at least 1.
    pub ns: u64,
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ns = duration_ns(text).and_then(|ns| u64::try_from(ns).ok());
        match ns {
            Some(0) => Err("is less than a nanosecond".to_owned()),
            Some(ns) => Ok(Self { ns }),
            None => {
                Err("is no number with its unit after it, such as 10us, 0.5s, 5m or 1h".to_owned())
            }
        }
    }
}

/// When operations finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A column has it.
    Column(TimeColumn),
    /// The file does not tell: one after the other, from 1970 on.
    Every(Step),
}

/// The names of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A column has them.
    Column(String),
    /// All rows are of this one.
    Name(String),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Column(name) => f.write_str(name),
            Operation::Name(name) => write!(f, "={name}"),
        }
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('=') {
            Some("") => Err("the name after = is empty".to_owned()),
            Some(name) => Ok(Operation::Name(name.to_owned())),
            None => Ok(Operation::Column(text.to_owned())),
        }
    }
}

/// Which columns mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The durations.
    pub duration: DurationColumn,
    /// When operations finished.
    pub finish: Finish,
    /// Their names.
    pub operation: Operation,
    /// The column that tells whether they succeeded.
    pub success: Option<String>,
    /// The column of the resident memory, bytes.
    pub memory: Option<String>,
    /// The column of the processed data, bytes.
    pub bytes: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_have_colons_and_its_unit_is_the_last_word() {
        let column: DurationColumn = "http:duration:ms".parse().unwrap();
        assert_eq!(
            (column.name.as_str(), column.unit),
            ("http:duration", Unit::Milliseconds)
        );
        let column: TimeColumn = "at:rfc3339".parse().unwrap();
        assert_eq!(column.form, TimeForm::Rfc3339);
        let column: TimeColumn = "at:s".parse().unwrap();
        assert_eq!(column.form, TimeForm::Since1970(Unit::Seconds));
        for text in ["", "ms", ":ms", "d", "d:", "d:min", "d:MS", "d:rfc3339"] {
            assert!(text.parse::<DurationColumn>().is_err(), "{text}");
        }
        for text in ["", "s", ":s", "at", "at:", "at:iso", "at:min"] {
            assert!(text.parse::<TimeColumn>().is_err(), "{text}");
        }
    }

    #[test]
    fn steps_and_names_are_read() {
        for (text, ns) in [
            ("1ms", Some(1_000_000)),
            ("0.5s", Some(500_000_000)),
            ("100ns", Some(100)),
            ("15s", Some(15_000_000_000)),
            ("5m", Some(300_000_000_000)),
            ("5min", Some(300_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("0ms", None),
            ("0.1ns", None),
            ("-1ms", None),
            ("1", None),
            ("ms", None),
            ("1 hour", None),
            ("1000000d", None),
        ] {
            assert_eq!(text.parse::<Step>().ok().map(|step| step.ns), ns, "{text}");
        }
        assert_eq!("=GET /".parse(), Ok(Operation::Name("GET /".to_owned())));
        assert_eq!("path".parse(), Ok(Operation::Column("path".to_owned())));
        assert!("=".parse::<Operation>().is_err());
    }
}
