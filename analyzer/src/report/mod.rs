//! The report: one self-contained HTML file without scripts, fonts or network access. It is
//! readable with a screen reader, on paper and in dark mode. It shows figures next to each other
//! and judges none of them: verdicts belong to `compare`.

mod completeness;
mod differences;
mod html;
mod operations;
mod overview;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use soakbox_cli::Result;

use crate::figures::{Info, Reading, Summary, Timeline};

use html::shown;

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

/// The whole document; the first side is the base of the others.
///
/// # Errors
/// Where a chart cannot be drawn.
pub fn html(sides: &[Side]) -> Result<String> {
    let names: Vec<&str> = sides.iter().map(|side| side.name.as_str()).collect();
    let title = format!("Soakbox: {}", names.join(" and "));
    let operations = operations::section(sides)?;
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
                "\n" main {
                    "\n"
                    (overview::header(sides))
                    (completeness::notes(sides))
                    @match sides {
                        [only] => (overview::summary(&only.summary)),
                        _ => (differences::section(sides)),
                    }
                    (operations)
                    (PreEscaped(include_str!("reading.html")))
                    footer { p { "Written by soakbox-analyzer " (env!("CARGO_PKG_VERSION")) "." } }
                "\n" }
            "\n" }
        "\n" }
        "\n"
    };
    Ok(document.into_string())
}

fn style() -> Markup {
    PreEscaped(format!(
        "{}{}",
        include_str!("style.css"),
        crate::chart::STYLE
    ))
}

/// The role of a side in a comparison: base, candidate, or numbered candidates.
fn role(sides: &[Side], index: usize) -> String {
    match (index, sides.len()) {
        (0, _) => "base".to_owned(),
        (_, 2) => "candidate".to_owned(),
        (index, _) => format!("candidate {index}"),
    }
}
