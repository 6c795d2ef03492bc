//! The report, as one self-contained HTML file without fonts or network access, or as a Markdown summary. It
//! is written for a reader in a hurry. First the verdict and its main reasons, then charts and figures, then
//! what the data cannot show and where they come from. One recording is a page of a soak test, several are a
//! page of a comparison, and several comparisons are the page of a release. It is readable with a screen
//! reader, on paper, in dark mode, and without its script.

mod bounded;
mod completeness;
mod content;
mod differences;
mod document;
mod figure;
mod headline;
mod html;
mod judged;
mod limits;
mod markdown;
mod operations;
mod overview;
mod page;
mod part;
mod release;
mod release_file;
mod shown_operations;

use crate::chart::Chart;
use crate::compare::Answer;
use crate::figures::{Info, Reading, Summary, Timeline};
use crate::soak::SoakAnswer;

pub use markdown::markdown;
pub use page::html;
use part::Part;
pub use release::{Release, release_html, release_markdown};
pub use release_file::{NamedComparison, ReleaseFile};

/// One recording in a report.
#[derive(Clone, Debug)]
pub struct Side {
    /// The recording's name.
    pub name: String,
    /// Its content.
    pub info: Info,
    /// Figures per operation.
    pub summary: Summary,
    /// Operations over time; `None` without rows, and where an import made up how long they took.
    pub timeline: Option<Timeline>,
}

impl Side {
    /// All figures that the report shows of a recording that was read with [`Timeline::CUT`].
    pub fn of(reading: &Reading) -> Self {
        let timeline = match reading.why_no_rates() {
            Some(_) => None,
            None => Timeline::of(reading, &[]),
        };
        Self {
            name: reading.recording.name(),
            info: Info::of(reading),
            summary: Summary::of(reading),
            timeline,
        }
    }
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// The findings in one recording.
    Soak(SoakAnswer),
    /// The verdict on the candidates.
    Comparison(Box<Answer>),
    /// Nothing, and why, as the end of a sentence.
    None(String),
}

/// A chart of the whole report.
pub struct Figure {
    /// Its heading.
    pub heading: &'static str,
    /// What it shows.
    pub caption: String,
    /// The chart.
    pub chart: Box<dyn Chart>,
}

/// What a page shows.
pub struct Report {
    /// Its title; the names of the recordings where it is not given.
    pub title: Option<String>,
    /// HTML of the reader's own, which is at the top of the page as it is.
    pub header: Option<String>,
    /// The recordings: first the bases, then the candidates.
    pub sides: Vec<Side>,
    /// How many of them are bases.
    pub bases: usize,
    /// What was found out about them.
    pub judgement: Judgement,
    /// What the verdict is not about, and how finely it was made: sentences.
    pub scope: Vec<String>,
    /// Charts: of a comparison before those of each operation, of a soak after them.
    pub figures: Vec<Figure>,
}

impl Report {
    /// A report without a verdict; the first side is the base of the others.
    pub fn of(sides: Vec<Side>) -> Self {
        Self {
            title: None,
            header: None,
            sides,
            bases: 1,
            judgement: Judgement::None("nothing was judged".to_owned()),
            scope: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// The title.
    fn title(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.name())
    }

    /// What the page is about.
    fn name(&self) -> String {
        let (bases, candidates) = self.sides.split_at(self.bases.min(self.sides.len()));
        let of = |sides: &[Side], role: &str| match sides {
            [only] => only.name.clone(),
            sides => format!("{} runs of the {role}", sides.len()),
        };
        match candidates {
            [] => of(bases, "base"),
            candidates => format!(
                "{} against {}",
                of(candidates, "candidate"),
                of(bases, "base")
            ),
        }
    }
}

/// The role of a side in a comparison: base or candidate, with a number where there are several.
fn role(report: &Report, index: usize) -> String {
    let bases = report.bases;
    let (role, number, of) = match index < bases {
        true => ("base", index, bases),
        false => ("candidate", index - bases, report.sides.len() - bases),
    };
    match of {
        1 => role.to_owned(),
        _ => format!("{role} {}", number + 1),
    }
}
