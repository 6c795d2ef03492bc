//! The records of a CSV file, one by one, with the line of each. `csv_core`, the parser of the crate
//! `csv`, splits them; this file bounds a record, finds a quote that has no end, and counts lines.

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found = Result<Vec<(u64, Vec<Vec<u8>>)>, String>;

    fn all(input: impl Read) -> Found {
        let mut records = Records::new(input);
        let mut all = Vec::new();
        while records.advance()? {
            let cells = (0..records.count()).map(|index| records.cell(index).to_vec());
            all.push((records.line, cells.collect()));
        }
        Ok(all)
    }

    /// Gives a few bytes at a time, as a pipe may.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.len().min(self.1).min(buffer.len());
            let (piece, rest) = self.0.split_at(bytes);
            buffer[..bytes].copy_from_slice(piece);
            self.0 = rest;
            Ok(bytes)
        }
    }

    fn of(records: &[(u64, &[&str])]) -> Found {
        let cells = |cells: &[&str]| cells.iter().map(|cell| cell.as_bytes().to_vec()).collect();
        Ok(records
            .iter()
            .map(|(line, all)| (*line, cells(all)))
            .collect())
    }

    #[test]
    fn quotes_ends_of_lines_and_a_byte_order_mark_are_read_in_any_pieces() {
        for (text, expected) in [
            ("", of(&[])),
            ("\n\r\n", of(&[])),
            ("a", of(&[(1, &["a"])])),
            ("a,b\n1,2\n", of(&[(1, &["a", "b"]), (2, &["1", "2"])])),
            (
                "a,b\r\n1,2\r\n3,\r\n",
                of(&[(1, &["a", "b"]), (2, &["1", "2"]), (3, &["3", ""])]),
            ),
            ("\u{feff}a,b\n", of(&[(1, &["a", "b"])])),
            ("\u{feff}", of(&[])),
            ("\u{feff}\na", of(&[(2, &["a"])])),
            ("\u{feff}\"a,b\",c", of(&[(1, &["a,b", "c"])])),
            ("a\n\n\n\nb\n", of(&[(1, &["a"]), (5, &["b"])])),
            (
                "\"x\ny\",1\nz,2",
                of(&[(1, &["x\ny", "1"]), (3, &["z", "2"])]),
            ),
            (
                "\"b \"\"c\"\"\",5\" pipe\n",
                of(&[(1, &["b \"c\"", "5\" pipe"])]),
            ),
            ("a\n\"\"", of(&[(1, &["a"]), (2, &[""])])),
            ("a\n\"", Err("line 2: a quoted cell has no end".to_owned())),
            (
                "a,b\n1,\"2\n3,4\n",
                Err("line 2: a quoted cell has no end".to_owned()),
            ),
        ] {
            for piece in [1, 2, 3, 7, 1 << 20] {
                assert_eq!(
                    all(Pieces(text.as_bytes(), piece)),
                    expected,
                    "{text:?} {piece}"
                );
            }
        }
    }

    #[test]
    fn an_input_that_is_no_csv_file_is_not_read_into_memory() {
        let error = all(io::repeat(0)).unwrap_err();
        assert_eq!(error, "line 1: is longer than 1048576 bytes");
        let error = all(io::repeat(b',')).unwrap_err();
        assert_eq!(error, "line 1: has more than 16384 cells");
        let error = all(b"a\n\"b".chain(io::repeat(b'\n'))).unwrap_err();
        assert_eq!(error, "line 2: is longer than 1048576 bytes");
    }

    proptest! {
        #[test]
        fn records_that_are_written_with_quotes_come_back(
            records in proptest::collection::vec(proptest::collection::vec("[ -~\n\r]{0,6}", 1..4), 0..8),
            ending in prop_oneof!["\n", "\r\n"],
            piece in 1usize..40,
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |cells: &Vec<String>| {
                cells.iter().map(quoted).collect::<Vec<_>>().join(",") + ending.as_str()
            };
            let text: String = records.iter().map(line).collect();
            let found = all(Pieces(text.as_bytes(), piece)).unwrap();
            let mut first = 1;
            for (record, (at, cells)) in records.iter().zip(&found) {
                prop_assert_eq!(*at, first);
                let written: Vec<Vec<u8>> =
                    record.iter().map(|cell| cell.clone().into_bytes()).collect();
                prop_assert_eq!(cells, &written);
                first += line(record).matches('\n').count() as u64;
            }
            prop_assert_eq!(found.len(), records.len());
        }
    }
}
