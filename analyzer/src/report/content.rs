//! The content of one report on its page: charts, figures, what the data cannot show, provenance.

use maud::{Markup, html};
use soakbox_cli::Result;

use super::figure::figure;
use super::html::heading;
use super::shown_operations::ShownOperations;
use super::{Part, Report, differences, judged, limits, operations, overview};

/// Width of a chart that has the page to itself.
const WIDTH: u32 = 1000;

/// Everything below the verdict.
///
/// # Errors
/// Where a chart cannot be drawn.
pub(super) fn content(report: &Report, part: &Part) -> Result<Markup> {
    let shown_operations = ShownOperations::of(&report.sides);
    let latency = operations::section(report, &shown_operations, part)?;
    let figures = figures(report, part)?;
    let judged = judged::section(&report.judgement, part);
    Ok(html! {
        @match report.sides.as_slice() {
            [only] => {
                (latency)
                (figures)
                (judged)
                (overview::summary(&only.summary, part))
            }
            _ => {
                (figures)
                (judged)
                (latency)
                (differences::section(report, &shown_operations, part))
            }
        }
        (limits::section(report, part))
        (overview::provenance(report, part))
    })
}

/// The charts of the whole report, each with its numbers.
fn figures(report: &Report, part: &Part) -> Result<Markup> {
    let mut sections = Vec::new();
    for (number, one) in report.figures.iter().enumerate() {
        let id = format!("{}figure-{number}", part.prefix);
        let drawn = figure(&*one.chart, &id, WIDTH, &one.caption)?;
        sections.push(html! {
            section {
                (heading(part.level, html! { (one.heading) }))
                (drawn)
            } "\n"
        });
    }
    Ok(html! { @for section in sections { (section) } })
}
