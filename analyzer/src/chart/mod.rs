//! Charts of latency percentiles over time, as SVG. The same figures give the same bytes. Pure: no
//! I/O, no clock. `scale` chooses units and ticks, `panel` draws with plotters, `svg` adds the
//! description for screen readers and the colours of the dark mode. Text of a recording is escaped
//! here, once.

mod axis;
mod panel;
mod scale;
mod svg;
mod theme;

pub use svg::STYLE;

use plotters::prelude::*;
use soakbox_cli::{Failure, Result, escaped};

use crate::figures::{DurationsOf, OperationTimeline, Timeline};
use crate::units::{count, duration, rfc3339, span, window_length};
use panel::{legend, panel};
use scale::ValueScale;
use theme::{MUTED, PAPER, bold, text};

/// Width of a chart in a file of its own.
const WIDTH: u32 = 960;
/// Height of the title, the subtitle and the legend.
const HEADER: u32 = 88;
/// Height of one operation's panel.
const PANEL: u32 = 272;
/// Space below the last panel.
const FOOTER: u32 = 8;
/// Height of an embedded panel, which has no title.
const EMBEDDED: u32 = 256;
/// Height of a legend above an embedded panel.
const LEGEND: u32 = 28;

/// A chart as a file of its own: a title, a legend, and one panel per operation.
///
/// # Errors
/// Where plotters fails; drawing into memory does not fail.
pub fn page(recording: &str, timeline: &Timeline) -> Result<String> {
    let recording = escaped(recording);
    let panels = timeline.operations.len() as u32;
    let height = HEADER + panels * PANEL + FOOTER;
    let mut drawn = String::new();
    {
        let root = SVGBackend::with_string(&mut drawn, (WIDTH, height)).into_drawing_area();
        root.fill(&PAPER).map_err(failed)?;
        let title = format!("{recording}: latency over time");
        root.draw(&Text::new(title, (20, 14), bold(22)))
            .map_err(failed)?;
        root.draw(&Text::new(subtitle(timeline), (20, 40), text(15, MUTED)))
            .map_err(failed)?;
        legend(&root, (20, 70), timeline, &timeline.operations).map_err(failed)?;
        let areas = root
            .margin(HEADER, FOOTER, 0, 0)
            .split_evenly((timeline.operations.len(), 1));
        for (area, operation) in areas.iter().zip(&timeline.operations) {
            let scale = ValueScale::covering([operation]);
            panel(area, timeline, operation, &scale, true).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    let names: Vec<_> = timeline
        .operations
        .iter()
        .map(|operation| escaped(&operation.operation))
        .collect();
    let title = format!("Latency over time of {} in {recording}", names.join(", "));
    let description = description(timeline, &timeline.operations);
    Ok(svg::finish(&drawn, "chart", &title, &description, true))
}

/// The chart of one operation, to be embedded in a document. `compared` is the same operation in
/// other recordings: all have the same scale, so that they can be compared by eye. `id` must be
/// unique in the document.
///
/// # Errors
/// As [`page`].
pub fn embedded(
    id: &str,
    recording: &str,
    timeline: &Timeline,
    operation: &OperationTimeline,
    compared: &[&OperationTimeline],
    width: u32,
) -> Result<String> {
    let shown = std::slice::from_ref(operation);
    let mut drawn = String::new();
    {
        let root =
            SVGBackend::with_string(&mut drawn, (width, LEGEND + EMBEDDED)).into_drawing_area();
        legend(&root, (20, 14), timeline, shown).map_err(failed)?;
        let area = root.margin(LEGEND, 0, 0, 0);
        let scale = ValueScale::covering(compared.iter().copied().chain([operation]));
        panel(&area, timeline, operation, &scale, false).map_err(failed)?;
        root.present().map_err(failed)?;
    }
    let title = format!(
        "Latency over time of {} in {}",
        escaped(&operation.operation),
        escaped(recording)
    );
    Ok(svg::finish(
        &drawn,
        id,
        &title,
        &description(timeline, shown),
        false,
    ))
}

fn subtitle(timeline: &Timeline) -> String {
    format!(
        "median, 95th and 99th percentile per window of time, {}",
        span(timeline.range.first_ns, timeline.range.last_ns)
    )
}

/// The chart in words, for those who do not see it.
fn description(timeline: &Timeline, operations: &[OperationTimeline]) -> String {
    let mut text = subtitle(timeline);
    for operation in operations {
        let name = escaped(&operation.operation);
        let windows = operation.half_covered();
        let p50 = windows.iter().map(|window| window.p50_ns);
        let Some((low, high)) = p50.clone().min().zip(p50.max()) else {
            text.push_str(&format!(". {name}: no rows"));
            continue;
        };
        text.push_str(&format!(
            ". {name}, windows of {}: the median lies between {} and {}",
            window_length(operation.width_ns),
            duration(low as f64),
            duration(high as f64)
        ));
        if operation.durations_of == DurationsOf::Finished {
            text.push_str(", of all finished operations, also of those without a row");
        }
        if let Some(peak) = windows.iter().max_by_key(|window| window.p99_ns) {
            text.push_str(&format!(
                ", the 99th percentile peaks at {} at {}",
                duration(peak.p99_ns as f64),
                rfc3339(peak.at_ns)
            ));
        }
        if !operation.lost.is_empty() {
            let lost = operation.lost.values().sum();
            text.push_str(&format!(", {} operations lost", count(lost)));
        }
    }
    match timeline.unobserved.len() {
        0 => {}
        1 => text.push_str(". In one period, shaded, the observation was incomplete"),
        periods => text.push_str(&format!(
            ". In {periods} periods, shaded, the observation was incomplete"
        )),
    }
    text.push('.');
    text
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Failure {
    Failure::new("chart", error)
}
