//! The lines of a text, one by one and bounded, with the number of each.

use std::io::{BufRead, Read};

use serde::Deserialize;
use soakbox_cli::plain_io_error;

use super::refusal::Refusal;
use super::rows::Row;

/// The longest line, bytes. An input without lines is never read into memory.
const LONGEST_LINE: usize = 1 << 20;

/// The lines of an input. They end in a line feed or in both; blank ones are left out.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`.
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line; `false` at the end of the input.
    ///
    /// # Errors
    /// The reason, with the number of the line, where it cannot be read.
    pub(super) fn advance(&mut self) -> Result<bool, String> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = self.input.by_ref().take(LONGEST_LINE as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.line);
            match read.map_err(|error| plain_io_error(&error))? {
                0 => return Ok(false),
                read if read > LONGEST_LINE => {
                    return Err(self.at_line(&format!("is longer than {LONGEST_LINE} bytes")));
                }
                _ if self.line.trim_ascii().is_empty() => {}
                _ => return Ok(true),
            }
        }
    }

    /// Reads on to the first line that `row` makes a row of; `None` at the end of the input.
    ///
    /// # Errors
    /// As [`Lines::advance`], and where `row` refuses a line.
    pub(super) fn row(
        &mut self,
        mut row: impl FnMut(&[u8]) -> Result<Option<Row>, Refusal>,
    ) -> Result<Option<Row>, Refusal> {
        while self.advance()? {
            let found = row(self.line());
            let found = found.map_err(|refusal| refusal.at(|why| self.at_line(why)))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The last line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.line.trim_ascii_end()
    }

    /// A reason with the number of the last line.
    pub(super) fn at_line(&self, reason: &str) -> String {
        format!("line {}: {reason}", self.number)
    }
}

/// The value of a line of JSON. `writer` is the program that writes such lines, and `hint` how it does.
///
/// # Errors
/// Where it is not JSON, or not that of the program.
pub(super) fn json<'a, T: Deserialize<'a>>(
    line: &'a [u8],
    writer: &str,
    hint: &'static str,
) -> Result<T, Refusal> {
    serde_json::from_slice(line).map_err(|error| {
        let reason = error.to_string().escape_debug().to_string();
        // There is one line only.
        let reason = reason.replace(" at line 1 column ", " at byte ");
        Refusal::from(format!("is no JSON of {writer} ({reason})")).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_a_row_are_passed_over_and_a_refused_one_has_its_number() {
        let row = |line: &[u8]| match line {
            b"row" => Ok(Some(Row {
                finished_at_ns: 1,
                duration_ns: 2,
                operation: 0,
                success: None,
                memory_bytes: None,
                bytes: None,
            })),
            b"bad" => Err("is bad".into()),
            _ => Ok(None),
        };
        let mut lines = Lines::new(&b"a\n\nrow\nb\nbad\nrow"[..]);
        assert_eq!(lines.row(row).unwrap().unwrap().duration_ns, 2);
        assert_eq!(lines.row(row).unwrap_err().reason, "line 5: is bad");
        let mut lines = Lines::new(&b"a\nb"[..]);
        assert!(lines.row(row).unwrap().is_none());
    }

    #[test]
    fn lines_have_numbers_and_a_limit() {
        let mut lines = Lines::new(&b"a\r\n\n  \nb"[..]);
        assert_eq!(lines.advance(), Ok(true));
        assert_eq!(lines.line(), b"a");
        assert_eq!(lines.advance(), Ok(true));
        assert_eq!(
            (lines.line(), lines.at_line("x")),
            (&b"b"[..], "line 4: x".to_owned())
        );
        assert_eq!(lines.advance(), Ok(false));
        let long = vec![b'x'; LONGEST_LINE + 1];
        let mut lines = Lines::new(&long[..]);
        assert_eq!(
            lines.advance(),
            Err("line 1: is longer than 1048576 bytes".to_owned())
        );
    }
}
