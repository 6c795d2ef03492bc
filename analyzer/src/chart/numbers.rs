//! The numbers of a chart as a table: for readers who do not see it, and for other programs. A row knows
//! where it is in the picture, for those who point at it.

use super::unit::Unit;

/// A table of a chart's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// What the numbers are.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Where rows are in the picture.
    pub(super) places: Vec<Place>,
}

/// Where a number is in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Its row in the table.
    pub(super) row: usize,
    /// The only column that is meant, besides the texts; all columns where it is `None`.
    pub(super) column: Option<usize>,
    /// The panel, from 0.
    pub(super) panel: usize,
    /// The position on the horizontal axis; NaN where the row is at any.
    pub(super) x: f64,
    /// The same on the vertical axis.
    pub(super) y: f64,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, with the unit last.
    pub name: String,
    /// The unit of its numbers; `None` for texts and times.
    pub unit: Option<Unit>,
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text, as it is in the recording.
    Text(String),
    /// A moment, ns UTC.
    Time(i64),
    /// A number in the unit of its column; `None` where it was not measured.
    Number(Option<f64>),
    /// A number in a unit of its own.
    Measured(Option<f64>, Unit),
}

impl Numbers {
    /// A table without rows.
    pub fn of(caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            caption: caption.into(),
            columns,
            rows: Vec::new(),
            places: Vec::new(),
        }
    }

    pub(super) fn new(caption: impl Into<String>) -> Self {
        Self::of(caption, Vec::new())
    }

    /// Appends a row that is at a position of a panel; NaN is any position of that axis.
    pub(super) fn push(&mut self, row: Vec<Cell>, panel: usize, (x, y): (f64, f64)) {
        self.place(None, panel, (x, y));
        self.rows.push(row);
    }

    /// Tells where the next row, or one column of it, is.
    pub(super) fn place(&mut self, column: Option<usize>, panel: usize, (x, y): (f64, f64)) {
        self.places.push(Place {
            row: self.rows.len(),
            column,
            panel,
            x,
            y,
        });
    }

    pub(super) fn texts(mut self, names: &[&str]) -> Self {
        self.columns.extend(names.iter().map(|name| Column {
            name: (*name).to_owned(),
            unit: None,
        }));
        self
    }

    pub(super) fn number(mut self, name: impl Into<String>, unit: Unit) -> Self {
        self.columns.push(Column {
            name: name.into(),
            unit: Some(unit),
        });
        self
    }
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn number(value: f64) -> Self {
        Self::Number(value.is_finite().then_some(value))
    }

    pub(super) fn measured(value: impl Into<Option<f64>>, unit: Unit) -> Self {
        let value = value.into();
        Self::Measured(value.filter(|value| value.is_finite()), unit)
    }
}

impl Column {
    /// Its name for people, whose numbers have their unit.
    pub fn label(&self) -> String {
        let ends = ["_ns", "_bytes"].into_iter();
        let mut without = ends.filter_map(|end| self.name.strip_suffix(end));
        let name = match self.unit.is_some() {
            true => without.next().unwrap_or(&self.name),
            false => &self.name,
        };
        name.replace('_', " ")
    }

    /// A cell of the column for people: with its unit, and empty where it was not measured.
    pub fn shown(&self, cell: &Cell) -> String {
        match (cell, self.unit) {
            (Cell::Text(text), _) => text.clone(),
            (Cell::Time(ns), _) => crate::units::rfc3339(*ns),
            (Cell::Number(None) | Cell::Measured(None, _), _) => String::new(),
            (Cell::Measured(Some(value), unit), _) => unit.text(*value),
            (Cell::Number(Some(value)), Some(unit)) => unit.text(*value),
            (Cell::Number(Some(value)), None) => value.to_string(),
        }
    }
}
