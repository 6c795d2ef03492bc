//! `report` as typed and what it means.

use std::path::PathBuf;

use clap::Args;

use super::Source;

/// `report` as typed.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// The recording; with --against, those of the base
    #[arg(value_name = "DIR", required = true)]
    recordings: Vec<PathBuf>,
    /// Candidates: recordings to compare with the base. Without it, the recordings after the first
    /// one are candidates
    #[arg(long, value_name = "DIR", num_args = 1..)]
    against: Vec<PathBuf>,
    /// Where to write the report, - for stdout
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// A report to write.
#[derive(Clone, Debug)]
pub struct ReportPlan {
    /// Recordings: first the bases, then the candidates.
    pub sources: Vec<Source>,
    /// How many of them are bases.
    pub bases: usize,
    /// The file to write.
    pub output: PathBuf,
}

impl ReportArguments {
    pub(super) fn plan(self) -> ReportPlan {
        let bases = match self.against.is_empty() {
            true => 1,
            false => self.recordings.len(),
        };
        let recordings = self.recordings.into_iter().chain(self.against);
        let source = |recording| Source {
            recording,
            skip_damaged: self.skip_damaged,
        };
        ReportPlan {
            sources: recordings.map(source).collect(),
            bases,
            output: self.output,
        }
    }
}
