//! Each operation over time: a chart for each recording that has it.

use maud::{Markup, html};
use soakbox_cli::Result;

use super::figure::figure;
use super::html::{heading, shown};
use super::shown_operations::ShownOperations;
use super::{Part, Report, role};
use crate::chart::{OperationPercentiles, Percentiles};
use crate::figures::{DurationsOf, OperationTimeline, Timeline};
use crate::pictures;
use crate::units::window_length;

/// Width of a chart that has the page to itself, and of one next to another.
const WIDTHS: [u32; 2] = [1000, 640];

/// Charts of the shown operations of all sides.
pub(super) fn section(
    report: &Report,
    operations: &ShownOperations<'_>,
    part: &Part,
) -> Result<Markup> {
    let timelines = report
        .sides
        .iter()
        .filter_map(|side| side.timeline.as_ref());
    let drawn: Vec<&str> = timelines
        .flat_map(|timeline| &timeline.operations)
        .map(|operation| operation.operation.as_str())
        .collect();
    let mut charts = Vec::new();
    for (number, operation) in operations.names.iter().copied().enumerate() {
        if drawn.contains(&operation) {
            charts.push((operation, figures(report, (number, operation), part)?));
        }
    }
    let left_out = left_out(report);
    if charts.is_empty() && left_out.is_none() {
        return Ok(html! {});
    }
    Ok(html! {
        section {
            (heading(part.level, html! { "Latency over time" }))
            @if let Some(left_out) = left_out { p { (left_out) } "\n" }
            @if !charts.is_empty() { (operations.note()) }
            @for (operation, figures) in charts {
                (heading(part.level + 1, html! { span class="name" { (shown(operation)) } }))
                div class="figures" { "\n" (figures) } "\n"
            }
        } "\n"
    })
}

/// Which sides have no charts, and why.
fn left_out(report: &Report) -> Option<String> {
    let sides = report.sides.iter().enumerate();
    let unknown = sides.filter_map(|(index, side)| Some((index, side.summary.no_rates?)));
    let (roles, reasons): (Vec<String>, Vec<&str>) = unknown
        .map(|(index, reason)| (role(report, index), reason))
        .unzip();
    let whose = match report.sides.len() {
        1 => String::new(),
        _ => format!(" for {}", roles.join(" and ")),
    };
    let reason = reasons.first()?;
    Some(format!(
        "Not drawn{whose}: {reason}, so that nothing over time is known."
    ))
}

/// The charts of one operation, one per side that has it.
fn figures(report: &Report, (number, name): (usize, &str), part: &Part) -> Result<Markup> {
    let sides = report.sides.as_slice();
    let drawn: Vec<(usize, &Timeline, &OperationTimeline)> = sides
        .iter()
        .enumerate()
        .filter_map(|(index, side)| {
            let timeline = side.timeline.as_ref()?;
            let mut operations = timeline.operations.iter();
            let operation = operations.find(|operation| operation.operation == name)?;
            Some((index, timeline, operation))
        })
        .collect();
    let charts = drawn.iter().map(|(index, timeline, operation)| {
        pictures::of_timeline(&sides[*index].name, timeline, operation)
    });
    let charts: Vec<Percentiles> = charts.collect();
    // All have the same scale, so that they can be compared by eye.
    let values = charts.iter().flat_map(|chart| &chart.operations);
    let values: Vec<f64> = values.flat_map(OperationPercentiles::values).collect();
    let width = WIDTHS[usize::from(sides.len() > 1)];
    let mut figures = Vec::new();
    for ((index, _, operation), percentiles) in drawn.into_iter().zip(charts) {
        let id = format!("{}chart-{number}-{index}", part.prefix);
        let recording = &sides[index].name;
        let chart = percentiles.with_scale_of(values.clone());
        let window = window_length(operation.width_ns);
        let mut caption = match sides {
            [_] => format!("per {window} window"),
            _ => format!("{} ({recording}), per {window} window", role(report, index)),
        };
        if operation.durations_of == DurationsOf::Finished {
            caption.push_str(", of all finished operations, also of those without a row");
        }
        figures.push(figure(&chart, &id, width, &caption)?);
    }
    Ok(html! { @for figure in figures { (figure) } })
}
