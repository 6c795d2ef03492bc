//! The records of a CSV file (RFC 4180), one by one, with the number of each row. Empty lines are
//! records too: in a file of one column they are missing values.

use std::io::{BufReader, Bytes, Read};

use soakbox_cli::plain_io_error;

/// Cells larger than this are refused: a file that is not CSV would be read into memory.
const LARGEST_CELL: usize = 1 << 20;

/// The byte order mark, with which some programs begin a file.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The records of a file; lines end in a line feed, a carriage return, or both.
pub(super) struct Records<R> {
    bytes: Bytes<BufReader<R>>,
    /// Rows that were read, the header included.
    rows: usize,
    /// Whether the last line ended in a carriage return, so that a line feed belongs to it.
    after_return: bool,
}

/// Where in a cell the next byte is.
enum Place {
    Start,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first one of two.
    Quote,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: BufReader<R>) -> Self {
        Self {
            bytes: input.bytes(),
            rows: 0,
            after_return: false,
        }
    }

    /// The number of the last record as a spreadsheet counts: the header is row 1.
    pub(super) fn row(&self) -> usize {
        self.rows
    }

    /// The cells of the next record; `None` at the end of the file. A byte order mark is left out.
    pub(super) fn next(&mut self) -> Result<Option<Vec<String>>, String> {
        let (mut cells, mut cell) = (Vec::new(), Vec::new());
        let mut place = Place::Start;
        let mut empty = true;
        let row = self.rows + 1;
        loop {
            let byte = match self.bytes.next() {
                Some(Ok(byte)) => byte,
                Some(Err(error)) => return Err(plain_io_error(&error)),
                None if empty => return Ok(None),
                None if matches!(place, Place::Quoted) => {
                    return Err(format!("row {row}: a quoted cell has no end"));
                }
                None => break,
            };
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                continue;
            }
            empty = false;
            match (&place, byte) {
                (Place::Quoted, b'"') => place = Place::Quote,
                (Place::Quoted, _) => cell.push(byte),
                (Place::Start, b'"') => place = Place::Quoted,
                (Place::Plain, b'"') if row == 1 && cells.is_empty() && cell == MARK => {
                    cell.clear();
                    place = Place::Quoted;
                }
                (Place::Quote, b'"') => {
                    cell.push(byte);
                    place = Place::Quoted;
                }
                (_, b',') => {
                    cells.push(text(std::mem::take(&mut cell), row)?);
                    place = Place::Start;
                }
                (_, b'\n' | b'\r') => {
                    self.after_return = byte == b'\r';
                    break;
                }
                _ => {
                    cell.push(byte);
                    place = Place::Plain;
                }
            }
            if cell.len() > LARGEST_CELL {
                return Err(format!(
                    "row {row}: a cell has more than {LARGEST_CELL} bytes"
                ));
            }
        }
        cells.push(text(cell, row)?);
        self.rows = row;
        if row == 1
            && let Some(first) = cells.first_mut()
            && let Some(rest) = first.strip_prefix('\u{feff}')
        {
            *first = rest.to_owned();
        }
        Ok(Some(cells))
    }
}

fn text(cell: Vec<u8>, row: usize) -> Result<String, String> {
    String::from_utf8(cell).map_err(|_| format!("row {row}: is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let mut records = Records::new(BufReader::new(text));
        let mut all = Vec::new();
        while let Some(cells) = records.next()? {
            all.push(cells);
            assert_eq!(records.row(), all.len());
        }
        Ok(all)
    }

    #[test]
    fn quotes_ends_of_lines_and_a_byte_order_mark_are_read() {
        let text = "\u{feff}a,\"b \"\"c\"\"\"\r\n\"x,\ny\",5\" pipe\r\r\n,\n";
        let cells = all(text.as_bytes()).unwrap();
        assert_eq!(
            cells,
            [
                vec!["a", "b \"c\""],
                vec!["x,\ny", "5\" pipe"],
                vec![""],
                vec!["", ""]
            ]
        );
        assert_eq!(all("\u{feff}\"a,b\",c".as_bytes()).unwrap(), [["a,b", "c"]]);
        assert_eq!(all(b"").unwrap(), Vec::<Vec<String>>::new());
        assert_eq!(all(b"a").unwrap(), [["a"]]);
        assert_eq!(all(b"\n\n").unwrap(), [[""], [""]]);
        assert!(all(b"a\n\xff\n").unwrap_err().contains("row 2"));
    }

    proptest! {
        #[test]
        fn what_is_written_with_quotes_comes_back(
            records in proptest::collection::vec(proptest::collection::vec("[ -~\n\r]{0,6}", 1..4), 0..8),
            ending in prop_oneof!["\n", "\r\n"],
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |cells: &Vec<String>| {
                cells.iter().map(quoted).collect::<Vec<_>>().join(",") + ending.as_str()
            };
            let text: String = records.iter().map(line).collect();
            prop_assert_eq!(all(text.as_bytes()).unwrap(), records);
        }
    }
}
