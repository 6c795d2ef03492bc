//! `report` as typed and what it means.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use soakbox_cli::{Failure, Result};

use super::acceptance::{Acceptance, ComparisonSettings};
use super::{Source, ending};

/// `report` as typed.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// The recording; with --against, those of the base
    #[arg(value_name = "DIR", required_unless_present = "release")]
    recordings: Vec<PathBuf>,
    /// Candidates: recordings to compare with the base. Without it, the recordings after the first
    /// one are candidates
    #[arg(long, value_name = "DIR", num_args = 1..)]
    against: Vec<PathBuf>,
    /// Several comparisons in one report: TOML file that names them
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["recordings", "against"])]
    release: Option<PathBuf>,
    /// Where to write the report, - for stdout; may be given several times. A name that ends with .md
    /// is Markdown, .json the verdict, .xml JUnit, and any other one a page
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Vec<PathBuf>,
    /// Output format of a single file; by default the one that its name has
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
    /// Of a comparison, as in `compare`.
    #[command(flatten)]
    acceptance: Acceptance,
}

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page with charts
    Html,
    /// A summary below 64 KB, for the comment of a code review
    Markdown,
    /// The verdict for programs, with a versioned schema
    Json,
    /// The verdict as JUnit XML, for servers that show test results
    Junit,
}

/// What a report is about.
#[derive(Clone, Debug)]
pub enum ReportSubject {
    /// One recording.
    Recording(Source),
    /// First the bases, then the candidates, and how many of them are bases.
    Comparison(Vec<Source>, usize),
    /// The comparisons that a file names.
    Release(PathBuf),
}

/// A report to write.
#[derive(Clone, Debug)]
pub struct ReportPlan {
    /// What it is about.
    pub subject: ReportSubject,
    /// What comparisons accept; its file is not read yet.
    pub settings: Box<ComparisonSettings>,
    /// The files to write, with their formats.
    pub outputs: Vec<(PathBuf, ReportFormat)>,
    /// The title, if it has one of its own.
    pub title: Option<String>,
    /// The file of the reader's own header.
    pub template: Option<PathBuf>,
    /// The file that is shown at the end.
    pub shown: Option<PathBuf>,
    /// Whether damaged files are left out.
    pub skip_damaged: bool,
}

impl ReportFormat {
    /// The one that a name has.
    fn of(path: &Path) -> Self {
        match ending(path).as_deref() {
            Some("md") => Self::Markdown,
            Some("json") => Self::Json,
            Some("xml") => Self::Junit,
            _ => Self::Html,
        }
    }
}

impl ReportArguments {
    pub(super) fn plan(self) -> Result<ReportPlan> {
        let outputs = self.outputs()?;
        if self
            .title
            .as_deref()
            .is_some_and(|title| title.trim().is_empty())
        {
            return Err(Failure::new("--title", "is empty")
                .hint("without it the title has the names of the recordings"));
        }
        let page = outputs
            .iter()
            .find(|(_, format)| *format == ReportFormat::Html);
        if self.template.is_some() && page.is_none() {
            return Err(
                Failure::new("--template", "is a header of a page, and no output is one")
                    .hint("--title gives any of them a title"),
            );
        }
        let shown = page.or(outputs.first()).map(|(path, _)| path.clone());
        let shown = shown.filter(|_| self.open);
        if shown.as_deref() == Some(Path::new("-")) {
            return Err(Failure::new("--open", "shows a file, and stdout is none")
                .hint("name one by -o FILE.html"));
        }
        let bases = match self.against.is_empty() {
            true => 1,
            false => self.recordings.len(),
        };
        let recordings = self.recordings.into_iter().chain(self.against);
        let sources = recordings.map(|recording| Source {
            recording,
            skip_damaged: self.skip_damaged,
        });
        let mut sources: Vec<Source> = sources.collect();
        let subject = match (self.release, sources.len()) {
            (Some(file), _) => ReportSubject::Release(file),
            (None, 1) => {
                self.acceptance.refuse_without_comparison()?;
                ReportSubject::Recording(sources.remove(0))
            }
            (None, _) => ReportSubject::Comparison(sources, bases),
        };
        Ok(ReportPlan {
            subject,
            settings: Box::new(self.acceptance.settings().into()),
            outputs,
            title: self.title,
            template: self.template,
            shown,
            skip_damaged: self.skip_damaged,
        })
    }

    fn outputs(&self) -> Result<Vec<(PathBuf, ReportFormat)>> {
        if let (Some(format), [only]) = (self.format, self.output.as_slice()) {
            return Ok(vec![(only.clone(), format)]);
        }
        if self.format.is_some() {
            return Err(Failure::new("--format", "is the format of one file")
                .hint("the names of several files have theirs: .html, .md, .json, .xml"));
        }
        let mut outputs: Vec<(PathBuf, ReportFormat)> = Vec::new();
        for path in &self.output {
            outputs.push((path.clone(), ReportFormat::of(path)));
        }
        Ok(outputs)
    }
}
