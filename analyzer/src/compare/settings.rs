//! What a comparison accepts and what must pass: from the command line and a TOML file, as options
//! of the statistics. Pure: the file's text is an argument.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Acceptable, Metric, Options, Threshold};

use super::{AddedRuns, Pairing, ThresholdsFile};
use crate::windows::Run;

/// The largest threshold of a change that is a ratio: at 100%, a rate of 0 would be acceptable.
const MOST: f64 = 0.99;

/// Everything that a comparison depends on besides the runs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Thresholds, gates, and how operations of one side only count.
    pub options: Options,
    /// Whether the runs are pairs.
    pub pairing: Pairing,
    /// Where runs are added until the comparison is decided: how many are planned.
    pub added: Option<AddedRuns>,
    /// Known-good runs, which show how much runs of one build differ; empty where there are none.
    pub history: Vec<Run>,
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

impl std::fmt::Display for ThresholdSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((operation, metric)) = &self.of {
            if let Some(operation) = operation {
                write!(f, "{operation}:")?;
            }
            write!(f, "{}=", metric.name())?;
        }
        match self.change {
            Change::Fraction(change) => write!(f, "{}%", percentage(change)),
            Change::Number(number) => write!(f, "{number}"),
        }
    }
}

impl ThresholdSetting {
    /// Whether it applies to everything that `other` applies to and is of the same kind, relative
    /// or absolute: a typed threshold then replaces that of a file.
    fn covers(&self, other: &Threshold) -> bool {
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

impl Settings {
    /// The settings of a file and of the command line, which is preferred: a typed threshold
    /// replaces those of the file for all that it applies to.
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
        if let Some(file) = file {
            let applied = file.apply(&mut options);
            applied.map_err(|reason| Failure::new("--config", reason))?;
        }
        let of_file = std::mem::take(&mut options.thresholds);
        let kept = of_file.into_iter();
        let kept: Vec<Threshold> = kept
            .filter(|known| !typed.iter().any(|typed| typed.covers(known)))
            .collect();
        for threshold in typed {
            let applied = threshold.apply(&mut options);
            let name = format!("--threshold {threshold}");
            applied.map_err(|reason| Failure::new(name, reason))?;
        }
        options.thresholds.extend(kept);
        if !typed_gates.is_empty() {
            options.gates = typed_gates;
        }
        self.options = options;
        Ok(self)
    }

    /// Refuses thresholds of operations that no run has: they would apply to nothing.
    ///
    /// # Errors
    /// Where there is such a threshold.
    pub(super) fn refuse_unknown_operations<'a>(
        &self,
        runs: impl IntoIterator<Item = &'a Run>,
    ) -> Result<()> {
        let runs: Vec<&Run> = runs.into_iter().collect();
        let named = self.options.thresholds.iter();
        let mut named = named.filter_map(|threshold| threshold.operation.as_ref());
        let unknown = |name: &&String| !runs.iter().any(|run| run.operations.contains_key(*name));
        match named.find(unknown) {
            Some(name) => Err(Failure::new(
                format_args!("threshold of {name}"),
                "no run has this operation",
            )
            .hint("`soakbox-analyzer info DIR` lists the operations of a recording")),
            None => Ok(()),
        }
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
        let both = |more: &[&str]| {
            let typed: Vec<_> = more.iter().map(|text| typed(text).unwrap()).collect();
            let settings = settings.clone().with_thresholds(Some(&file), &typed);
            settings.unwrap().options
        };
        let options = both(&["1%", "cpu=9%"]);
        assert_eq!(
            (options.threshold, &options.gates[..]),
            (0.01, &[Metric::Cpu][..])
        );
        let left = |more: &[&str]| -> Vec<String> {
            let shown = |threshold: &Threshold| {
                let operation = threshold.operation.as_deref().unwrap_or("*");
                format!(
                    "{operation} {} {:?}",
                    threshold.metric.name(),
                    threshold.change
                )
            };
            both(more).thresholds.iter().map(shown).collect()
        };
        // What is typed replaces what it covers, also of one operation, and nothing else.
        let failures = "* failure_rate Absolute(0.002)";
        let (one, all) = ("x y cpu Relative(0.08)", "* cpu Relative(0.07)");
        assert_eq!(left(&[]), [one, all, failures]);
        assert_eq!(left(&["cpu=9%"]), ["* cpu Relative(0.09)", failures]);
        assert_eq!(
            left(&["x y:cpu=9%"]),
            ["x y cpu Relative(0.09)", all, failures]
        );
        assert_eq!(
            left(&["z:cpu=9%"]),
            ["z cpu Relative(0.09)", one, all, failures]
        );
        assert_eq!(left(&["2%"]), [failures]);
        assert_eq!(
            left(&["failure_rate=1%"]),
            ["* failure_rate Absolute(0.01)", one, all]
        );
        assert_eq!(
            left(&["rate=3"]),
            ["* rate Absolute(3.0)", one, all, failures]
        );
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
        for wrong in [
            "5",
            "failure_rate=0.01",
            "memory=1e9",
            "x:duration_p99=5",
            "100%",
            "cpu=200%",
            "failure_rate=101%",
        ] {
            let settings = Settings::default().with_thresholds(None, &[typed(wrong).unwrap()]);
            assert!(settings.is_err(), "{wrong}");
        }
    }
}
