//! Two columns of a file, CSV or Parquet, as numbers over time. The rules of both are in this file,
//! and how each is read in `csv` (with `records`) and `parquet`.

mod csv;
mod parquet;
mod records;

use std::ops::RangeInclusive;

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Quantity};

use crate::changes::{NumberSeries, Times};

pub use csv::series as of_csv;
pub use parquet::series as of_parquet;

/// Numbers beyond these, other than 0, are refused: their squares leave the range of a double.
const SIZES: RangeInclusive<f64> = 1e-100..=1e100;
/// The first bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";
/// The most names of columns in a hint.
const MOST_NAMES: usize = 20;

/// The columns of a file that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The column with the numbers.
    pub value: String,
    /// The column with the times.
    pub time: Option<String>,
}

impl Columns {
    /// The places of both columns among the names of all.
    fn places(
        &self,
        names: &[&str],
        failed: impl Fn(String) -> Failure,
    ) -> Result<(usize, Option<usize>)> {
        let place = |name: &str| {
            let mut places = (0..names.len()).filter(|place| names[*place] == name);
            let missing = || failed(format!("has no column {name}")).hint(known(name, names));
            let place = places.next().ok_or_else(missing)?;
            match places.next() {
                Some(_) => Err(failed(format!("has the column {name} twice"))),
                None => Ok(place),
            }
        };
        let time = self.time.as_deref();
        Ok((place(&self.value)?, time.map(place).transpose()?))
    }
}

/// The columns that a file has, those similar to `name` first.
fn known(name: &str, names: &[&str]) -> String {
    let name = name.to_lowercase();
    let is_similar = |other: &&&str| {
        let other = other.to_lowercase();
        !other.is_empty() && (other.contains(&name) || name.contains(&other))
    };
    let (similar, others): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|other| is_similar(other));
    let shown = similar.iter().chain(&others).take(MOST_NAMES);
    let shown: Vec<&str> = shown.copied().collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 => format!("it has {}", shown.join(", ")),
        more => format!("it has {} and {more} more", shown.join(", ")),
    }
}

/// The number, if it is neither too large nor too small. `text` is how the file has it.
fn in_range(number: f64, text: &str) -> std::result::Result<f64, String> {
    if !number.is_finite() {
        return Err(format!("{text} is no number"));
    }
    if number == 0.0 || SIZES.contains(&number.abs()) {
        return Ok(number);
    }
    Err(match number.abs() < 1.0 {
        true => format!("{text} is too small a number: 1e-100 is the smallest"),
        false => format!("{text} is too large a number: 1e100 is the largest"),
    })
}

/// The points of a file, as they are read.
#[derive(Default)]
struct Points {
    values: Vec<f64>,
    times: Vec<(f64, String)>,
}

impl Points {
    /// Adds a value; NaN is missing.
    fn add_value(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Adds the time of a value, in seconds and as the file has it.
    fn add_time(
        &mut self,
        at: f64,
        text: String,
        failed: impl Fn(String) -> Failure,
    ) -> Result<()> {
        if self.times.last().is_some_and(|(last, _)| at < *last) {
            let reason = format!("the time {text} is before that of the row above");
            return Err(failed(reason).hint("sort the file by its time"));
        }
        self.times.push((at, text));
        Ok(())
    }

    fn series(self, columns: &Columns, failed: impl Fn(String) -> Failure) -> Result<NumberSeries> {
        if self.values.is_empty() {
            return Err(failed("has no rows".to_owned()));
        }
        Ok(NumberSeries {
            name: columns.value.clone(),
            operation: String::new(),
            metric: Metric::other(Quantity {
                name: columns.value.clone(),
                unit: String::new(),
                lower_is_worse: false,
                absolute: false,
            }),
            values: self.values,
            times: match columns.time {
                Some(_) => Times::Points(self.times),
                None => Times::Order,
            },
            durations_of: None,
            not_searched: None,
            is_even: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_column_is_answered_with_similar_ones_first() {
        assert_eq!(
            known("Value", &["at", "values", "x"]),
            "it has values, at, x"
        );
        let many: Vec<String> = (0..200).map(|number| format!("column {number}")).collect();
        let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
        names.push("duration_ms");
        let hint = known("duration", &names);
        assert!(hint.starts_with("it has duration_ms, column 0,"), "{hint}");
        assert!(hint.ends_with(" and 181 more"), "{hint}");
    }

    #[test]
    fn numbers_whose_squares_are_none_are_refused() {
        for fine in [0.0, -0.0, 1e-100, -1e100, 2.5] {
            assert_eq!(in_range(fine, "x"), Ok(fine));
        }
        assert!(in_range(-1e-101, "x").unwrap_err().contains("too small"));
        assert!(in_range(1.1e100, "x").unwrap_err().contains("too large"));
        for endless in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(in_range(endless, "x"), Err("x is no number".to_owned()));
        }
    }
}
