//! The meaning of a record: its cells as one finished operation. A cell that has no meaning is
//! refused with the reason; nothing is guessed. Pure.

#[cfg(test)]
mod tests;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

use super::columns::{Columns, FinishPlace, OperationPlace};
use super::decimal::{NumberError, scaled};
use super::mapping::{TimeForm, Unit};
use super::names::Names;
use super::refusal::Refusal;

/// The latest time of a recording, ns UTC: in 2261. 64 bits end in 2262.
const LATEST_NS: u64 = 9_200_000_000_000_000_000;
/// Cells that stand for a missing value, in small or capital letters.
const MISSING: [&[u8]; 6] = [b"", b"-", b"na", b"n/a", b"nan", b"null"];

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

impl Row {
    /// The row where `finished_at_ns` is when the operation began.
    ///
    /// # Errors
    /// Where it finished after 2261.
    pub(super) fn of_begin(self) -> Result<Self> {
        let begin_ns = self.finished_at_ns.unsigned_abs();
        Ok(Self {
            finished_at_ns: in_calendar(begin_ns.saturating_add(self.duration_ns))?,
            ..self
        })
    }
}

/// A time of a recording, ns UTC.
pub(super) fn in_calendar(at_ns: u64) -> Result<i64> {
    let time = i64::try_from(at_ns).ok();
    time.filter(|_| at_ns <= LATEST_NS)
        .ok_or_else(|| "the time is after 2261".into())
}

/// Reads rows.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Columns,
    /// When the last row finished, if the file has no times.
    last_ns: u64,
    names: Names,
}

impl Rows {
    /// For records with these columns.
    pub(super) fn new(columns: Columns) -> Self {
        let names = match &columns.operation {
            OperationPlace::Name(name) => Names::with(name),
            OperationPlace::Column(_) => Names::default(),
        };
        Self {
            columns,
            last_ns: 0,
            names,
        }
    }

    /// The names of the operations so far.
    pub(super) fn names(&self) -> &[String] {
        self.names.as_slice()
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
        let finished_at_ns = in_calendar(finished_ns)?;
        let operation = match self.columns.operation {
            OperationPlace::Column(place) => self.names.place(cell(place))?,
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
}

fn duration(cell: &[u8], unit: Unit) -> Result<u64> {
    let cell = cell.trim_ascii();
    scaled(cell, unit.power()).map_err(|error| match error {
        NumberError::NotANumber if cell.is_empty() => "the duration is missing".into(),
        error => refused("duration", cell, error),
    })
}

/// A time, ns since 1970.
pub(super) fn time(cell: &[u8], form: TimeForm) -> Result<u64> {
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
        let refusal = Refusal::from(format!("{} is no outcome", shown(cell)));
        Err(refusal.hint("success is true, 1 or yes, and failure is false, 0 or no"))
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
pub(super) fn shown(cell: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(cell);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
