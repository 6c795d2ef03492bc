//! Two columns of a CSV file as numbers over time. Every cell is text until it is read here, so that
//! a bad one is named by its row.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_statistics::{Metric, Quantity};

use crate::changes::{NumberSeries, Times};

/// Cells that stand for a missing value.
const MISSING: [&str; 6] = ["", "-", "NA", "N/A", "NaN", "null"];

/// Reads the column `value`, and `time` if it is named: a number of seconds, RFC 3339, or a date.
///
/// # Errors
/// Where the file or a column is not there, or a cell is no number or no time.
pub fn series(path: &Path, value: &str, time: Option<&str>) -> Result<NumberSeries> {
    let failed = |reason: String| Failure::path(path, reason);
    let open = || File::open(path).map_err(|error| failed(plain_io_error(&error)));
    let format = Format::default().with_header(true);
    let (header, _) = format
        .infer_schema(BufReader::new(open()?), Some(0))
        .map_err(|error| failed(error.to_string()))?;
    let names: Vec<&String> = header.fields().iter().map(|field| field.name()).collect();
    let place = |name: &str| {
        names
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| {
                let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                failed(format!("has no column {name}")).hint(format!("it has {}", known.join(", ")))
            })
    };
    let value_place = place(value)?;
    let time_place = time.map(place).transpose()?;
    let text = |name: &&String| Field::new(name.as_str(), DataType::Utf8, true);
    let schema = Arc::new(Schema::new(names.iter().map(text).collect::<Vec<_>>()));
    let reader = ReaderBuilder::new(schema)
        .with_header(true)
        .build(open()?)
        .map_err(|error| failed(error.to_string()))?;
    let (mut values, mut times) = (Vec::new(), Vec::new());
    for batch in reader {
        let batch = batch.map_err(|error| failed(error.to_string()))?;
        let cell = |place: usize, row: usize| {
            let column = batch.column(place).as_string::<i32>();
            let cell = column.is_valid(row).then(|| column.value(row));
            cell.unwrap_or_default().trim().to_owned()
        };
        for row in 0..batch.num_rows() {
            // As a spreadsheet counts: the header is row 1.
            let number = values.len() + 2;
            let text = cell(value_place, row);
            let wrong =
                |what: &str, text: &str| failed(format!("row {number}: {text:?} is no {what}"));
            values.push(match text.as_str() {
                text if MISSING.contains(&text) => f64::NAN,
                text => text.parse().map_err(|_| wrong("number", text))?,
            });
            if let Some(place) = time_place {
                let text = cell(place, row);
                let seconds = seconds(&text).ok_or_else(|| wrong("time", &text))?;
                if times.last().is_some_and(|(last, _)| seconds < *last) {
                    return Err(failed(format!(
                        "row {number}: the time {text} is before that of the row above"
                    ))
                    .hint("sort the file by its time"));
                }
                times.push((seconds, text));
            }
        }
    }
    Ok(NumberSeries {
        name: value.to_owned(),
        metric: Metric::other(Quantity {
            name: value.to_owned(),
            unit: String::new(),
            lower_is_worse: false,
            absolute: false,
        }),
        values,
        times: match time_place {
            Some(_) => Times::Points(times),
            None => Times::Order,
        },
    })
}

/// A time in seconds: a number, RFC 3339, a date with or without a time of day.
fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let of_utc = |time: NaiveDateTime| {
        let time = time.and_utc();
        time.timestamp() as f64 + f64::from(time.timestamp_subsec_nanos()) / 1e9
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(of_utc(time.naive_utc()));
    }
    for form in [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(of_utc(time));
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    date.and_hms_opt(0, 0, 0).map(of_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(text: &str, time: Option<&str>) -> Result<NumberSeries> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        series(file.path(), "value", time)
    }

    #[test]
    fn numbers_times_and_missing_cells_are_read() {
        let text = "at,\"other, one\",value\n2026-01-01,x,1\n2026-01-02 06:00:00,,\n2026-01-03T00:00:00+01:00,\"y\nz\",2.5e3\n";
        let found = read(text, Some("at")).unwrap();
        assert_eq!(found.values[0], 1.0);
        assert!(found.values[1].is_nan());
        assert_eq!(found.values[2], 2500.0);
        let times = found.times.seconds(3).unwrap();
        assert_eq!(
            [times[1] - times[0], times[2] - times[1]],
            [108_000.0, 61_200.0]
        );
        assert_eq!(found.times.text(2).unwrap(), "2026-01-03T00:00:00+01:00");
        assert_eq!(read("value\n3\nNA\n", None).unwrap().times, Times::Order);
    }

    #[test]
    fn a_bad_cell_is_named_by_its_row() {
        for (text, time, reason) in [
            ("value\n1\ntwo\n", None, "row 3: \"two\" is no number"),
            ("x\n1\n", None, "has no column value; hint: it has x"),
            (
                "t,value\n5,1\n4,1\n",
                Some("t"),
                "row 3: the time 4 is before that of the row above",
            ),
            ("t,value\nnoon,1\n", Some("t"), "row 2: \"noon\" is no time"),
            ("value\n1,2\n", None, "incorrect number of fields"),
        ] {
            let failure = read(text, time).unwrap_err().to_string();
            assert!(failure.contains(reason), "{failure}");
        }
    }
}
