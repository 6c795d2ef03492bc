//! One operation's panel, drawn with plotters: gaps, grid, percentiles, losses, moments.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use soakbox_cli::escaped;
use soakbox_schemas::tables::AnnotationKind;

use super::axis::Axis;
use super::scale::{TimeScale, ValueScale};
use super::theme::{AXIS, GAP, GRID, INK, LINES, LOSS, MOMENT, MUTED, bold, text};
use crate::coverage::Moment;
use crate::figures::{DurationsOf, LatencyWindow, OperationTimeline, Timeline};
use crate::units::window_length;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// Approximate width of a letter in a legend or label, pixels.
const LETTER: i32 = 7;
/// Longest label of an annotated moment, letters.
const MOMENT_LETTERS: usize = 28;
/// What percentiles by the kernel's histograms are of.
pub(super) const ALL_FINISHED: &str = "all finished operations";
/// Height of the strip that shows losses, as a share of the panel's height.
const LOSS_STRIP: f64 = 0.03;

/// Draws the legend to the right of `at`, pixels.
pub(super) fn legend<'a>(
    area: &Area<'a>,
    at: (i32, i32),
    timeline: &Timeline,
    operations: &[OperationTimeline],
) -> Drawn<'a> {
    let (mut x, y) = at;
    let label = |x: &mut i32, name: &str| {
        let style = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
        let drawn = area.draw(&Text::new(name.to_owned(), (*x, y), style));
        *x += name.chars().count() as i32 * LETTER + 22;
        drawn
    };
    for line in LINES {
        area.draw(&PathElement::new(
            vec![(x, y), (x + 30, y)],
            line.colour.stroke_width(2),
        ))?;
        x += 37;
        label(&mut x, line.name)?;
    }
    if !timeline.unobserved.is_empty() {
        area.draw(&Rectangle::new([(x, y - 7), (x + 22, y + 7)], GAP.filled()))?;
        x += 29;
        label(&mut x, "observation incomplete")?;
    }
    if operations.iter().any(|one| !one.lost.is_empty()) {
        area.draw(&Rectangle::new(
            [(x, y - 3), (x + 22, y + 3)],
            LOSS.filled(),
        ))?;
        x += 29;
        label(&mut x, "operations lost")?;
    }
    Ok(())
}

/// Draws the panel of one operation.
pub(super) fn panel<'a>(
    area: &Area<'a>,
    timeline: &Timeline,
    operation: &OperationTimeline,
    values: &ValueScale,
    titled: bool,
) -> Drawn<'a> {
    let times = TimeScale::new(timeline.range);
    if titled {
        let name = escaped(&operation.operation).into_owned();
        area.draw(&Text::new(name, (20, 2), bold(17)))?;
        let width = format!("per {} window", window_length(operation.width_ns));
        let width = match operation.durations_of {
            DurationsOf::Rows => width,
            DurationsOf::Finished => format!("{width}, {ALL_FINISHED}"),
        };
        let right = area.dim_in_pixel().0 as i32 - 24;
        let style = text(14, MUTED).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw(&Text::new(width, (right, 4), style))?;
    }
    let end = times.position(times.range.last_ns);
    let mut chart = ChartBuilder::on(area)
        .margin_top(if titled { 28 } else { 10 })
        .margin_left(12)
        .margin_bottom(6)
        .margin_right(24)
        .x_label_area_size(42)
        .y_label_area_size(66)
        .build_cartesian_2d(
            Axis::new(0.0, end, &times.ticks),
            Axis::new(values.low, values.high, &values.ticks),
        )?;
    let span = (values.low, values.high);
    chart.draw_series(timeline.unobserved.iter().map(|range| {
        let from = times.position(range.first_ns);
        let to = times.position(range.last_ns);
        Rectangle::new([(from, span.0), (to, span.1)], GAP.filled())
    }))?;
    let scale = if values.logarithmic {
        ", log scale"
    } else {
        ""
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .label_style(text(14, MUTED))
        .axis_desc_style(text(14, MUTED))
        .x_desc(format!("time, UTC ({})", times.dates()))
        .y_desc(format!("latency ({}{scale})", values.unit))
        .draw()?;
    let strip = span.0 + (span.1 - span.0) * LOSS_STRIP;
    chart.draw_series(operation.lost.keys().map(|&at| {
        let (from, to) = (times.position(at), times.position(at + operation.width_ns));
        Rectangle::new([(from, span.0), (to, strip)], LOSS.filled())
    }))?;
    moments(&mut chart, timeline, &times, span)?;
    let value = [
        |window: &LatencyWindow| window.p50_ns,
        |window: &LatencyWindow| window.p95_ns,
        |window: &LatencyWindow| window.p99_ns,
    ];
    for (line, value) in LINES.iter().zip(value).rev() {
        for part in consecutive(operation) {
            let points = part.iter().map(|window| {
                let middle = window.at_ns + operation.width_ns / 2;
                (times.position(middle), values.position(value(window)))
            });
            match part {
                [_] => {
                    chart.draw_series(points.map(|at| Circle::new(at, 2, line.colour.filled())))?
                }
                _ => chart.draw_series(LineSeries::new(points, line.colour.stroke_width(2)))?,
            };
        }
    }
    Ok(())
}

/// Parts of consecutive windows: a line never crosses a window without rows.
fn consecutive(operation: &OperationTimeline) -> impl Iterator<Item = &[LatencyWindow]> {
    let width_ns = operation.width_ns;
    operation
        .half_covered()
        .chunk_by(move |a, b| b.at_ns - a.at_ns <= width_ns)
}

type Plot<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// Draws notes, starts and exits of the target as thin lines. A label that would overlap the one
/// before it is left out.
fn moments<'a>(
    chart: &mut Plot<'a, '_>,
    timeline: &Timeline,
    times: &TimeScale,
    span: (f64, f64),
) -> Drawn<'a> {
    let (width, _) = chart.plotting_area().dim_in_pixel();
    let mut free_from = 0;
    let shown = timeline
        .moments
        .iter()
        .filter(|moment| is_shown(moment, times));
    for moment in shown {
        let at = times.position(moment.at_ns);
        chart.draw_series([PathElement::new(
            vec![(at, span.0), (at, span.1)],
            MOMENT.stroke_width(1),
        )])?;
        let label = label(moment);
        let length = label.chars().count() as i32 * LETTER;
        let end = times.position(times.range.last_ns);
        let pixel = (at / end * f64::from(width)) as i32;
        let (left, anchor, shift) = if pixel + length + 8 < width as i32 {
            (pixel, HPos::Left, 5)
        } else {
            (pixel - length - 8, HPos::Right, -5)
        };
        if left < free_from {
            continue;
        }
        free_from = left + length + 12;
        let style = text(13, MUTED).pos(Pos::new(anchor, VPos::Top));
        chart
            .draw_series([EmptyElement::at((at, span.1)) + Text::new(label, (shift, 3), style)])?;
    }
    Ok(())
}

fn is_shown(moment: &Moment, times: &TimeScale) -> bool {
    let inside = (times.range.first_ns..=times.range.last_ns).contains(&moment.at_ns);
    // The axis starts and ends with the recording.
    let is_end = matches!(
        moment.kind,
        AnnotationKind::RecordingStarted | AnnotationKind::RecordingStopped
    );
    inside && !is_end
}

fn label(moment: &Moment) -> String {
    let kind = moment.kind.name().replace('_', " ");
    let text = match moment.kind {
        AnnotationKind::Note => moment.text.clone(),
        // The text is a command line, too long for a label.
        AnnotationKind::TargetStarted => kind,
        _ => format!("{kind}, {}", moment.text),
    };
    let text = escaped(&text);
    if text.chars().count() <= MOMENT_LETTERS {
        return text.into_owned();
    }
    let cut: String = text.chars().take(MOMENT_LETTERS - 1).collect();
    format!("{}…", cut.trim_end())
}
