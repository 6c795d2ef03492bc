//! What a comparison accepts and what must pass: from the command line and a TOML file, as options of
//! the statistics. Pure: the file's text is an argument.

use std::collections::BTreeMap;

use serde::Deserialize;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Acceptable, Metric, Options, Threshold};

use super::Pairing;

/// Everything that a comparison depends on besides the runs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Thresholds, gates and operations of one side only.
    pub options: Options,
    /// Whether the runs are pairs.
    pub pairing: Pairing,
    /// The operations to compare; all where it is empty.
    pub operations: Vec<String>,
    /// Kept in the answer. No method draws random numbers.
    pub seed: u64,
    /// The operation and the metric whose figures are explained.
    pub explain: Option<(String, Metric)>,
}

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

/// The metric of this name.
///
/// # Errors
/// Where there is none.
pub fn metric_named(name: &str) -> std::result::Result<Metric, String> {
    let mut metrics = Metric::ALL
        .into_iter()
        .filter(|metric| *metric != Metric::Value);
    metrics.find(|metric| metric.name() == name).ok_or_else(|| {
        let known = Metric::ALL
            .into_iter()
            .filter(|metric| *metric != Metric::Value);
        let known: Vec<String> = known.map(|metric| metric.name().to_owned()).collect();
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
        change.ok_or_else(|| {
            format!("{text} is no change: give a percentage such as 5%, or a number in the metric's unit")
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

impl ThresholdSetting {
    /// Adds it to the options, after those that are there already, which are preferred.
    ///
    /// # Errors
    /// Where the change has no meaning for all metrics or for its metric.
    pub fn apply(&self, options: &mut Options) -> std::result::Result<(), String> {
        let Some((operation, metric)) = &self.of else {
            let Change::Fraction(change) = self.change else {
                return Err("a threshold of all metrics is a percentage, such as 5%".to_owned());
            };
            options.threshold = change;
            return Ok(());
        };
        let change = match self.change {
            // Of a share, percentage points.
            Change::Fraction(change) if metric.is_absolute() => Acceptable::Absolute(change),
            Change::Fraction(change) => Acceptable::Relative(change),
            Change::Number(_) if metric.is_absolute() => {
                return Err(format!(
                    "{} is given in percentage points, such as 0.1%",
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

/// A file of thresholds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdsFile {
    threshold: Option<String>,
    #[serde(default)]
    gates: Vec<String>,
    /// By metric.
    #[serde(default)]
    thresholds: BTreeMap<String, String>,
    /// By operation, then by metric.
    #[serde(default)]
    operations: BTreeMap<String, BTreeMap<String, String>>,
}

impl ThresholdsFile {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// Where it is not such a file; the line is named.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Adds its thresholds and gates to the options.
    ///
    /// # Errors
    /// Where a metric or a change is not one.
    pub fn apply(&self, options: &mut Options) -> std::result::Result<(), String> {
        if let Some(change) = &self.threshold {
            ThresholdSetting {
                of: None,
                change: change.parse()?,
            }
            .apply(options)?;
        }
        let of_all = self
            .thresholds
            .iter()
            .map(|(metric, change)| (None, metric, change));
        let of_one = self.operations.iter().flat_map(|(operation, changes)| {
            let changes = changes.iter();
            changes.map(move |(metric, change)| (Some(operation.clone()), metric, change))
        });
        for (operation, metric, change) in of_one.chain(of_all) {
            ThresholdSetting {
                of: Some((operation, metric_named(metric)?)),
                change: change.parse()?,
            }
            .apply(options)?;
        }
        for gate in &self.gates {
            options.gates.push(metric_named(gate)?);
        }
        Ok(())
    }
}

impl Settings {
    /// The settings of a file and of the command line, which is preferred.
    ///
    /// # Errors
    /// Where a threshold has no meaning.
    pub fn with_thresholds(
        mut self,
        file: Option<&ThresholdsFile>,
        typed: &[ThresholdSetting],
    ) -> Result<Self> {
        let mut options = std::mem::take(&mut self.options);
        let typed_gates = std::mem::take(&mut options.gates);
        let of_one = |typed: &&ThresholdSetting| typed.of.is_some();
        for threshold in typed.iter().filter(of_one) {
            let applied = threshold.apply(&mut options);
            applied.map_err(|reason| Failure::new("--threshold", reason))?;
        }
        if let Some(file) = file {
            let applied = file.apply(&mut options);
            applied.map_err(|reason| Failure::new("--config", reason))?;
        }
        for threshold in typed.iter().filter(|typed| typed.of.is_none()) {
            let applied = threshold.apply(&mut options);
            applied.map_err(|reason| Failure::new("--threshold", reason))?;
        }
        if !typed_gates.is_empty() {
            options.gates = typed_gates;
        }
        self.options = options;
        Ok(self)
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
    fn the_command_line_is_preferred_to_the_file() {
        let file = ThresholdsFile::parse(
            "threshold = \"3%\"\ngates = [\"rate\"]\n[thresholds]\ncpu = \"7%\"\nfailure_rate = \"0.2%\"\n\
             [operations.\"x y\"]\ncpu = \"8%\"\n",
        );
        let file = file.unwrap();
        let of_file = Settings::default()
            .with_thresholds(Some(&file), &[])
            .unwrap()
            .options;
        assert_eq!(of_file.threshold, 0.03);
        assert_eq!(of_file.gates, [Metric::Rate]);
        assert_eq!(of_file.thresholds[0].operation.as_deref(), Some("x y"));
        assert_eq!(of_file.thresholds[2].change, Acceptable::Absolute(0.002));
        let mut settings = Settings::default();
        settings.options.gates = vec![Metric::Cpu];
        let typed = [typed("1%").unwrap(), typed("cpu=9%").unwrap()];
        let both = settings
            .with_thresholds(Some(&file), &typed)
            .unwrap()
            .options;
        assert_eq!((both.threshold, both.gates), (0.01, vec![Metric::Cpu]));
        assert_eq!(both.thresholds[0].change, Acceptable::Relative(0.09));
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_the_reason() {
        for wrong in [
            "x = 1",
            "threshold = 5",
            "[thresholds]\np99 = \"1%\"",
            "gates = [\"x\"]",
        ] {
            let parsed = ThresholdsFile::parse(wrong);
            let mut options = Options::default();
            assert!(
                parsed.and_then(|file| file.apply(&mut options)).is_err(),
                "{wrong}"
            );
        }
        for wrong in ["5", "failure_rate=0.01"] {
            let settings = Settings::default().with_thresholds(None, &[typed(wrong).unwrap()]);
            assert!(settings.is_err(), "{wrong}");
        }
    }
}
