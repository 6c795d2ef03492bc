//! Charts as SVG and as tables of their numbers. Each kind is a file: its figures, from which it makes a
//! [`Picture`], panels with axes and marks, and its [`Numbers`]. Below the kinds, `scale` and
//! `time_scale` choose units and ticks, `page`, `panel`, `legend` and `marks` draw with plotters on a `canvas`, and
//! `svg` adds the description for screen readers and the colours of the dark mode. The same figures
//! give the same bytes. Pure: no I/O, no clock. Text of a recording is escaped here, once.

mod axis;
mod canvas;
mod compact;
mod cpu;
mod distribution;
mod ecdf;
mod effect;
mod envelope;
mod forest;
mod frame;
mod health;
mod heatmap;
mod labels;
mod legend;
mod letters;
mod marks;
mod memory;
mod numbers;
mod over_time;
mod page;
mod panel;
mod percentiles;
mod picture;
mod pointing;
mod rows;
mod scale;
mod shift;
mod spectrum;
mod svg;
mod theme;
mod throughput;
mod ticks;
mod time_scale;
mod tracks;
mod unit;

pub use cpu::{Cpu, OperationCpu};
pub use distribution::{Bucket, Distribution, OperationDistributions};
pub use ecdf::Ecdf;
pub use effect::{Effect, Outcome};
pub use forest::Forest;
pub use health::{Health, HealthMeasure};
pub use heatmap::{Heatmap, OperationHeat};
pub use memory::{Memory, OperationMemory, SlopeLine};
pub use numbers::{Cell, Column, Numbers};
pub use over_time::{ChangeMark, Note, Span, Track};
pub use percentiles::{OperationPercentiles, PercentileWindow, Percentiles};
pub use picture::Picture;
pub use pointing::{Embedded, PanelPoints, Point};
pub use rows::{ColumnRows, Horizontal, RowPoint, Rows};
pub use shift::Shift;
pub use spectrum::Spectrum;
pub use svg::STYLE;
pub use throughput::{OperationThroughput, Throughput};
pub use unit::Unit;

use soakbox_cli::{Result, escaped};

/// Most panels of a chart: more would be neither read nor small.
pub const MOST_PANELS: usize = 16;
/// Most series of a panel: more cannot be told apart.
pub const MOST_SERIES: usize = theme::SERIES.len();

/// A kind of chart with its figures.
pub trait Chart {
    /// What is drawn.
    fn picture(&self) -> Picture;
    /// The same numbers as a table.
    fn numbers(&self) -> Numbers;
}

/// A chart as an SVG file of its own: a title, a legend, and one panel below the other.
///
/// # Errors
/// Where plotters fails; drawing into memory does not fail.
pub fn page(chart: &dyn Chart) -> Result<String> {
    page::page(&chart.picture())
}

/// A chart to be embedded in a document that has [`STYLE`], without the heading, and without that of a
/// single panel, with what there is at each of its places. `id` must be unique in the document, and `width`
/// is in pixels.
///
/// # Errors
/// As [`page`](fn@page).
pub fn embedded(chart: &dyn Chart, id: &str, width: u32) -> Result<Embedded> {
    let mut picture = chart.picture();
    let (svg, plots) = page::embedded(&mut picture, id, width)?;
    let numbers = chart.numbers();
    let panels = pointing::points(&picture.panels, &plots, &numbers);
    Ok(Embedded {
        svg,
        numbers,
        panels,
    })
}

/// The name of an operation above its panel.
fn heading(name: &str) -> String {
    match name.is_empty() {
        true => "operation without a name".to_owned(),
        false => escaped(name).into_owned(),
    }
}

/// Names in a title: all of them, or the first and how many others there are.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    /// More are a list, and no title.
    const MOST: usize = 8;
    let mut all: Vec<String> = names.map(|name| escaped(name).into_owned()).collect();
    let others = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    match others {
        0 => all.join(", "),
        others => format!("{} and {others} others", all.join(", ")),
    }
}

/// How many operations a chart leaves out, as the end of a sentence.
fn left_out_text(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        1 => "; 1 operation with fewer rows is not shown".to_owned(),
        more => format!("; {more} operations with fewer rows are not shown"),
    }
}
