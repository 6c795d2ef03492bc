//! The numbers of a chart as a table: for readers who do not see it, and for other programs.

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
}

impl Numbers {
    pub(super) fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            columns: Vec::new(),
            rows: Vec::new(),
        }
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
}

impl Column {
    /// A cell of the column for people: with its unit, and empty where it was not measured.
    pub fn shown(&self, cell: &Cell) -> String {
        match (cell, self.unit) {
            (Cell::Text(text), _) => text.clone(),
            (Cell::Time(ns), _) => crate::units::rfc3339(*ns),
            (Cell::Number(None), _) => String::new(),
            (Cell::Number(Some(value)), Some(unit)) => unit.text(*value),
            (Cell::Number(Some(value)), None) => value.to_string(),
        }
    }
}
