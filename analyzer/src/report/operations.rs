//! Each operation over time: a chart, and its numbers as a table for those who do not see it or want to copy them.

use std::collections::BTreeSet;

use super::html::{element, escape, headings, table};
use super::{Side, role};
use crate::chart;
use crate::failure::Result;
use crate::output::units::rfc3339;
use crate::output::units::{count, duration, round_duration};
use crate::windows::{Series, Timeline};

/// Width of a chart that has the page to itself, and of one beside another.
const WIDTHS: [u32; 2] = [1000, 640];

/// Charts of all operations of all sides.
pub(super) fn section(sides: &[Side]) -> Result<String> {
    let operations: BTreeSet<&str> = sides
        .iter()
        .filter_map(|side| side.timeline.as_ref())
        .flat_map(|timeline| &timeline.series)
        .map(|series| series.operation.as_str())
        .collect();
    if operations.is_empty() {
        return Ok(String::new());
    }
    let mut html = String::from("<h2>Latency over time</h2>\n");
    for (number, operation) in operations.into_iter().enumerate() {
        html.push_str(&element("h3", &escape(operation)));
        html.push_str(&figures(sides, number, operation)?);
    }
    Ok(element("section", &html))
}

fn figures(sides: &[Side], number: usize, operation: &str) -> Result<String> {
    let drawn: Vec<(usize, &Timeline, &Series)> = sides
        .iter()
        .enumerate()
        .filter_map(|(index, side)| {
            let timeline = side.timeline.as_ref()?;
            let mut series = timeline.series.iter();
            let series = series.find(|series| series.operation == operation)?;
            Some((index, timeline, series))
        })
        .collect();
    let beside: Vec<&Series> = drawn.iter().map(|(_, _, series)| *series).collect();
    let width = WIDTHS[usize::from(sides.len() > 1)];
    let mut html = String::from("<div class=\"figures\">\n");
    for (index, timeline, series) in drawn {
        let id = format!("chart-{number}-{index}");
        let name = &sides[index].name;
        let picture = chart::figure(&id, name, timeline, series, &beside, width)?;
        let caption = match sides {
            [_] => format!("per {} window", round_duration(series.width_ns)),
            _ => format!(
                "{} ({name}), per {} window",
                role(sides, index),
                round_duration(series.width_ns)
            ),
        };
        html.push_str(&format!(
            "<figure>\n{picture}<figcaption>{}</figcaption>\n\
             <details><summary>Its numbers</summary>\n{}</details>\n</figure>\n",
            escape(&caption),
            numbers(operation, series)
        ));
    }
    html.push_str("</div>\n");
    Ok(html)
}

fn numbers(operation: &str, series: &Series) -> String {
    let rows: Vec<Vec<String>> = series
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
    table(
        &format!("{operation}: latency per window"),
        &headings(["window from", "operations", "p50", "p95", "p99", "lost"]),
        &rows,
    )
}
