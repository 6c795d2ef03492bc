//! `report` as typed and what it means.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use soakbox_cli::{Failure, Result};

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
    /// Where to write the report, - for stdout; .md is Markdown
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// Output format; by default the one that the name of the file has
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// The title of the report in place of the names of the recordings
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// A header of your own: HTML that is put at the top of the page as it is. It is trusted
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Show the file when it is written, with xdg-open (macOS: open)
    #[arg(long)]
    open: bool,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page with charts
    Html,
    /// A summary below 64 KB, for the comment of a code review
    Markdown,
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
    /// Its format.
    pub format: ReportFormat,
    /// The title, if it has one of its own.
    pub title: Option<String>,
    /// The file of the reader's own header.
    pub template: Option<PathBuf>,
    /// Whether the file is shown at the end.
    pub opens: bool,
}

impl ReportArguments {
    pub(super) fn plan(self) -> Result<ReportPlan> {
        let by_name = match self.output.extension().is_some_and(|end| end == "md") {
            true => ReportFormat::Markdown,
            false => ReportFormat::Html,
        };
        let format = self.format.unwrap_or(by_name);
        if self.template.is_some() && format == ReportFormat::Markdown {
            return Err(
                Failure::new("--template", "is a header of a page: Markdown has none")
                    .hint("--title gives both a title"),
            );
        }
        if self.open && self.output == Path::new("-") {
            return Err(Failure::new("--open", "shows a file, and stdout is none")
                .hint("name one by -o FILE.html"));
        }
        let bases = match self.against.is_empty() {
            true => 1,
            false => self.recordings.len(),
        };
        let recordings = self.recordings.into_iter().chain(self.against);
        let source = |recording| Source {
            recording,
            skip_damaged: self.skip_damaged,
        };
        Ok(ReportPlan {
            sources: recordings.map(source).collect(),
            bases,
            output: self.output,
            format,
            title: self.title,
            template: self.template,
            opens: self.open,
        })
    }
}
