//! A threshold as it is typed, on the command line or in a file: which metric of which operation it
//! is for, and whether its change has a meaning there. Pure.

use soakbox_statistics::{Acceptable, Metric, Options, Threshold};

/// The largest threshold of a change that is a ratio: at 100%, a rate of 0 would be acceptable.
pub(super) const MOST: f64 = 0.99;

/// A change that is still acceptable, as it is typed: `5%`, or a number in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A fraction, from a percentage.
    Fraction(f64),
    /// A number in the metric's unit.
    Number(f64),
}

/// A threshold, as it is typed: `CHANGE`, `METRIC=CHANGE` or `OPERATION:METRIC=CHANGE`.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdSetting {
    /// The operation and the metric that it is for; `None` for all.
    pub of: Option<(Option<String>, Metric)>,
    /// The change.
    pub change: Change,
}

/// The metrics of an operation: all but that of a series of numbers.
pub(super) fn metrics() -> impl Iterator<Item = Metric> {
    let all = Metric::ALL.into_iter();
    all.filter(|metric| *metric != Metric::Value)
}

/// The metric of this name.
///
/// # Errors
/// Where there is none.
pub fn metric_named(name: &str) -> std::result::Result<Metric, String> {
    metrics()
        .find(|metric| metric.name() == name)
        .ok_or_else(|| {
            let known: Vec<String> = metrics().map(|metric| metric.name().to_owned()).collect();
            format!(
                "there is no metric {name}; the metrics are {}",
                known.join(", ")
            )
        })
}

impl std::str::FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |text: &str| {
            let number: Option<f64> = text.trim().parse().ok();
            number.filter(|number| number.is_finite() && *number >= 0.0)
        };
        let change = match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Self::Fraction(percent / 100.0)),
            None => number(text).map(Self::Number),
        };
        let is_negative = text.trim().starts_with(['-', '−']);
        change.ok_or_else(|| match is_negative {
            true => format!("{text} is below 0: a change is a size, such as 5%"),
            false => format!(
                "{text} is no change: give a percentage such as 5%, or a number in the metric's unit"
            ),
        })
    }
}

impl std::str::FromStr for ThresholdSetting {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        // The name of an operation may have any characters: the last ones separate.
        let Some((of, change)) = text.rsplit_once('=') else {
            return Ok(Self {
                of: None,
                change: text.parse()?,
            });
        };
        let (operation, metric) = match of.rsplit_once(':') {
            Some((operation, metric)) => (Some(operation.to_owned()), metric),
            None => (None, of),
        };
        Ok(Self {
            of: Some((operation, metric_named(metric)?)),
            change: change.parse()?,
        })
    }
}

/// The fraction in percent, without the rounding errors of the product.
fn percentage(fraction: f64) -> f64 {
    (fraction * 1e8).round() / 1e6
}

fn within(change: f64, most: f64) -> std::result::Result<f64, String> {
    match change <= most {
        true => Ok(change),
        false => Err(format!(
            "{}% is too much: the largest threshold is {}%",
            percentage(change),
            percentage(most)
        )),
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fraction(change) => write!(f, "{}%", percentage(*change)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl std::fmt::Display for ThresholdSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((operation, metric)) = &self.of {
            if let Some(operation) = operation {
                write!(f, "{operation}:")?;
            }
            write!(f, "{}=", metric.name())?;
        }
        write!(f, "{}", self.change)
    }
}

impl ThresholdSetting {
    /// Whether it applies to everything that `other` applies to and is of the same kind, relative
    /// or absolute: a typed threshold then replaces that of a file.
    pub(super) fn covers(&self, other: &Threshold) -> bool {
        let is_relative =
            |metric: &Metric| matches!(self.change, Change::Fraction(_)) && !metric.is_absolute();
        let same_kind = match other.change {
            Acceptable::Relative(_) => is_relative(&other.metric),
            Acceptable::Absolute(_) => !is_relative(&other.metric),
        };
        same_kind
            && match &self.of {
                None => !other.metric.is_absolute(),
                Some((operation, metric)) => {
                    *metric == other.metric
                        && (operation.is_none() || *operation == other.operation)
                }
            }
    }

    /// Adds it to the options, after those that are there already, which are preferred.
    ///
    /// # Errors
    /// Where the change has no meaning for all metrics or for its metric.
    pub fn apply(&self, options: &mut Options) -> std::result::Result<(), String> {
        let Some((operation, metric)) = &self.of else {
            options.threshold = match self.change {
                Change::Fraction(change) => within(change, MOST)?,
                Change::Number(number) => {
                    return Err(format!(
                        "{number} is no change of all metrics: it is given as a percentage, such as 5%"
                    ));
                }
            };
            return Ok(());
        };
        let change = match self.change {
            // Of a share, percentage points.
            Change::Fraction(change) if metric.is_absolute() => {
                within(change, 1.0).map(Acceptable::Absolute)?
            }
            Change::Fraction(change) => within(change, MOST).map(Acceptable::Relative)?,
            Change::Number(number) if metric.is_absolute() => {
                return Err(format!(
                    "{number} is no change of {}: it is given in percentage points, such as 0.1%",
                    metric.name()
                ));
            }
            // It is never 0, and is always compared by its ratio.
            Change::Number(number) if !metric.may_be_zero() => {
                return Err(format!(
                    "{number} is no change of {}: it is given as a percentage, such as 10%",
                    metric.name()
                ));
            }
            Change::Number(number) => Acceptable::Absolute(number),
        };
        options.thresholds.push(Threshold {
            operation: operation.clone(),
            metric: metric.clone(),
            change,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> std::result::Result<ThresholdSetting, String> {
        text.parse()
    }

    #[test]
    fn thresholds_are_parsed_with_operations_of_any_name() {
        let of = |operation: Option<&str>, metric, change| ThresholdSetting {
            of: Some((operation.map(str::to_owned), metric)),
            change,
        };
        assert_eq!(
            typed("5%").unwrap(),
            ThresholdSetting {
                of: None,
                change: Change::Fraction(0.05)
            }
        );
        assert_eq!(
            typed("duration_p99=10%").unwrap(),
            of(None, Metric::DurationP99, Change::Fraction(0.1))
        );
        assert_eq!(
            typed("a=b:c:rate=2.5").unwrap(),
            of(Some("a=b:c"), Metric::Rate, Change::Number(2.5))
        );
        for wrong in [
            "", "%", "-5%", "NaN", "inf%", "p99=5%", "value=5%", "rate=", "x:=5%",
        ] {
            assert!(typed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_change_without_a_meaning_for_its_metric_is_refused() {
        for wrong in [
            "5",
            "failure_rate=0.01",
            "memory=1e9",
            "100%",
            "cpu=200%",
            "failure_rate=101%",
        ] {
            let applied = typed(wrong).unwrap().apply(&mut Options::default());
            assert!(applied.is_err(), "{wrong}");
        }
    }
}
