//! The report, as one self-contained HTML file without scripts, fonts or network access, or as a
//! Markdown summary. It is written for a reader in a hurry. First the verdict and its main reasons, then charts and figures, then what the
//! data cannot show and where they come from. One recording is a page of a soak test, several are a
//! page of a comparison. It is readable with a screen reader, on paper and in dark mode.

mod completeness;
mod differences;
mod headline;
mod html;
mod judged;
mod limits;
mod markdown;
mod operations;
mod overview;
mod shown_operations;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use soakbox_cli::Result;

use crate::chart::{self, Chart};
use crate::compare::Answer;
use crate::figures::{Info, Reading, Summary, Timeline};
use crate::output::Align;
use crate::soak::SoakAnswer;

use html::{figure, shown, table};
pub use markdown::markdown;
use shown_operations::ShownOperations;

/// Width of a chart that has the page to itself.
const WIDTH: u32 = 1000;

/// One recording in a report.
#[derive(Clone, Debug)]
pub struct Side {
    /// The recording's name.
    pub name: String,
    /// Its content.
    pub info: Info,
    /// Figures per operation.
    pub summary: Summary,
    /// Operations over time; `None` without rows.
    pub timeline: Option<Timeline>,
}

impl Side {
    /// All figures that the report shows of a recording that was read with [`Timeline::CUT`].
    pub fn of(reading: &Reading) -> Self {
        Self {
            name: reading.recording.name(),
            info: Info::of(reading),
            summary: Summary::of(reading),
            timeline: Timeline::of(reading, &[]),
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
    /// What the verdict is not about, in a sentence.
    pub scope: Option<String>,
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
            scope: None,
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

/// The whole document.
///
/// # Errors
/// Where a chart cannot be drawn.
pub fn html(report: &Report) -> Result<String> {
    let shown_operations = ShownOperations::of(&report.sides);
    let latency = operations::section(report, &shown_operations)?;
    let figures = figures(report)?;
    let title = match &report.title {
        Some(title) => title.clone(),
        None => format!("Soakbox: {}", report.name()),
    };
    let document = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            "\n" head {
                "\n" meta charset="utf-8";
                "\n" meta name="viewport" content="width=device-width, initial-scale=1";
                "\n" meta name="color-scheme" content="light dark";
                "\n" title { (shown(&title)) }
                "\n" style { "\n" (style()) "\n" }
            "\n" }
            "\n" body {
                @if let Some(header) = &report.header {
                    "\n" div class="own" { "\n" (PreEscaped(header)) "\n" }
                }
                "\n" main {
                    "\n"
                    (headline::header(report))
                    @match report.sides.as_slice() {
                        [only] => {
                            (latency)
                            (figures)
                            (judged::section(&report.judgement))
                            (overview::summary(&only.summary))
                        }
                        _ => {
                            (figures)
                            (judged::section(&report.judgement))
                            (latency)
                            (differences::section(report, &shown_operations))
                        }
                    }
                    (limits::section(report))
                    section { h2 { "Provenance" } "\n" (overview::provenance(report)) } "\n"
                    (PreEscaped(include_str!("reading.html")))
                    footer { p { "Written by soakbox-analyzer " (env!("CARGO_PKG_VERSION")) "." } }
                "\n" }
            "\n" }
        "\n" }
        "\n"
    };
    Ok(document.into_string())
}

/// The charts of the whole report, each with its numbers.
fn figures(report: &Report) -> Result<Markup> {
    let mut sections = Vec::new();
    for (number, one) in report.figures.iter().enumerate() {
        let picture = chart::embedded(&*one.chart, &format!("figure-{number}"), WIDTH)?;
        let numbers = one.chart.numbers();
        let align = |has_unit: bool| if has_unit { Align::Right } else { Align::Left };
        let headings = numbers.columns.iter();
        let headings: Vec<(&str, Align)> = headings
            .map(|column| (column.name.as_str(), align(column.unit.is_some())))
            .collect();
        let cells = |row: &Vec<chart::Cell>| -> Vec<String> {
            let cells = row.iter().zip(&numbers.columns);
            cells.map(|(cell, column)| column.shown(cell)).collect()
        };
        let rows: Vec<Vec<String>> = numbers.rows.iter().map(cells).collect();
        let table = table(&numbers.caption, &headings, &rows);
        let drawn = figure(&picture, &one.caption, "Numbers", table);
        sections.push(html! { section { h2 { (one.heading) } "\n" (drawn) } "\n" });
    }
    Ok(html! { @for section in sections { (section) } })
}

fn style() -> Markup {
    PreEscaped(format!(
        "{}{}",
        include_str!("style.css"),
        crate::chart::STYLE
    ))
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
