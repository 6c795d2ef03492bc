//! Each operation over time: a chart, and the same numbers as a table for screen readers and for
//! copying.

use maud::{Markup, html};
use soakbox_cli::Result;

use super::html::{figure, shown, table};
use super::shown_operations::ShownOperations;
use super::{Report, role};
use crate::chart::{self, OperationPercentiles, Percentiles};
use crate::figures::{DurationsOf, OperationTimeline, Timeline};
use crate::output::Align;
use crate::pictures;
use crate::units::{count, duration, rfc3339, window_length};

/// Width of a chart that has the page to itself, and of one next to another.
const WIDTHS: [u32; 2] = [1000, 640];

/// Charts of the shown operations of all sides.
pub(super) fn section(report: &Report, operations: &ShownOperations<'_>) -> Result<Markup> {
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
            charts.push((operation, figures(report, number, operation)?));
        }
    }
    if charts.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        section {
            h2 { "Latency over time" } "\n"
            (operations.note())
            @for (operation, figures) in charts {
                h3 { (shown(operation)) } "\n"
                div class="figures" { "\n" (figures) } "\n"
            }
        } "\n"
    })
}

/// The charts of one operation, one per side that has it.
fn figures(report: &Report, number: usize, name: &str) -> Result<Markup> {
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
        let id = format!("chart-{number}-{index}");
        let recording = &sides[index].name;
        let chart = percentiles.with_scale_of(values.clone());
        let picture = chart::embedded(&chart, &id, width)?;
        let window = window_length(operation.width_ns);
        let mut caption = match sides {
            [_] => format!("per {window} window"),
            _ => format!("{} ({recording}), per {window} window", role(report, index)),
        };
        if operation.durations_of == DurationsOf::Finished {
            caption.push_str(", of all finished operations, also of those without a row");
        }
        figures.push(figure(
            &picture,
            &caption,
            "Numbers per window",
            numbers(operation),
        ));
    }
    Ok(html! { @for figure in figures { (figure) } })
}

fn numbers(operation: &OperationTimeline) -> Markup {
    let rows: Vec<Vec<String>> = operation
        .windows
        .iter()
        .map(|window| {
            vec![
                rfc3339(window.at_ns),
                count(window.count),
                duration(window.p50_ns as f64),
                duration(window.p95_ns as f64),
                duration(window.p99_ns as f64),
                count(window.lost),
            ]
        })
        .collect();
    let numbers = ["operations", "p50", "p95", "p99", "lost"];
    let mut headings = vec![("window from", Align::Left)];
    headings.extend(numbers.map(|name| (name, Align::Right)));
    let caption = format!("{}: latency per window", operation.operation);
    table(&caption, &headings, &rows)
}
