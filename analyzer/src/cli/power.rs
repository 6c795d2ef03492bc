//! `selftest` and `compare --plan` as typed and what they mean.

use std::path::PathBuf;

use clap::{Args, value_parser};
use soakbox_cli::{Failure, Format, Result};

use super::acceptance::{Acceptance, TypedSettings};
use crate::compare::{Change, PowerSettings};

/// `selftest` as typed.
#[derive(Debug, Args)]
pub(super) struct SelftestArguments {
    /// Ten or more runs of one build: recordings, directories of recordings, or baselines
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    acceptance: Acceptance,
    /// Runs per side of each comparison
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..))]
    per_side: u16,
    /// The change that is to be found
    #[arg(
        long,
        value_name = "CHANGE",
        default_value = "10%",
        allow_hyphen_values = true
    )]
    detect: Change,
    /// Write a file for --config too: the thresholds that the noise of the runs makes necessary
    #[arg(long, value_name = "FILE.toml")]
    propose_thresholds: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// A question for what comparisons can show.
#[derive(Clone, Debug)]
pub struct PowerPlan {
    /// Paths of the runs.
    pub runs: Vec<PathBuf>,
    /// Paths of the history.
    pub history: Vec<PathBuf>,
    /// Whether damaged files are left out.
    pub skip_damaged: bool,
    /// Format on stdout.
    pub format: Format,
    /// A file for the proposed thresholds.
    pub proposal: Option<PathBuf>,
    pub(super) per_side: u16,
    pub(super) change: f64,
    pub(super) self_test: bool,
    pub(super) settings: TypedSettings,
}

impl SelftestArguments {
    pub(super) fn plan(self) -> Result<PowerPlan> {
        Ok(PowerPlan {
            runs: self.runs,
            history: Vec::new(),
            skip_damaged: self.skip_damaged,
            format: self.format,
            proposal: self.propose_thresholds,
            per_side: self.per_side,
            change: fraction(self.detect)?,
            self_test: true,
            settings: self.acceptance.settings(),
        })
    }
}

/// The change that is to be found, as a fraction.
///
/// # Errors
/// Where it is no percentage.
pub(super) fn fraction(change: Change) -> Result<f64> {
    match change {
        Change::Fraction(change) => Ok(change),
        Change::Number(number) => Err(Failure::new(
            format_args!("--detect {number}"),
            "is no percentage",
        )
        .hint("for example --detect 10%")),
    }
}

impl PowerPlan {
    /// The settings, with the thresholds of the file and of the command line.
    ///
    /// # Errors
    /// Where the file cannot be read, or a threshold has no meaning.
    pub fn settings(&self) -> Result<PowerSettings> {
        Ok(PowerSettings {
            comparison: self.settings.read()?,
            per_side: self.per_side.into(),
            change: self.change,
            self_test: self.self_test,
        })
    }
}
