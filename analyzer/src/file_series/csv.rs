//! Two columns of a CSV file as numbers over time. Every cell is text until it is read here, so
//! that a bad one is named by its row.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};

use super::records::Records;
use super::{Columns, MAGIC, Points, in_range};
use crate::changes::{NumberSeries, seconds};

/// Cells that stand for a missing value, in small or capital letters.
const MISSING: [&str; 6] = ["", "-", "na", "n/a", "nan", "null"];
/// The path that stands for stdin.
const STDIN: &str = "-";

/// Reads the columns: numbers, and times that are a number of seconds, RFC 3339, or a date. The
/// file is read once, so that it may be a pipe; `-` is stdin.
///
/// # Errors
/// Where the file or a column is not there, or a cell is no number or no time.
pub fn series(path: &Path, columns: &Columns) -> Result<NumberSeries> {
    let failed = |reason: String| match path.as_os_str() == STDIN {
        true => Failure::new("stdin", reason),
        false => Failure::path(path, reason),
    };
    if path.as_os_str() == STDIN {
        return read(io::stdin().lock(), columns, failed);
    }
    let file = File::open(path).map_err(|error| failed(plain_io_error(&error)))?;
    read(file, columns, failed)
}

fn read(
    mut input: impl Read,
    columns: &Columns,
    failed: impl Fn(String) -> Failure,
) -> Result<NumberSeries> {
    let mut begin = Vec::new();
    let mut first = input.by_ref().take(MAGIC.len() as u64);
    let first = first.read_to_end(&mut begin);
    first.map_err(|error| failed(plain_io_error(&error)))?;
    if begin == MAGIC {
        return Err(failed("is a Parquet file".to_owned()).hint("--parquet FILE reads it"));
    }
    let input = begin.as_slice().chain(input);
    let mut records = Records::new(BufReader::with_capacity(1 << 16, input));
    let header = records.next().map_err(&failed)?;
    let header = header.ok_or_else(|| {
        failed("is empty".to_owned()).hint("its first row has the names of the columns")
    })?;
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    let (value_place, time_place) = columns.places(&names, &failed)?;
    let mut points = Points::default();
    while let Some(cells) = records.next().map_err(&failed)? {
        let row = records.row();
        // An empty line has one empty cell, a missing value of the only column.
        if cells.len() == 1 && cells[0].is_empty() && header.len() > 1 {
            continue;
        }
        let of_row = |reason: String| failed(format!("row {row}: {reason}"));
        if cells.len() != header.len() {
            let (found, wanted) = (cells.len(), header.len());
            let reason = format!("has {found} cells, and the first row has {wanted}");
            return Err(of_row(reason));
        }
        points.add_value(number(cells[value_place].trim()).map_err(of_row)?);
        let Some(place) = time_place else { continue };
        let text = cells[place].trim();
        let at = seconds(text).ok_or_else(|| of_row(format!("{text:?} is no time")))?;
        points.add_time(at, text.to_owned(), of_row)?;
    }
    points.series(columns, failed)
}

/// The number of a cell; NaN if it is missing.
fn number(text: &str) -> std::result::Result<f64, String> {
    if MISSING
        .iter()
        .any(|missing| text.eq_ignore_ascii_case(missing))
    {
        return Ok(f64::NAN);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
            in_range(f64::MAX, &format!("{text:?}"))
        }
        Ok(number) => in_range(number, &format!("{text:?}")),
        Err(_) => Err(format!("{text:?} is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::Times;

    fn read(text: &str, time: Option<&str>) -> Result<NumberSeries> {
        let columns = Columns {
            value: "value".to_owned(),
            time: time.map(str::to_owned),
        };
        super::read(text.as_bytes(), &columns, |reason| {
            Failure::new("some.csv", reason)
        })
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
    fn an_empty_line_is_a_missing_point_of_the_only_column() {
        for ending in ["\n", "\r\n", "\r"] {
            let text = ["value", "1", "", "", "2", "nan", "3", ""].join(ending);
            let values = read(&text, None).unwrap().values;
            let present: Vec<bool> = values.iter().map(|value| !value.is_nan()).collect();
            assert_eq!(present, [true, false, false, true, false, true], "{text:?}");
        }
        let of_two = read("t,value\n1,5\n\n2,6\n\n", Some("t")).unwrap();
        assert_eq!(of_two.values, [5.0, 6.0]);
    }

    #[test]
    fn a_bad_cell_is_named_by_its_row() {
        for (text, time, reason) in [
            ("value\n1\ntwo\n", None, "row 3: \"two\" is no number"),
            ("value\n\n\n1\ntwo\n", None, "row 5: \"two\" is no number"),
            (
                "t,value\n1,\"a\nb\"\n",
                None,
                "row 2: \"a\\nb\" is no number",
            ),
            ("t,value\n\n1,x\n", None, "row 3: \"x\" is no number"),
            ("value\n1\ninf\n", None, "row 3: \"inf\" is no number"),
            (
                "value\n-Infinity\n",
                None,
                "row 2: \"-Infinity\" is no number",
            ),
            ("value\n1e999\n", None, "row 2: \"1e999\" is too large"),
            ("value\n-2e100\n", None, "row 2: \"-2e100\" is too large"),
            ("value\n1e-200\n", None, "row 2: \"1e-200\" is too small"),
            ("x\n1\n", None, "has no column value; hint: it has x"),
            ("value,value\n1,2\n", None, "has the column value twice"),
            ("", None, "is empty; hint: its first row has the names"),
            ("t,value\n\n", None, "has no rows"),
            (
                "t,value\n5,1\n4,1\n",
                Some("t"),
                "row 3: the time 4 is before that of the row above",
            ),
            ("t,value\nnoon,1\n", Some("t"), "row 2: \"noon\" is no time"),
            (
                "value\n1,2\n",
                None,
                "row 2: has 2 cells, and the first row has 1",
            ),
            (
                "value\n1\n\"2\n3\n",
                None,
                "row 3: a quoted cell has no end",
            ),
        ] {
            let failure = read(text, time).unwrap_err().to_string();
            assert!(failure.contains(reason), "{text:?}: {failure}");
        }
    }
}
