//! Draws marks into a plot. Points beyond the pixels of a line are reduced here.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Area, Drawn, Plot, SIZE};
use super::envelope::{envelope, joined, parts, reduced};
use super::letters;
use super::picture::{Mark, Marker, Panel};
use super::theme::{Ink, text};

/// Opacity of a band.
pub(super) const BAND: f64 = 0.25;
/// Pixels of a column: with two points in each, a line has no more points than pixels.
const COLUMN: u32 = 2;
/// Height of the strip at the bottom, as a share of the plot.
const STRIP: f64 = 0.03;
/// Smallest width of what would be narrower, as a share of a pixel.
const NARROWEST: f64 = 1.0;

/// Whether a mark is behind the grid.
pub(super) fn is_behind(mark: &Mark) -> bool {
    matches!(mark, Mark::Ranges(..))
}

/// How many lines a panel has.
pub(super) fn lines(panel: &Panel) -> usize {
    let lines = panel.marks.iter().map(|mark| match mark {
        Mark::Line(..) => 1,
        Mark::Envelope(..) => 2,
        _ => 0,
    });
    lines.sum()
}

/// Draws one mark; a line has at most two points in each of `most` columns.
pub(super) fn draw<'a>(
    chart: &mut Plot<'a, '_>,
    panel: &Panel,
    mark: &Mark,
    most: usize,
) -> Drawn<'a> {
    let (width, _) = chart.plotting_area().dim_in_pixel();
    let columns = (width / COLUMN).max(1) as usize;
    let of_line = columns.min(most).max(1);
    let (x, y) = (&panel.x, &panel.y);
    match mark {
        Mark::Ranges(ranges, ink) => {
            let ranges = widened(&joined(ranges, x.low, x.high, columns), panel, width);
            let style = ink.colour().filled();
            chart.draw_series(
                ranges.map(|(from, to)| Rectangle::new([(from, y.low), (to, y.high)], style)),
            )?;
        }
        Mark::Strip(ranges, ink) => {
            let top = y.low + (y.high - y.low) * STRIP;
            let ranges = widened(&joined(ranges, x.low, x.high, columns), panel, width);
            let style = ink.colour().filled();
            chart.draw_series(
                ranges.map(|(from, to)| Rectangle::new([(from, y.low), (to, top)], style)),
            )?;
        }
        Mark::Line(points, ink) => {
            for part in parts(points) {
                let few = reduced(part, x.low, x.high, of_line);
                match few.as_slice() {
                    [only] => {
                        let style = ink.colour().filled();
                        chart.draw_series([Circle::new(*only, 2, style)])?;
                    }
                    _ => {
                        let style = ink.colour().stroke_width(2);
                        chart.draw_series(LineSeries::new(few, style))?;
                    }
                }
            }
        }
        Mark::Points(points, ink, form) => {
            let area = chart.plotting_area();
            let root = area.strip_coord_spec();
            for point in points.iter().filter(|point| point.1.is_finite()) {
                marker(&root, local(area, *point), *form, *ink)?;
            }
        }
        Mark::Envelope(points, ink) => {
            for part in parts(points) {
                let band = envelope(part, x.low, x.high, of_line);
                self::band(chart, &band, *ink)?;
            }
        }
        Mark::Band(points, ink) => {
            let is_known = |point: &(f64, f64, f64)| point.1.is_finite() && point.2.is_finite();
            for part in points.chunk_by(|a, b| is_known(a) == is_known(b)) {
                if is_known(&part[0]) {
                    self::band(chart, part, *ink)?;
                }
            }
        }
        Mark::Cells(cells, ink) => {
            let style = ink.colour().filled();
            chart.draw_series(cells.iter().map(|[left, right, bottom, top]| {
                Rectangle::new([(*left, *bottom), (*right, *top)], style)
            }))?;
        }
        Mark::Down(at, ink) => {
            let ends = vec![(*at, y.low), (*at, y.high)];
            chart.draw_series([PathElement::new(ends, ink.colour().stroke_width(1))])?;
        }
        Mark::Across(at, ink) => {
            let ends = vec![(x.low, *at), (x.high, *at)];
            chart.draw_series([PathElement::new(ends, ink.colour().stroke_width(1))])?;
        }
        Mark::Interval {
            at,
            value,
            low,
            high,
            is_vertical,
            ink,
            marker: form,
        } => {
            let scale = if *is_vertical { y } else { x };
            let point = |value: f64| match is_vertical {
                true => (*at, value),
                false => (value, *at),
            };
            let inside = |value: f64| value.clamp(scale.low, scale.high);
            let ends = vec![point(inside(*low)), point(inside(*high))];
            chart.draw_series([PathElement::new(ends, ink.colour().stroke_width(3))])?;
            let area = chart.plotting_area();
            let root = area.strip_coord_spec();
            for (end, is_beyond, sign) in
                [(low, *low < scale.low, -1), (high, *high > scale.high, 1)]
            {
                if is_beyond {
                    arrow(
                        &root,
                        local(area, point(inside(*end))),
                        *is_vertical,
                        sign,
                        *ink,
                    )?;
                }
            }
            if (scale.low..=scale.high).contains(value) {
                marker(&root, local(area, point(*value)), *form, *ink)?;
            }
        }
        Mark::Tick {
            at,
            value,
            is_vertical,
            ink,
        } => {
            let half = 0.3;
            let ends = match is_vertical {
                true => vec![(*at - half, *value), (*at + half, *value)],
                false => vec![(*value, *at - half), (*value, *at + half)],
            };
            chart.draw_series([PathElement::new(ends, ink.colour().stroke_width(1))])?;
        }
        Mark::Text { at, label, ink } => {
            // To the left where there is no room.
            let area = chart.plotting_area();
            let left = local(area, *at).0;
            let has_room = f64::from(left) + letters::width(label, SIZE) < f64::from(width);
            let (side, shift) = if has_room {
                (HPos::Left, 8)
            } else {
                (HPos::Right, -8)
            };
            let style = text(SIZE, *ink).pos(Pos::new(side, VPos::Center));
            let label = Text::new(label.clone(), (shift, 0), style);
            chart.draw_series([EmptyElement::at(*at) + label])?;
        }
    }
    Ok(())
}

/// Ranges that are at least a pixel wide.
fn widened(
    ranges: &[(f64, f64)],
    panel: &Panel,
    width: u32,
) -> impl Iterator<Item = (f64, f64)> + use<> {
    let pixel = (panel.x.high - panel.x.low) / f64::from(width.max(1)) * NARROWEST;
    let high = panel.x.high;
    let ranges: Vec<(f64, f64)> = ranges.to_vec();
    ranges.into_iter().map(move |(from, to)| {
        let to = to.max(from + pixel);
        match to > high {
            true => (from.min(high - pixel), high),
            false => (from, to),
        }
    })
}

fn band<'a>(chart: &mut Plot<'a, '_>, points: &[(f64, f64, f64)], ink: Ink) -> Drawn<'a> {
    let style = ink.colour().mix(BAND);
    if let [(x, low, high)] = points {
        let ends = vec![(*x, *low), (*x, *high)];
        chart.draw_series([PathElement::new(ends, style.stroke_width(5))])?;
        return Ok(());
    }
    let lower = points.iter().map(|(x, low, _)| (*x, *low));
    let upper = points.iter().rev().map(|(x, _, high)| (*x, *high));
    let around: Vec<(f64, f64)> = lower.chain(upper).collect();
    chart.draw_series([Polygon::new(around, style.filled())])?;
    Ok(())
}

/// The pixels of a point in its area.
fn local<'a>(
    area: &DrawingArea<SVGBackend<'a>, Cartesian2d<Axis, Axis>>,
    point: (f64, f64),
) -> (i32, i32) {
    let (x, y) = area.map_coordinate(&point);
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

/// A marker around a pixel.
pub(super) fn marker<'a>(root: &Area<'a>, (x, y): (i32, i32), form: Marker, ink: Ink) -> Drawn<'a> {
    let style = ink.colour().filled();
    let shape = |points: &[(i32, i32)]| {
        let points: Vec<(i32, i32)> = points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        root.draw(&Polygon::new(points, style))
    };
    match form {
        Marker::Circle => root.draw(&Circle::new((x, y), 4, style)),
        Marker::Square => shape(&[(-4, -4), (4, -4), (4, 4), (-4, 4)]),
        Marker::Triangle => shape(&[(0, -5), (5, 4), (-5, 4)]),
        Marker::TriangleDown => shape(&[(0, 5), (5, -4), (-5, -4)]),
        Marker::Diamond => shape(&[(0, -5), (5, 0), (0, 5), (-5, 0)]),
        Marker::Cross => {
            let style = ink.colour().stroke_width(3);
            for (dx, dy) in [(4, 4), (4, -4)] {
                let ends = vec![(x - dx, y - dy), (x + dx, y + dy)];
                root.draw(&PathElement::new(ends, style))?;
            }
            Ok(())
        }
    }
}

/// The end of an interval that goes on outside of the plot.
fn arrow<'a>(
    root: &Area<'a>,
    (x, y): (i32, i32),
    is_vertical: bool,
    sign: i32,
    ink: Ink,
) -> Drawn<'a> {
    let points = match is_vertical {
        true => vec![(x, y), (x - 5, y + 8 * sign), (x + 5, y + 8 * sign)],
        false => vec![(x, y), (x - 8 * sign, y - 5), (x - 8 * sign, y + 5)],
    };
    root.draw(&Polygon::new(points, ink.colour().filled()))
}
