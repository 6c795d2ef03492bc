//! The report: one HTML file that needs nothing else, no script, no font, no network. Readable with a screen reader,
//! on paper and on a dark screen. It shows figures side by side and judges none of them: verdicts are `compare`'s.

mod differences;
mod html;
mod operations;
mod overview;

use crate::failure::Result;
use crate::info::Info;
use crate::recording::Recording;
use crate::sql::Session;
use crate::summary::Summary;
use crate::windows::Timeline;

use html::{element, escape};

/// One recording of a report.
#[derive(Clone, Debug)]
pub struct Side {
    /// What to call it.
    pub name: String,
    /// What is in it.
    pub info: Info,
    /// Figures per operation.
    pub summary: Summary,
    /// Operations over time; `None` without rows.
    pub timeline: Option<Timeline>,
}

impl Side {
    /// Reads all that the report shows of a recording.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(recording: &Recording, session: &Session) -> Result<Self> {
        let info = Info::read(recording, session)?;
        Ok(Self {
            name: recording.name(),
            summary: Summary::of(session, &info)?,
            timeline: Timeline::read(session, &info.observed, &[])?,
            info,
        })
    }
}

/// The whole document; the first side is the base of the others.
///
/// # Errors
/// Where a chart cannot be drawn.
pub fn html(sides: &[Side]) -> Result<String> {
    let names: Vec<&str> = sides.iter().map(|side| side.name.as_str()).collect();
    let title = format!("Soakbox: {}", names.join(" and "));
    let mut body = overview::header(sides);
    body.push_str(&overview::completeness(sides));
    body.push_str(&match sides {
        [only] => overview::summary(&only.summary),
        _ => differences::section(sides),
    });
    body.push_str(&operations::section(sides)?);
    body.push_str(include_str!("reading.html"));
    body.push_str(&element(
        "footer",
        &format!(
            "<p>Written by soakbox-analyzer {}.</p>",
            env!("CARGO_PKG_VERSION")
        ),
    ));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{}{}\n</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(&title),
        include_str!("style.css"),
        crate::chart::STYLE,
    ))
}

/// What a side is called in a comparison: base, candidate, or candidates in turn.
fn role(sides: &[Side], index: usize) -> String {
    match (index, sides.len()) {
        (0, _) => "base".to_owned(),
        (_, 2) => "candidate".to_owned(),
        (index, _) => format!("candidate {index}"),
    }
}
