//! Which finished operations get a row: the rules `min=…`, `only=failures` and `sample=1/N`, and the
//! flags of the same meaning for all operations. Every finished operation is counted all the same.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use soakbox_schemas::control::OperationRule;

use super::rules::refuse;
use super::{Refusal, shown};

/// Which finished operations get a row; the default: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `min=TIME`: those that took at least this long.
    pub min_duration: Option<MinDuration>,
    /// `only=failures`: those that are known to have failed.
    pub only_failures: bool,
    /// `sample=1/N`: of these one in N, at random.
    pub sample: Option<Sample>,
}

/// The shortest duration that gets a row, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDuration(pub u64);

/// One in this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample(pub NonZeroU32);

/// A longer duration as a filter is a mistake: a day.
const LONGEST_NS: u64 = 86_400_000_000_000;
/// A rarer sample is a mistake: a million.
const RAREST: u32 = 1_000_000;

impl Selection {
    /// These, and those of `others` where this has none.
    pub fn or(self, others: Self) -> Self {
        Self {
            min_duration: self.min_duration.or(others.min_duration),
            only_failures: self.only_failures || others.only_failures,
            sample: self.sample.or(others.sample),
        }
    }

    /// Sets them in the kernel side's rule.
    pub(super) fn apply(self, rule: &mut OperationRule) {
        rule.min_duration_ns = self.min_duration.map_or(0, |least| least.0);
        rule.only_failures = u32::from(self.only_failures);
        rule.sample_one_in = self.sample.map_or(0, |sample| sample.0.get());
    }

    /// Parses the rule `key=value`
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let is_repeated = match key {
            "min" => self.min_duration.replace(parsed(value)?).is_some(),
            "sample" => self.sample.replace(parsed(value)?).is_some(),
            "only" if value == "failures" => std::mem::replace(&mut self.only_failures, true),
            _ => {
                return refuse(
                    format!("'only={}' is not a rule", shown(value)),
                    "the only rule 'only' is only=failures",
                );
            }
        };
        if is_repeated {
            return refuse(
                format!("the rule '{key}' is given twice"),
                "keep one of them",
            );
        }
        Ok(())
    }
}

fn parsed<T: FromStr<Err = String>>(value: &str) -> Result<T, Refusal> {
    value
        .parse()
        .map_err(|hint: String| Refusal::new(format!("'{}' is not a value", shown(value)), hint))
}

impl FromStr for MinDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = humantime::parse_duration(text).ok();
        let length = length.and_then(|length| u64::try_from(length.as_nanos()).ok());
        let length = length.filter(|length| *length <= LONGEST_NS);
        length.map(Self).ok_or_else(|| {
            "write a time of at most a day with its unit, such as 10us or 5ms".to_owned()
        })
    }
}

impl fmt::Display for MinDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A comma or a space would end the rule.
        let text = humantime::format_duration(Duration::from_nanos(self.0)).to_string();
        f.write_str(&text.replace(' ', ""))
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .strip_prefix("1/")
            .and_then(|number| number.parse().ok());
        let number = number.filter(|number: &NonZeroU32| number.get() <= RAREST);
        number
            .map(Self)
            .ok_or_else(|| format!("write 1/N with N from 1 to {RAREST}, such as 1/100"))
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.0)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(least) = self.min_duration {
            write!(f, ",min={least}")?;
        }
        if self.only_failures {
            f.write_str(",only=failures")?;
        }
        if let Some(sample) = self.sample {
            write!(f, ",sample={sample}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_it_is_parsed() {
        for text in ["0s", "10us", "1ms500us", "90s", "1day"] {
            let least: MinDuration = text.parse().unwrap();
            assert_eq!(least.to_string().parse(), Ok(least), "{text}");
        }
        assert_eq!("1ms500us".parse(), Ok(MinDuration(1_500_000)));
        for text in ["", "10", "-1us", "2days", "1e3us", "10 us,", "10M"] {
            assert!(text.parse::<MinDuration>().is_err(), "{text}");
        }
        assert_eq!("1/20".parse::<Sample>().unwrap().to_string(), "1/20");
        for text in [
            "",
            "20",
            "1/0",
            "2/3",
            "1/-1",
            "1/1000001",
            "1/ 2",
            "0.1",
            "5%",
        ] {
            assert!(text.parse::<Sample>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_operation_keeps_its_own_rules_where_a_flag_is_given_too() {
        let one = |min, only_failures, sample| Selection {
            min_duration: Some(MinDuration(min)),
            only_failures,
            sample: NonZeroU32::new(sample).map(Sample),
        };
        let flags = one(70, true, 5);
        assert_eq!(Selection::default().or(flags), flags);
        assert_eq!(one(3, false, 0).or(flags), one(3, true, 5));
        assert_eq!(one(3, false, 9).or(Selection::default()), one(3, false, 9));
    }
}
