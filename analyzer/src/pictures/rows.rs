//! The rows of a user's query as a chart: which columns are drawn, and how.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, TimeUnit};
use soakbox_cli::{Failure, Result, escaped};

use super::queried::{Texts, failed, numbers, texts};
use crate::chart::{ColumnRows, Horizontal, MOST_SERIES, RowPoint, Rows, Unit};

/// Most rows of a query that is drawn.
const MOST_ROWS: usize = 2_000_000;
/// Most names on an axis.
const MOST_NAMES: usize = 60;
/// Most columns that are drawn.
const MOST_COLUMNS: usize = 8;

/// The columns that a command line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowColumns {
    /// The horizontal axis; the first column where it is not named.
    pub x: Option<String>,
    /// What is drawn; all other columns of numbers where none is named.
    pub y: Vec<String>,
    /// The groups that are lines of their own.
    pub by: Option<String>,
}

/// Collects the rows of a query.
pub struct RowCollector {
    columns: RowColumns,
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl RowCollector {
    /// For these columns.
    pub fn new(columns: RowColumns) -> Self {
        Self {
            columns,
            schema: None,
            batches: Vec::new(),
            rows: 0,
        }
    }

    /// Adds rows. The first batch gives the columns, and may be empty.
    ///
    /// # Errors
    /// Where a column is missing or cannot be drawn, or there are too many rows.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.schema.is_none() {
            Chosen::of(&self.columns, &batch.schema())?;
            self.schema = Some(batch.schema());
        }
        self.rows = self.rows.saturating_add(batch.num_rows());
        if self.rows > MOST_ROWS {
            return Err(Failure::new("query", "has more than two million rows")
                .hint("group them, for example by date_bin(INTERVAL '1 minute', finished_at)"));
        }
        if batch.num_rows() > 0 {
            self.batches.push(batch.clone());
        }
        Ok(())
    }

    /// The chart of the rows of `query`, which is its title.
    ///
    /// # Errors
    /// Where there are too many names for an axis, or a value cannot be read.
    pub fn finish(self, query: &str) -> Result<Rows> {
        let schema = self.schema.unwrap_or_else(|| Schema::empty().into());
        let chosen = Chosen::of(&self.columns, &schema)?;
        let mut places: Vec<Place> = Vec::new();
        let mut names = Texts::default();
        let mut groups = Texts::default();
        let mut of_rows: Vec<usize> = Vec::new();
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); chosen.y.len()];
        for batch in &self.batches {
            places.extend(self::places(
                batch.column(chosen.x),
                chosen.kind,
                &mut names,
            )?);
            of_rows.extend(match chosen.by {
                None => vec![groups.place(String::new()); batch.num_rows()],
                Some(by) => texts(batch.column(by))?
                    .into_iter()
                    .map(|group| groups.place(group))
                    .collect(),
            });
            for (values, column) in values.iter_mut().zip(&chosen.y) {
                values.extend(numbers(batch.column(*column))?);
            }
        }
        let (mut names, mut groups) = (names.all, groups.all);
        // Without an order, rows come in another one each time.
        if !query.to_lowercase().contains("order by") {
            let places_of = sorted(&mut names);
            for place in places.iter_mut().filter(|_| chosen.kind == Kind::Names) {
                let index = usize::try_from(place.index).ok();
                let index = index.and_then(|index| places_of.get(index));
                place.index = index.map_or(place.index, |index| *index as i64);
            }
        }
        let places_of = sorted(&mut groups);
        for group in &mut of_rows {
            *group = places_of.get(*group).copied().unwrap_or(*group);
        }
        if names.len() > MOST_NAMES {
            let column = escaped(schema.field(chosen.x).name()).into_owned();
            return Err(Failure::new(
                format_args!("--x {column}"),
                format_args!(
                    "has {} different texts, and an axis at most {MOST_NAMES}",
                    names.len()
                ),
            )
            .hint("let the query choose some of them: ORDER BY … LIMIT 20"));
        }
        let is_sorted = chosen.kind != Kind::Names;
        let columns = chosen.y.iter().zip(values).map(|(column, values)| {
            let name = schema.field(*column).name().clone();
            let mut series: Vec<(String, Vec<RowPoint>)> = groups
                .iter()
                .take(MOST_SERIES)
                .map(|group| (group.clone(), Vec::new()))
                .collect();
            for ((place, group), y) in places.iter().zip(&of_rows).zip(values) {
                if let (Some((_, points)), true) = (series.get_mut(*group), place.is_known) {
                    points.push(RowPoint {
                        index: place.index,
                        x: place.x,
                        y,
                    });
                }
            }
            for (_, points) in series.iter_mut().filter(|_| is_sorted) {
                points.sort_by(|a, b| {
                    let by_x = a.index.cmp(&b.index).then(a.x.total_cmp(&b.x));
                    by_x.then(a.y.total_cmp(&b.y))
                });
            }
            ColumnRows {
                unit: unit(&name),
                name,
                series,
            }
        });
        Ok(Rows {
            title: query.split_whitespace().collect::<Vec<_>>().join(" "),
            x_name: schema.field(chosen.x).name().clone(),
            columns: columns.collect(),
            groups_left_out: groups.len().saturating_sub(MOST_SERIES),
            x: match chosen.kind {
                Kind::Times => Horizontal::Times,
                Kind::Numbers => Horizontal::Numbers,
                Kind::Names => Horizontal::Names(names),
            },
        })
    }
}

/// What the horizontal axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Times,
    Numbers,
    Names,
}

/// The columns that are drawn, by their indices.
struct Chosen {
    x: usize,
    kind: Kind,
    y: Vec<usize>,
    by: Option<usize>,
}

impl Chosen {
    fn of(columns: &RowColumns, schema: &Schema) -> Result<Self> {
        let find = |flag: &str, name: &str| {
            let found = schema.index_of(name);
            found.map_err(|_| {
                let names = schema.fields().iter();
                let names: Vec<String> = names
                    .map(|field| escaped(field.name()).into_owned())
                    .collect();
                let reason = "the query has no such column";
                Failure::new(format_args!("{flag} {name}"), reason)
                    .hint(format_args!("its columns are {}", names.join(", ")))
            })
        };
        if schema.fields().is_empty() {
            return Err(Failure::new("query", "has no columns"));
        }
        let x = columns
            .x
            .as_deref()
            .map_or(Ok(0), |name| find("--x", name))?;
        let by = columns
            .by
            .as_deref()
            .map(|name| find("--by", name))
            .transpose()?;
        let is_number = |index: usize| schema.field(index).data_type().is_numeric();
        let y: Vec<usize> = match columns.y.as_slice() {
            [] => (0..schema.fields().len())
                .filter(|index| *index != x && Some(*index) != by && is_number(*index))
                .take(MOST_COLUMNS)
                .collect(),
            names => names
                .iter()
                .map(|name| {
                    let index = find("--y", name)?;
                    match is_number(index) {
                        true => Ok(index),
                        false => Err(Failure::new(
                            format_args!("--y {name}"),
                            "is no column of numbers",
                        )),
                    }
                })
                .collect::<Result<_>>()?,
        };
        if y.is_empty() {
            return Err(Failure::new("query", "has no column of numbers to draw")
                .hint("--y names one; CAST makes a number of a text"));
        }
        if y.len() > MOST_COLUMNS {
            return Err(Failure::new("--y", "names more than 8 columns"));
        }
        let kind = match schema.field(x).data_type() {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Kind::Times,
            other if other.is_numeric() => Kind::Numbers,
            _ => Kind::Names,
        };
        Ok(Self { x, kind, y, by })
    }
}

/// Where a row is on the horizontal axis.
struct Place {
    index: i64,
    x: f64,
    is_known: bool,
}

fn places(column: &dyn Array, kind: Kind, names: &mut Texts) -> Result<Vec<Place>> {
    let place = |index: i64, x: f64, is_known: bool| Place { index, x, is_known };
    Ok(match kind {
        Kind::Times => {
            let times = DataType::Timestamp(TimeUnit::Nanosecond, None);
            let times = cast(column, &times).map_err(failed)?;
            let times = cast(&times, &DataType::Int64).map_err(failed)?;
            let times = times.as_primitive::<Int64Type>();
            times
                .iter()
                .map(|at| place(at.unwrap_or(0), 0.0, at.is_some()))
                .collect()
        }
        Kind::Numbers => numbers(column)?
            .into_iter()
            .map(|x| place(0, x, x.is_finite()))
            .collect(),
        Kind::Names => texts(column)?
            .into_iter()
            .map(|name| {
                let index = names.place(name);
                place(i64::try_from(index).unwrap_or(i64::MAX), 0.0, true)
            })
            .collect(),
    })
}

/// Sorts texts, and gives the new place of each.
fn sorted(texts: &mut [String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|a, b| texts[*a].cmp(&texts[*b]));
    texts.sort();
    let mut places = vec![0; order.len()];
    for (place, from) in order.into_iter().enumerate() {
        places[from] = place;
    }
    places
}

/// The unit that the name of a column ends with, as all of our own do.
fn unit(name: &str) -> Unit {
    match name.rsplit('_').next() {
        Some("ns") => Unit::Nanoseconds,
        Some("bytes") => Unit::Bytes,
        Some("share" | "ratio" | "fraction") => Unit::Ratio,
        _ => Unit::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};

    fn drawn(query: &str, x: &[&str], by: &[&str]) -> Rows {
        let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let values = (0..x.len()).map(|index| index as f64);
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
        let columns = [("x", texts(x)), ("by", texts(by)), ("y_ns", values)];
        let mut rows = RowCollector::new(RowColumns {
            by: Some("by".to_owned()),
            ..RowColumns::default()
        });
        rows.add(&RecordBatch::try_from_iter(columns).unwrap())
            .unwrap();
        rows.finish(query).unwrap()
    }

    #[test]
    fn rows_without_an_order_are_drawn_in_that_of_their_names() {
        let one = drawn("SELECT", &["b", "a", "b"], &["z", "y", "y"]);
        let other = drawn("SELECT", &["a", "b", "b"], &["y", "y", "z"]);
        assert_eq!(
            one.x,
            Horizontal::Names(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(other.x, one.x);
        let groups = |rows: &Rows| -> Vec<(String, Vec<i64>)> {
            let series = rows.columns[0].series.iter();
            series
                .map(|(group, points)| (group.clone(), points.iter().map(|p| p.index).collect()))
                .collect()
        };
        assert_eq!(groups(&one)[1], ("z".to_owned(), vec![1]));
        assert_eq!(groups(&other)[1], groups(&one)[1]);
        assert_eq!(one.columns[0].unit, Unit::Nanoseconds);
        let kept = drawn("SELECT … ORDER BY y_ns", &["b", "a"], &["z", "y"]);
        assert_eq!(
            kept.x,
            Horizontal::Names(vec!["b".to_owned(), "a".to_owned()])
        );
    }
}
