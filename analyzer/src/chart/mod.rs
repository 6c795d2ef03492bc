//! Pictures: latency percentiles over time as SVG, the same bytes for the same figures. Pure: no I/O, no clock.
//! `scale` chooses units and ticks, `panel` draws with plotters, `svg` adds what screen readers and dark screens need.

mod axis;
mod panel;
mod scale;
mod svg;
mod theme;

pub use svg::STYLE;

use plotters::prelude::*;

use crate::failure::{Failure, Result};
use crate::output::units::{count, duration, round_duration, span};
use crate::windows::{Series, Timeline};
use panel::{legend, panel};
use scale::ValueScale;
use theme::{MUTED, PAPER, bold, text};

/// Width of a page.
const WIDTH: u32 = 960;
/// Height of the title, the subtitle and the legend.
const HEADER: u32 = 88;
/// Height of one operation's panel.
const PANEL: u32 = 272;
/// Space below the last panel.
const FOOTER: u32 = 8;
/// Height of a figure's panel, which has no title.
const FIGURE: u32 = 256;
/// Height of a legend above a single figure.
const LEGEND: u32 = 28;

/// A page of its own: a title, a legend, and one panel per operation.
///
/// # Errors
/// Where plotters fails, which writing to memory rules out.
pub fn page(recording: &str, timeline: &Timeline) -> Result<String> {
    let panels = timeline.series.len() as u32;
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
        legend(&root, (20, 70), timeline, &timeline.series).map_err(failed)?;
        let body = root.margin(HEADER, FOOTER, 0, 0);
        for (area, series) in body
            .split_evenly((timeline.series.len(), 1))
            .iter()
            .zip(&timeline.series)
        {
            panel(
                area,
                timeline,
                series,
                &ValueScale::covering([series]),
                true,
            )
            .map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    let names: Vec<&str> = timeline
        .series
        .iter()
        .map(|s| s.operation.as_str())
        .collect();
    let title = format!("Latency over time of {} in {recording}", names.join(", "));
    Ok(svg::finish(
        &drawn,
        "chart",
        &title,
        &description(timeline, &timeline.series),
        true,
    ))
}

/// One operation's figure for a report. `beside` is the same operation in another recording: both get one scale, so
/// that they can be compared by eye. `id` must be unique in the document.
///
/// # Errors
/// As [`page`].
pub fn figure(
    id: &str,
    recording: &str,
    timeline: &Timeline,
    series: &Series,
    beside: &[&Series],
    width: u32,
) -> Result<String> {
    let mut drawn = String::new();
    {
        let root =
            SVGBackend::with_string(&mut drawn, (width, LEGEND + FIGURE)).into_drawing_area();
        legend(&root, (20, 14), timeline, std::slice::from_ref(series)).map_err(failed)?;
        let area = root.margin(LEGEND, 0, 0, 0);
        let scale = ValueScale::covering(beside.iter().copied().chain([series]));
        panel(&area, timeline, series, &scale, false).map_err(failed)?;
        root.present().map_err(failed)?;
    }
    let title = format!("Latency over time of {} in {recording}", series.operation);
    let description = description(timeline, std::slice::from_ref(series));
    Ok(svg::finish(&drawn, id, &title, &description, false))
}

fn subtitle(timeline: &Timeline) -> String {
    format!(
        "median, 95th and 99th percentile per window of time, {}",
        span(timeline.range.first_ns, timeline.range.last_ns)
    )
}

/// In words, for those who do not see it.
fn description(timeline: &Timeline, series: &[Series]) -> String {
    let mut text = subtitle(timeline);
    for series in series {
        let p50 = series.windows.iter().map(|window| window.p50_ns);
        let Some((low, high)) = p50.clone().min().zip(p50.max()) else {
            text.push_str(&format!(". {}: no rows", series.operation));
            continue;
        };
        text.push_str(&format!(
            ". {}, windows of {}: the median lies between {} and {}",
            series.operation,
            round_duration(series.width_ns),
            duration(low as f64),
            duration(high as f64)
        ));
        if let Some(peak) = series.windows.iter().max_by_key(|window| window.p99_ns) {
            text.push_str(&format!(
                ", the 99th percentile peaks at {} at {}",
                duration(peak.p99_ns as f64),
                crate::output::units::rfc3339(peak.at_ns)
            ));
        }
        if !series.lost.is_empty() {
            let lost = series.lost.values().sum();
            text.push_str(&format!(", {} operations lost", count(lost)));
        }
    }
    match timeline.unobserved.len() {
        0 => {}
        1 => text.push_str(". One stretch, shaded, was not observed"),
        stretches => text.push_str(&format!(
            ". {stretches} stretches, shaded, were not observed"
        )),
    }
    text.push('.');
    text
}

fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Failure {
    Failure::new("chart", error)
}
