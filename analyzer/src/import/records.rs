//! The records of a CSV file, one by one, with the line of each. `csv_core`, the parser of the crate
//! `csv`, splits them; this file bounds a record, finds a quote that has no end, and counts lines.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader};
use soakbox_cli::plain_io_error;

/// Bytes that are read from the input at once.
const BUFFER: usize = 1 << 16;
/// The longest record. An input that is no CSV file is never read into memory.
const LONGEST_RECORD: usize = 1 << 20;
/// The most cells of a record.
const MOST_CELLS: usize = 1 << 14;
/// The byte order mark, with which some programs begin a file.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The records of an input. Lines end in a line feed, a carriage return, or both; empty lines are
/// left out.
pub(super) struct Records<R> {
    input: R,
    buffer: Box<[u8]>,
    /// The bytes of the buffer that are not read yet.
    unread: std::ops::Range<usize>,
    reader: Reader,
    cells: Vec<u8>,
    /// The end of each cell of the last record in `cells`.
    ends: Vec<usize>,
    number: usize,
    /// The line on which the last record begins, from 1.
    line: u64,
}

impl<R: Read> Records<R> {
    /// The records of `input`.
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER].into(),
            unread: 0..0,
            reader: Reader::new(),
            cells: vec![0; LONGEST_RECORD],
            ends: vec![0; MOST_CELLS],
            number: 0,
            line: 1,
        }
    }

    /// Reads the next record; `false` at the end of the input.
    ///
    /// # Errors
    /// The reason, with the line of the record, where it cannot be read.
    pub(super) fn advance(&mut self) -> Result<bool, String> {
        self.number = 0;
        if !self.skip_ends_of_lines()? {
            return Ok(false);
        }
        self.line = self.reader.line();
        let (mut bytes, mut cells) = (0, 0);
        let mut at_end = false;
        loop {
            let input: &[u8] = match at_end {
                // A record ends here, unless a quote is open.
                true => b"\n",
                false => &self.buffer[self.unread.clone()],
            };
            let (result, read, written, ended) =
                self.reader
                    .read_record(input, &mut self.cells[bytes..], &mut self.ends[cells..]);
            self.unread.start += if at_end { 0 } else { read };
            bytes += written;
            cells += ended;
            match result {
                ReadRecordResult::Record => {
                    self.number = cells;
                    return Ok(true);
                }
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(self.at_line("a quoted cell has no end"));
                }
                ReadRecordResult::InputEmpty => at_end = !self.fill()?,
                ReadRecordResult::OutputFull => {
                    let reason = format!("is longer than {LONGEST_RECORD} bytes");
                    return Err(self.at_line(&reason));
                }
                ReadRecordResult::OutputEndsFull => {
                    let reason = format!("has more than {MOST_CELLS} cells");
                    return Err(self.at_line(&reason));
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Number of cells of the last record.
    pub(super) fn count(&self) -> usize {
        self.number
    }

    /// The bytes of a cell of the last record, without quotes; `index` is below [`count`](Self::count).
    #[inline]
    pub(super) fn cell(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[index]]
    }

    /// A reason with the line of the last record.
    pub(super) fn at_line(&self, reason: &str) -> String {
        format!("line {}: {reason}", self.line)
    }

    /// Reads up to the first byte of the next record, so that its line is known; `false` at the end
    /// of the input.
    fn skip_ends_of_lines(&mut self) -> Result<bool, String> {
        loop {
            let unread = &self.buffer[self.unread.clone()];
            let ends = unread.iter();
            let ends = ends
                .take_while(|byte| matches!(byte, b'\n' | b'\r'))
                .count();
            if ends > 0 {
                let (_, read, ..) =
                    self.reader
                        .read_record(&unread[..ends], &mut self.cells, &mut self.ends);
                self.unread.start += read;
            } else if !unread.is_empty() {
                return Ok(true);
            } else if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// Reads more of the input, into an empty buffer; `false` at its end.
    fn fill(&mut self) -> Result<bool, String> {
        let is_first = self.unread.end == 0;
        self.unread = 0..0;
        loop {
            match self.input.read(&mut self.buffer[self.unread.end..]) {
                Ok(0) => break,
                Ok(bytes) => self.unread.end += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(plain_io_error(&error)),
            }
            // The mark may come in pieces.
            if !is_first || self.unread.end > MARK.len() {
                break;
            }
        }
        if is_first && self.buffer[..self.unread.end].starts_with(MARK) {
            self.unread.start = MARK.len();
        }
        Ok(!self.unread.is_empty())
    }
}
