//! Rows of a query: one panel per column of numbers, one series per group.

use soakbox_cli::escaped;

use super::Chart;
use super::numbers::{Cell, Numbers};
use super::over_time::series_key;
use super::picture::{Key, Mark, Marker, Panel, Picture, Sample};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::time_scale::TimeScale;
use super::unit::Unit;

/// Height of a row with a name, pixels.
const ROW: u32 = 22;
/// With at most this number of points, a series has markers.
const FEW: usize = 40;

/// The rows of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// What the chart is called.
    pub title: String,
    /// The name of the column of the horizontal axis.
    pub x_name: String,
    /// The values of that column that there are.
    pub x: Horizontal,
    /// One panel per column.
    pub columns: Vec<ColumnRows>,
    /// How many groups are not shown, because there are too many.
    pub groups_left_out: usize,
}

/// The values of the horizontal axis, one per point of every series.
#[derive(Clone, Debug, PartialEq)]
pub enum Horizontal {
    /// Moments, ns UTC.
    Times,
    /// Numbers.
    Numbers,
    /// Names: points have their indices.
    Names(Vec<String>),
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnRows {
    /// Its name.
    pub name: String,
    /// Its unit, which its name tells.
    pub unit: Unit,
    /// One per group; its name is empty where there are no groups.
    pub series: Vec<(String, Vec<RowPoint>)>,
}

/// A value with its place on the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowPoint {
    /// A moment in ns UTC, or the index of a name.
    pub index: i64,
    /// A number, where the axis has numbers.
    pub x: f64,
    /// The value; NaN where it is null.
    pub y: f64,
}

/// The position of a name: the first one is at the top.
fn row_of(names: &[String], index: i64) -> f64 {
    names.len() as f64 - 1.0 - index as f64
}

impl ColumnRows {
    /// The horizontal axis, where it has numbers.
    fn numbers_scale(&self) -> Scale {
        let points = self.series.iter().flat_map(|(_, points)| points);
        Scale::covering(points.map(|point| point.x), Unit::Number, Form::Around)
    }
}

impl Rows {
    fn extremes(&self) -> (i64, i64) {
        let points = self.columns.iter().flat_map(|column| &column.series);
        let points = points
            .flat_map(|(_, points)| points)
            .map(|point| point.index);
        let first = points.clone().min().unwrap_or(0);
        (first, points.max().unwrap_or(0))
    }

    fn panel(&self, column: &ColumnRows) -> Panel {
        let all = || column.series.iter().flat_map(|(_, points)| points);
        let unit = column.unit;
        let form = match unit {
            Unit::Nanoseconds => Form::FromZeroOrLog,
            Unit::Number => Form::Around,
            _ => Form::FromZero,
        };
        let values = Scale::covering(all().map(|point| point.y), unit, form);
        let heading = escaped(&column.name).into_owned();
        if let Horizontal::Names(names) = &self.x {
            return self.by_name(column, names, heading);
        }
        let (first, last) = self.extremes();
        let time = TimeScale::new(first, last);
        let is_time = self.x == Horizontal::Times;
        let x = match is_time {
            true => time.scale(),
            false => column.numbers_scale(),
        };
        let mut panel = Panel::new(heading.clone(), x.clone(), values.clone());
        panel.x_title = match is_time {
            true => time.title(),
            false => escaped(&self.x_name).into_owned(),
        };
        panel.y_title = values.title(&heading);
        panel.heading = String::new();
        for (number, (_, points)) in column.series.iter().enumerate().rev() {
            let ink = Ink::Series(number);
            let at = points.iter().map(|point| {
                let x = match is_time {
                    true => time.position(point.index),
                    false => x.position(point.x),
                };
                (x, values.position(point.y))
            });
            let at: Vec<(f64, f64)> = at.collect();
            if at.len() <= FEW {
                panel
                    .marks
                    .push(Mark::Points(at.clone(), ink, Marker::of_series(number)));
            }
            panel.marks.push(Mark::Line(at, ink));
        }
        panel
    }

    /// One row per name, and the values from left to right.
    fn by_name(&self, column: &ColumnRows, names: &[String], heading: String) -> Panel {
        let all = || column.series.iter().flat_map(|(_, points)| points);
        let form = match column.unit {
            Unit::Nanoseconds => Form::FromZeroOrLog,
            _ => Form::FromZero,
        };
        let x = Scale::covering(all().map(|point| point.y), column.unit, form);
        let shown = names.iter().rev().map(|name| escaped(name).into_owned());
        let mut panel = Panel::new(String::new(), x.clone(), Scale::names(shown));
        panel.height = names.len().max(1) as u32 * ROW;
        panel.x_title = x.title(&heading);
        panel.y_title = escaped(&self.x_name).into_owned();
        for (number, (_, points)) in column.series.iter().enumerate() {
            let at = points
                .iter()
                .map(|point| (x.position(point.y), row_of(names, point.index)));
            let at = at.filter(|(x, _)| x.is_finite());
            let marker = Marker::of_series(number);
            panel
                .marks
                .push(Mark::Points(at.collect(), Ink::Series(number), marker));
        }
        panel
    }

    fn legend(&self) -> Vec<Key> {
        let groups = self
            .columns
            .first()
            .map_or(&[][..], |column| &column.series);
        if groups.iter().all(|(name, _)| name.is_empty()) {
            return Vec::new();
        }
        let keys = groups
            .iter()
            .enumerate()
            .map(|(number, (name, _))| match self.x {
                Horizontal::Names(_) => Key {
                    sample: Sample::Marker(Ink::Series(number), Marker::of_series(number)),
                    label: escaped(name).into_owned(),
                },
                _ => series_key(number, name),
            });
        keys.collect()
    }

    fn subtitle(&self) -> String {
        let columns: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let columns = columns.join(", ");
        let (columns, x) = (escaped(&columns), escaped(&self.x_name));
        let left_out = match self.groups_left_out {
            0 => String::new(),
            1 => "; 1 group is not shown".to_owned(),
            more => format!("; {more} groups are not shown"),
        };
        format!("{columns} by {x}{left_out}")
    }
}

impl Chart for Rows {
    fn picture(&self) -> Picture {
        let mut text = self.subtitle();
        for column in &self.columns {
            for (group, points) in &column.series {
                let known = || points.iter().map(|point| point.y).filter(|y| y.is_finite());
                if let (Some(low), Some(high)) = (
                    known().min_by(f64::total_cmp),
                    known().max_by(f64::total_cmp),
                ) {
                    let name = format!("{} {group}", column.name);
                    let name = escaped(name.trim_end()).into_owned();
                    let ends = [low, high].map(|value| column.unit.text(value));
                    text.push_str(&format!(". {name}: between {} and {}", ends[0], ends[1]));
                }
            }
        }
        text.push('.');
        Picture {
            heading: escaped(&self.title).into_owned(),
            subtitle: self.subtitle(),
            title: escaped(&self.title).into_owned(),
            description: text,
            legend: self.legend(),
            panels: self
                .columns
                .iter()
                .map(|column| self.panel(column))
                .collect(),
        }
    }

    fn numbers(&self) -> Numbers {
        let mut numbers = Numbers::new(&self.title).texts(&["column", "group"]);
        numbers = match self.x {
            Horizontal::Numbers => numbers.number(&self.x_name, Unit::Number),
            _ => numbers.texts(&[&self.x_name]),
        };
        let mut numbers = numbers.number("value", Unit::Number);
        let (first, last) = self.extremes();
        let time = TimeScale::new(first, last);
        for (index, column) in self.columns.iter().enumerate() {
            let x_scale = (self.x == Horizontal::Numbers).then(|| column.numbers_scale());
            let x_of = |x: f64| x_scale.as_ref().map_or(f64::NAN, |scale| scale.position(x));
            for (group, points) in &column.series {
                for point in points {
                    let x = match &self.x {
                        Horizontal::Times => Cell::Time(point.index),
                        Horizontal::Numbers => Cell::number(point.x),
                        Horizontal::Names(names) => {
                            let name = usize::try_from(point.index).ok().and_then(|i| names.get(i));
                            Cell::text(name.map_or("", |name| name))
                        }
                    };
                    let row = vec![
                        Cell::text(&column.name),
                        Cell::text(group),
                        x,
                        Cell::measured(point.y, column.unit),
                    ];
                    let at = match &self.x {
                        Horizontal::Times => (time.position(point.index), f64::NAN),
                        Horizontal::Numbers => (x_of(point.x), f64::NAN),
                        Horizontal::Names(names) => (f64::NAN, row_of(names, point.index)),
                    };
                    numbers.push(row, index, at);
                }
            }
        }
        numbers
    }
}
