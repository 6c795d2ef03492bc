//! The acceptable changes, metrics and operations, as typed for every command that compares. The
//! file of thresholds is read when the plan runs.

use std::path::PathBuf;

use clap::Args;
use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Options};

use crate::compare::{Settings, ThresholdSetting, ThresholdsFile, metric_named};
use crate::user_text;

/// The acceptable changes, and the metrics and operations that are compared.
#[derive(Debug, Args)]
pub(super) struct Acceptance {
    /// Largest acceptable change: 5%, METRIC=10% or OPERATION:METRIC=10%; may be given several
    /// times. At most 99%. A number without % is in the metric's unit (ns, bytes/s, 1/s), for a
    /// metric that is 0 in a run.
    /// Default 5%; of failure_rate 0.1 percentage points
    #[arg(long, value_name = "CHANGE", allow_hyphen_values = true)]
    threshold: Vec<ThresholdSetting>,
    /// TOML file with thresholds and gates
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Compare only this metric; may be given several times
    #[arg(long, value_name = "METRIC", value_parser = metric_named)]
    metric: Vec<Metric>,
    /// Compare only this operation; may be given several times
    #[arg(long, value_name = "NAME")]
    operation: Vec<String>,
}

/// Settings whose file of thresholds is not read yet.
#[derive(Clone, Debug)]
pub(super) struct TypedSettings {
    /// Thresholds as typed.
    thresholds: Vec<ThresholdSetting>,
    config: Option<PathBuf>,
    /// Everything but the thresholds.
    pub(super) settings: Settings,
}

/// The settings of a comparison, whose file of thresholds is not read yet.
#[derive(Clone, Debug)]
pub struct ComparisonSettings(TypedSettings);

impl ComparisonSettings {
    /// The settings with the thresholds of the file and of the command line.
    ///
    /// # Errors
    /// Where the file cannot be read, or a threshold has no meaning.
    pub fn read(&self) -> Result<Settings> {
        self.0.read()
    }
}

impl From<TypedSettings> for ComparisonSettings {
    fn from(settings: TypedSettings) -> Self {
        Self(settings)
    }
}

impl Acceptance {
    /// An error where something of it is set, for a command that compares nothing.
    pub(super) fn refuse_without_comparison(&self) -> Result<()> {
        let flag = [
            ("--threshold", !self.threshold.is_empty()),
            ("--config", self.config.is_some()),
            ("--metric", !self.metric.is_empty()),
            ("--operation", !self.operation.is_empty()),
        ];
        match flag.into_iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((flag, _)) => Err(Failure::new(
                flag,
                "is about a comparison, and there is one recording",
            )
            .hint("name candidates by --against DIR")),
        }
    }

    pub(super) fn settings(self) -> TypedSettings {
        TypedSettings {
            thresholds: self.threshold,
            config: self.config,
            settings: Settings {
                options: Options {
                    metrics: self.metric,
                    ..Options::default()
                },
                operations: self.operation,
                ..Settings::default()
            },
        }
    }
}

impl TypedSettings {
    /// These thresholds, file of thresholds and operations; everything else as it is by default.
    pub(super) fn of(
        thresholds: Vec<ThresholdSetting>,
        config: Option<PathBuf>,
        operations: Vec<String>,
    ) -> Self {
        Self {
            thresholds,
            config,
            settings: Settings {
                operations,
                ..Settings::default()
            },
        }
    }

    /// The settings with the thresholds of the file and of the command line.
    pub(super) fn read(&self) -> Result<Settings> {
        let file = match &self.config {
            Some(path) => {
                let text = user_text::read(path)?;
                let parsed = ThresholdsFile::parse(&text);
                let parsed = parsed.map_err(|reason| Failure::path(path, reason));
                Some(parsed.map_err(|failure| {
                    failure.hint("changes are texts such as \"5%\", as docs/compare.md shows")
                })?)
            }
            None => None,
        };
        let settings = self.settings.clone();
        settings.with_thresholds(file.as_ref(), &self.thresholds)
    }
}
