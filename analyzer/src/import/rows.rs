//! The meaning of a record: its cells as one finished operation. A cell that has no meaning is
//! refused with the reason; nothing is guessed. Pure.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

use super::columns::{Columns, FinishPlace, OperationPlace};
use super::decimal::{NumberError, scaled};
use super::mapping::{TimeForm, Unit};
use crate::units::count;

/// The most operations of a recording: every command keeps some thousand windows of each in memory.
const MOST_OPERATIONS: usize = 1000;
/// The longest name of an operation, bytes.
const LONGEST_NAME: usize = 4096;
/// The latest time of a recording, ns UTC: in 2261. 64 bits end in 2262.
const LATEST_NS: u64 = 9_200_000_000_000_000_000;
/// Cells that stand for a missing value, in small or capital letters.
const MISSING: [&[u8]; 6] = [b"", b"-", b"na", b"n/a", b"nan", b"null"];

/// Why a record is no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// The next step.
    pub(super) hint: Option<&'static str>,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, hint: None }
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

type Result<T> = std::result::Result<T, Refusal>;

/// One finished operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// When it finished, ns UTC, not before 1970.
    pub(super) finished_at_ns: i64,
    pub(super) duration_ns: u64,
    /// Its operation, an index of [`Rows::names`].
    pub(super) operation: u16,
    pub(super) success: Option<bool>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// Reads rows.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Columns,
    /// When the last row finished, if the file has no times.
    last_ns: u64,
    names: Vec<String>,
    places: HashMap<Vec<u8>, u16>,
    /// The operation of the last row, which the next one often has too.
    last: u16,
}

impl Rows {
    /// For records with these columns.
    pub(super) fn new(columns: Columns) -> Self {
        let names = match &columns.operation {
            OperationPlace::Name(name) => vec![name.clone()],
            OperationPlace::Column(_) => Vec::new(),
        };
        Self {
            columns,
            last_ns: 0,
            names,
            places: HashMap::new(),
            last: 0,
        }
    }

    /// The names of the operations so far.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The row of a record, whose cells `cell` gives by their places.
    ///
    /// # Errors
    /// The reason why a cell has no meaning.
    #[inline]
    pub(super) fn row<'a>(&mut self, cell: impl Fn(usize) -> &'a [u8]) -> Result<Row> {
        let (place, unit) = self.columns.duration;
        let duration_ns = duration(cell(place), unit)?;
        let finished_ns = match self.columns.finish {
            FinishPlace::Column(place, form) => time(cell(place), form)?,
            FinishPlace::Every(step) => {
                self.last_ns = self.last_ns.saturating_add(step.ns);
                self.last_ns
            }
        };
        let finished_at_ns = i64::try_from(finished_ns).ok();
        let finished_at_ns = finished_at_ns
            .filter(|_| finished_ns <= LATEST_NS)
            .ok_or("the time is after 2261")?;
        let operation = match self.columns.operation {
            OperationPlace::Column(place) => self.operation(cell(place))?,
            OperationPlace::Name(_) => 0,
        };
        let optional = |place: Option<usize>| place.map(&cell).filter(|cell| !is_missing(cell));
        let success = optional(self.columns.success).map(outcome).transpose()?;
        let amount = |place, what| {
            let cell = optional(place).map(<[u8]>::trim_ascii);
            let number = |cell| scaled(cell, 0).map_err(|error| refused(what, cell, error));
            cell.map(number).transpose()
        };
        Ok(Row {
            finished_at_ns,
            duration_ns,
            operation,
            success,
            memory_bytes: amount(self.columns.memory, "memory")?,
            bytes: amount(self.columns.bytes, "number of bytes")?,
        })
    }

    #[inline]
    fn operation(&mut self, name: &[u8]) -> Result<u16> {
        let last = self.names.get(usize::from(self.last));
        if last.is_none_or(|last| last.as_bytes() != name) {
            self.last = match self.places.get(name) {
                Some(operation) => *operation,
                None => self.new_operation(name)?,
            };
        }
        Ok(self.last)
    }

    fn new_operation(&mut self, name: &[u8]) -> Result<u16> {
        let text = std::str::from_utf8(name).map_err(|_| "the operation is not UTF-8")?;
        if text.is_empty() {
            return Err("the operation is missing".into());
        }
        if name.len() > LONGEST_NAME {
            let most = count(LONGEST_NAME as u64);
            return Err(format!("the operation has more than {most} bytes").into());
        }
        if self.names.len() == MOST_OPERATIONS {
            let most = count(MOST_OPERATIONS as u64);
            return Err(Refusal {
                reason: format!("{} is one operation more than {most}", shown(name)),
                hint: Some(
                    "name a column with fewer operations, or give all rows one name: --operation \
                     =NAME",
                ),
            });
        }
        let operation = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.push(text.to_owned());
        self.places.insert(name.to_owned(), operation);
        Ok(operation)
    }
}

fn duration(cell: &[u8], unit: Unit) -> Result<u64> {
    let cell = cell.trim_ascii();
    scaled(cell, unit.power()).map_err(|error| match error {
        NumberError::NotANumber if cell.is_empty() => "the duration is missing".into(),
        error => refused("duration", cell, error),
    })
}

/// A time, ns since 1970.
fn time(cell: &[u8], form: TimeForm) -> Result<u64> {
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        return Err("the time is missing".into());
    }
    match form {
        TimeForm::Since1970(unit) => scaled(cell, unit.power()).map_err(|error| match error {
            NumberError::Negative => format!("the time {} is before 1970", shown(cell)).into(),
            NumberError::TooLarge => format!("the time {} is after 2261", shown(cell)).into(),
            NumberError::NotANumber => refused("time", cell, error),
        }),
        TimeForm::Rfc3339 => {
            let text = std::str::from_utf8(cell).ok();
            let time = text.and_then(|text| string_to_timestamp_nanos(text).ok());
            let time = time.ok_or_else(|| {
                format!("{} is no time of RFC 3339 from 1970 to 2261", shown(cell))
            })?;
            let before = |_| format!("the time {} is before 1970", shown(cell)).into();
            u64::try_from(time).map_err(before)
        }
    }
}

fn outcome(cell: &[u8]) -> Result<bool> {
    let cell = cell.trim_ascii();
    let is = |words: [&str; 3]| {
        let mut words = words.iter();
        words.any(|word| cell.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is(["true", "1", "yes"]) {
        Ok(true)
    } else if is(["false", "0", "no"]) {
        Ok(false)
    } else {
        Err(Refusal {
            reason: format!("{} is no outcome", shown(cell)),
            hint: Some("success is true, 1 or yes, and failure is false, 0 or no"),
        })
    }
}

fn is_missing(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    let mut missing = MISSING.iter();
    missing.any(|text| cell.eq_ignore_ascii_case(text))
}

fn refused(what: &str, cell: &[u8], error: NumberError) -> Refusal {
    format!("the {what} {} {error}", shown(cell)).into()
}

/// A cell in a message: quoted, and only its begin if it is long.
fn shown(cell: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(cell);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
