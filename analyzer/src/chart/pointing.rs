//! What a reader who points at a place of a drawn chart is told: the numbers there, as they are in its
//! table. Pure.

use std::collections::HashSet;

use soakbox_cli::escaped;

use super::numbers::{Cell, Numbers, Place};
use super::picture::Panel;
use super::scale::Scale;

/// Most points of a panel, one of each series at a pixel: of more, every second, third, … place is kept, and
/// the others are in the table.
const MOST_POINTS: usize = 2_000;

/// What is shown where a chart has a place, but no number.
const NOT_MEASURED: &str = "not measured";

/// A chart in a document.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The picture.
    pub svg: String,
    /// The same numbers as a table.
    pub numbers: Numbers,
    /// What is at each place of each panel.
    pub panels: Vec<PanelPoints>,
}

/// The points of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct PanelPoints {
    /// Where its plot is in the picture: left, top, width, height, pixels.
    pub plot: [i32; 4],
    /// Its points.
    pub points: Vec<Point>,
}

/// A place with numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Pixels from the left of the picture; `None` where the numbers are about the whole width.
    pub x: Option<i32>,
    /// Pixels from its top; `None` where they are about the whole height.
    pub y: Option<i32>,
    /// The numbers: a line each, escaped.
    pub lines: Vec<String>,
}

/// The points of all panels, whose plots are at `plots`.
pub(super) fn points(panels: &[Panel], plots: &[[i32; 4]], numbers: &Numbers) -> Vec<PanelPoints> {
    let mut places: Vec<Vec<&Place>> = vec![Vec::new(); panels.len()];
    for place in &numbers.places {
        if let Some(of_panel) = places.get_mut(place.panel) {
            of_panel.push(place);
        }
    }
    let panels = panels.iter().zip(plots).zip(places);
    panels
        .map(|((panel, plot), places)| PanelPoints {
            plot: *plot,
            points: of_panel(panel, *plot, &places, numbers),
        })
        .collect()
}

fn of_panel(
    panel: &Panel,
    [left, top, width, height]: [i32; 4],
    places: &[&Place],
    numbers: &Numbers,
) -> Vec<Point> {
    let differs = differing(places, numbers);
    let mut known = HashSet::new();
    let mut points = Vec::new();
    for place in places {
        let x = pixels(&panel.x, place.x, width).map(|along| left + along);
        let y = pixels(&panel.y, place.y, height).map(|up| top + height - up);
        if known.insert((x, y, series(place, numbers, &differs))) {
            points.push((place, x, y));
        }
    }
    // Points of one place stay together.
    let mut at: Vec<(Option<i32>, Option<i32>)> = points.iter().map(|one| (one.1, one.2)).collect();
    at.sort_unstable();
    at.dedup();
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let is_kept = |x, y| {
        at.binary_search(&(x, y))
            .is_ok_and(|index| index % every == 0)
    };
    let points = points.into_iter().filter(|(_, x, y)| is_kept(*x, *y));
    let points = points.map(|(place, x, y)| Point {
        x,
        y,
        lines: lines(place, numbers, &differs),
    });
    points.filter(|point| !point.lines.is_empty()).collect()
}

/// The texts of a row that tell one series of a panel from another.
fn series<'a>(place: &Place, numbers: &'a Numbers, differs: &[bool]) -> Vec<&'a str> {
    let row = numbers.rows.get(place.row).map_or(&[][..], Vec::as_slice);
    let cells = row.iter().zip(differs).filter(|(_, differs)| **differs);
    let texts = cells.filter_map(|(cell, _)| match cell {
        Cell::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// How far a position is from the begin of an axis of this length.
fn pixels(scale: &Scale, position: f64, length: i32) -> Option<i32> {
    let share = (position - scale.low) / (scale.high - scale.low);
    let share = share.is_finite().then(|| share.clamp(0.0, 1.0));
    share.map(|share| (share * f64::from(length)).round() as i32)
}

/// Which columns are not the same in all rows: the others are the panel's heading.
fn differing(places: &[&Place], numbers: &Numbers) -> Vec<bool> {
    let rows = || {
        places
            .iter()
            .filter_map(|place| numbers.rows.get(place.row))
    };
    let columns = 0..numbers.columns.len();
    let differs = columns.map(|column| {
        let mut cells = rows().filter_map(|row| row.get(column));
        let first = cells.next();
        cells.any(|cell| Some(cell) != first)
    });
    differs.collect()
}

fn lines(place: &Place, numbers: &Numbers, differs: &[bool]) -> Vec<String> {
    let row = numbers.rows.get(place.row).map_or(&[][..], Vec::as_slice);
    let is_number = |cell: &Cell| matches!(cell, Cell::Number(_) | Cell::Measured(..));
    let is_meant = |index: usize| place.column.is_none_or(|one| one == index);
    let meant = row.iter().enumerate();
    let mut meant = meant.filter(|(index, cell)| is_number(cell) && is_meant(*index));
    // Of several numbers those that were not measured are left out, but not the last one.
    let is_measured = |cell: &Cell| !matches!(cell, Cell::Number(None) | Cell::Measured(None, _));
    let is_empty = meant.clone().all(|(_, cell)| !is_measured(cell));
    let empty = meant.next().filter(|_| is_empty).map(|(index, _)| index);
    let cells = row.iter().zip(&numbers.columns).enumerate();
    let lines = cells.filter_map(|(index, (cell, column))| {
        let is_shown = match cell {
            // A number has its unit.
            Cell::Text(_) => differs.get(index) == Some(&true) && column.name != "unit",
            Cell::Time(_) => true,
            Cell::Number(_) | Cell::Measured(..) => is_meant(index),
        };
        let shown = match empty == Some(index) {
            true => NOT_MEASURED.to_owned(),
            false => column.shown(cell),
        };
        if !is_shown || shown.is_empty() {
            return None;
        }
        let has_label = is_number(cell) && column.name != "value";
        // Without a column of its own the row has several numbers.
        let has_label = has_label && (empty.is_none() || place.column.is_some());
        Some(match has_label {
            true => format!("{} {shown}", column.label()),
            false => shown,
        })
    });
    lines.map(|line| escaped(&line).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::scale::{Form, Scale};
    use super::super::unit::Unit;
    use super::*;

    /// Points of two series at each of `number` positions of a panel that is 100 pixels wide.
    fn dense(number: usize) -> Vec<Point> {
        let mut numbers = Numbers::new("n")
            .texts(&["series"])
            .number("value", Unit::Count);
        for index in 0..number {
            for series in ["a", "b"] {
                let row = vec![Cell::text(series), Cell::number(index as f64)];
                numbers.push(row, 0, (index as f64, f64::NAN));
            }
        }
        let x = Scale::covering([0.0, number as f64], Unit::Count, Form::FromZero);
        let panel = Panel::new(String::new(), x.clone(), x);
        let mut panels = points(&[panel], &[[10, 0, 100, 50]], &numbers);
        panels.remove(0).points
    }

    #[test]
    fn a_pixel_has_one_point_of_each_series() {
        let points = dense(5_000);
        let mut at: Vec<Option<i32>> = points.iter().map(|point| point.x).collect();
        at.dedup();
        assert_eq!(at.len() * 2, points.len());
        assert!(at.len() > 90 && at.len() <= 101, "{}", at.len());
        assert!(points.iter().all(|point| point.y.is_none()));
        assert_eq!(points[0].lines, ["a", "0"]);
        assert_eq!(points[1].lines, ["b", "0"]);
    }

    #[test]
    fn a_place_without_a_number_is_not_measured() {
        let shown = |values: [Option<f64>; 2], column| {
            let mut numbers = Numbers::new("n")
                .texts(&["at"])
                .number("p50_ns", Unit::Nanoseconds)
                .number("p99_ns", Unit::Nanoseconds);
            let cells = values.map(Cell::Number);
            numbers.place(column, 0, (1.0, f64::NAN));
            let mut row = vec![Cell::Time(0)];
            row.extend(cells);
            numbers.rows.push(row);
            lines(&numbers.places[0], &numbers, &[false; 3])
        };
        let at = "1970-01-01T00:00:00Z";
        assert_eq!(shown([None, None], None), [at, "not measured"]);
        assert_eq!(shown([None, Some(2.0)], None), [at, "p99 2 ns"]);
        assert_eq!(shown([None, Some(2.0)], Some(1)), [at, "p50 not measured"]);
        assert_eq!(shown([Some(2.0), None], Some(1)), [at, "p50 2 ns"]);
    }

    #[test]
    fn of_too_many_points_some_places_are_kept_over_the_whole_width() {
        let mut numbers = Numbers::new("n").number("value", Unit::Count);
        for index in 0..10_000 {
            let at = ((index % 100) as f64, (index / 100) as f64);
            numbers.push(vec![Cell::number(f64::from(index))], 0, at);
        }
        let scale = Scale::covering([0.0, 99.0], Unit::Count, Form::FromZero);
        let panel = Panel::new(String::new(), scale.clone(), scale);
        let points = &points(&[panel], &[[0, 0, 500, 500]], &numbers)[0].points;
        assert!(points.len() <= MOST_POINTS && points.len() > MOST_POINTS / 2);
        let columns: HashSet<Option<i32>> = points.iter().map(|point| point.x).collect();
        assert!(columns.len() > 50, "{}", columns.len());
    }
}
