//! The page of one report.

use maud::html;
use soakbox_cli::Result;

use super::content::content;
use super::document::document;
use super::{Part, Report, headline};

/// A page of one report.
///
/// # Errors
/// Where a chart cannot be drawn.
pub fn html(report: &Report) -> Result<String> {
    let content = content(report, &Part::whole())?;
    let title = match &report.title {
        Some(title) => title.clone(),
        None => format!("Soakbox: {}", report.name()),
    };
    let main = html! { (headline::header(report)) (content) };
    Ok(document(&title, report.header.as_deref(), main))
}
