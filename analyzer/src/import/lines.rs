//! The lines of a text, one by one and bounded, with the number of each.

use std::io::{BufRead, Read};

use serde::Deserialize;
use soakbox_cli::plain_io_error;

use super::refusal::Refusal;

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

    /// The last line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.line.trim_ascii_end()
    }

    /// A reason with the number of the last line.
    pub(super) fn at_line(&self, reason: &str) -> String {
        format!("line {}: {reason}", self.number)
    }
}

/// The value of a line of JSON. `writer` is the program that writes such lines.
///
/// # Errors
/// Where it is not JSON, or not that of the program.
pub(super) fn json<'a, T: Deserialize<'a>>(line: &'a [u8], writer: &str) -> Result<T, Refusal> {
    serde_json::from_slice(line).map_err(|error| {
        let reason = error.to_string().escape_debug().to_string();
        // There is one line only.
        let reason = reason.replace(" at line 1 column ", " at byte ");
        format!("is no JSON of {writer} ({reason})").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
