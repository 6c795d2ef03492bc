//! `compare` as typed and what it means.

use std::path::PathBuf;

use clap::{Args, ValueEnum, value_parser};
use soakbox_cli::{Failure, Format, Result};
use soakbox_statistics::{Metric, OneSided, Options};

use super::Plan;
use super::acceptance::{Acceptance, TypedSettings};
use super::power::{PowerPlan, fraction};
use crate::compare::{AddedRuns, Change, Pairing, SEED, Settings, metric_named};

/// `compare` as typed.
#[derive(Debug, Args)]
pub(super) struct CompareArguments {
    /// The base: recordings, directories of recordings, or baselines. If one does not exist, the
    /// exit status is 3
    #[arg(value_name = "BASE", required = true)]
    base: Vec<PathBuf>,
    /// The candidate: the same
    #[arg(long, value_name = "CANDIDATE", num_args = 1.., required_unless_present = "plan", conflicts_with = "plan")]
    against: Vec<PathBuf>,
    #[command(flatten)]
    acceptance: Acceptance,
    /// Print what a comparison with this base could show, before a candidate is recorded
    #[arg(long)]
    plan: bool,
    /// With --plan: runs per side of the comparison
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u16).range(1..), conflicts_with = "against")]
    per_side: u16,
    /// With --plan: the change that is to be found
    #[arg(
        long,
        value_name = "CHANGE",
        default_value = "10%",
        allow_hyphen_values = true,
        conflicts_with = "against"
    )]
    detect: Change,
    /// With --plan: write a file for --config too: the thresholds that the noise of the base or of
    /// the history makes necessary
    #[arg(long, value_name = "FILE.toml", conflicts_with = "against")]
    propose_thresholds: Option<PathBuf>,
    /// This metric must pass, and only such metrics can regress the comparison; may be given
    /// several times. Without it the noise of the base decides which metrics must pass
    #[arg(long, value_name = "METRIC", value_parser = metric_named)]
    gate: Vec<Metric>,
    /// The n-th runs of both sides are a pair, by their begin. Without it, runs that were recorded
    /// in turn are pairs
    #[arg(long, conflicts_with = "unpaired")]
    paired: bool,
    /// The runs are not pairs
    #[arg(long)]
    unpaired: bool,
    /// Known-good runs of any builds, recordings or baselines: they show how much runs of one build
    /// differ, also where each side, or the base of --plan, has one run
    #[arg(long, value_name = "RUN", num_args = 1..)]
    history: Vec<PathBuf>,
    /// Runs are added until the comparison is decided, up to this number per side: each comparison
    /// on the way has a part of the rate of false alarms
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..), conflicts_with = "plan")]
    planned: Option<u16>,
    /// With --planned: runs per side at the comparison before this one
    #[arg(long, value_name = "N", default_value_t = 0, requires = "planned")]
    looked: u16,
    /// How an operation that only the base has counts
    #[arg(long, value_enum, value_name = "COUNTS", default_value_t = OneSidedWord::Inconclusive)]
    only_base: OneSidedWord,
    /// How an operation that only the candidate has counts
    #[arg(long, value_enum, value_name = "COUNTS", default_value_t = OneSidedWord::Named)]
    only_candidate: OneSidedWord,
    /// Print the figures behind the verdict on one effect
    #[arg(long, num_args = 2, value_names = ["OPERATION", "METRIC"])]
    explain: Vec<String>,
    /// Kept in the answer; the same input and seed give the same answer
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// Output format
    #[arg(long, value_enum, default_value_t = VerdictFormat::Table)]
    format: VerdictFormat,
    /// Write the verdict as JSON into this file too
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// Format of a verdict on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerdictFormat {
    /// For people
    Table,
    /// For programs, with a versioned schema
    Json,
    /// For the comment of a code review
    Markdown,
    /// JUnit XML, for servers that show test results
    Junit,
}

fn no_such_plan(format: &str) -> Failure {
    let failure = Failure::new(format_args!("--format {format}"), "a plan has no such form");
    failure.hint("use table or json")
}

/// How an operation that only one side has counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OneSidedWord {
    /// It is only named
    Named,
    /// The comparison cannot pass
    Inconclusive,
    /// The comparison is regressed
    Regressed,
}

impl From<OneSidedWord> for OneSided {
    fn from(word: OneSidedWord) -> Self {
        match word {
            OneSidedWord::Named => Self::Named,
            OneSidedWord::Inconclusive => Self::Inconclusive,
            OneSidedWord::Regressed => Self::Regressed,
        }
    }
}

/// A comparison to run.
#[derive(Clone, Debug)]
pub struct ComparePlan {
    /// Paths of the base.
    pub base: Vec<PathBuf>,
    /// Paths of the candidate.
    pub candidate: Vec<PathBuf>,
    /// Paths of the history.
    pub history: Vec<PathBuf>,
    /// Whether damaged files are left out.
    pub skip_damaged: bool,
    /// Format on stdout.
    pub format: VerdictFormat,
    /// A file for the JSON too.
    pub json: Option<PathBuf>,
    settings: TypedSettings,
}

impl CompareArguments {
    pub(super) fn plan(self) -> Result<Plan> {
        if self.plan {
            return Ok(Plan::Power(Box::new(self.power()?)));
        }
        let explain = match self.explain.as_slice() {
            [operation, metric] => {
                let metric =
                    metric_named(metric).map_err(|reason| Failure::new("--explain", reason))?;
                Some((operation.clone(), metric))
            }
            _ => None,
        };
        let mut settings = self.acceptance.settings();
        let options = Options {
            gates: self.gate,
            only_base: self.only_base.into(),
            only_candidate: self.only_candidate.into(),
            ..settings.settings.options
        };
        settings.settings = Settings {
            options,
            pairing: match (self.paired, self.unpaired) {
                (true, _) => Pairing::Always,
                (_, true) => Pairing::Never,
                _ => Pairing::Automatic,
            },
            added: self.planned.map(|planned| AddedRuns {
                planned: planned.into(),
                looked: self.looked.into(),
            }),
            seed: self.seed,
            explain,
            ..settings.settings
        };
        Ok(Plan::Compare(Box::new(ComparePlan {
            base: self.base,
            candidate: self.against,
            history: self.history,
            skip_damaged: self.skip_damaged,
            format: self.format,
            json: self.json,
            settings,
        })))
    }

    fn power(self) -> Result<PowerPlan> {
        let format = match self.format {
            VerdictFormat::Table => Format::Table,
            VerdictFormat::Json => Format::Json,
            VerdictFormat::Markdown => return Err(no_such_plan("markdown")),
            VerdictFormat::Junit => return Err(no_such_plan("junit")),
        };
        Ok(PowerPlan {
            runs: self.base,
            history: self.history,
            skip_damaged: self.skip_damaged,
            format,
            proposal: self.propose_thresholds,
            per_side: self.per_side,
            change: fraction(self.detect)?,
            self_test: false,
            settings: self.acceptance.settings(),
        })
    }
}

impl ComparePlan {
    /// The settings, with the thresholds of the file and of the command line.
    ///
    /// # Errors
    /// Where the file cannot be read, or a threshold has no meaning.
    pub fn settings(&self) -> Result<Settings> {
        self.settings.read()
    }
}
