//! What every format of a file has in common: it gives rows, one by one.

use std::io::{self, BufRead};

use soakbox_cli::plain_io_error;

use super::refusal::Refusal;
use super::rows::Row;

/// The first bytes of a file that gzip compressed.
const GZIP: &[u8] = b"\x1f\x8b";

/// Why a file without a byte is refused.
pub(super) const EMPTY: &str = "is empty";

/// What a file has of the times of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownTimes {
    /// The time of each.
    All,
    /// Begin and length of that many intervals, in which the rows are even.
    Intervals(u64),
    /// None.
    Nothing,
}

/// A file of another program as rows.
pub(super) trait Source {
    /// The next row; `None` at the end of the file.
    ///
    /// # Errors
    /// The reason with the place in the file. Nothing may be read after that.
    fn next(&mut self) -> Result<Option<Row>, Refusal>;

    /// The names of the operations so far; a row has an index of them.
    fn names(&self) -> &[String];

    /// What the file has of the times of its rows; after the last row, of all.
    fn times(&self) -> KnownTimes {
        KnownTimes::All
    }

    /// Why there is nothing to import, where a whole file had no row.
    fn without_rows(&self) -> Refusal;
}

/// Whether a file whose records are CSV or JSON lines has JSON, by its first byte.
///
/// # Errors
/// Where it is empty, compressed or cannot be read.
pub(super) fn is_json(input: &mut impl BufRead) -> Result<bool, Refusal> {
    let begin = begin(input)?;
    if begin.is_empty() {
        return Err(EMPTY.into());
    }
    let first = begin.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(first == Some(&b'{'))
}

/// The first bytes of a file, which stay unread; none where it is empty.
///
/// # Errors
/// Where it is compressed or cannot be read.
pub(super) fn begin(input: &mut impl BufRead) -> Result<&[u8], Refusal> {
    let begin = loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(plain_io_error(&error).into()),
            // What is asked for again is there already.
            Ok(_) => break input.fill_buf(),
        }
    };
    let begin = begin.map_err(|error| Refusal::from(plain_io_error(&error)))?;
    if begin.starts_with(GZIP) {
        let refusal = Refusal::from("is compressed with gzip");
        return Err(refusal.hint("gzip -dc FILE | soakbox-analyzer import … -"));
    }
    Ok(begin)
}
