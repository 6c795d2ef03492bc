//! Messages for the person at the terminal or the log: on stderr, a line each, in one write so that
//! lines of several threads do not mix. If stderr is closed or full, the program goes on.

use std::fmt;
use std::io::Write;

use crate::escape::escaped;

/// Writes one line to stderr.
pub fn line(text: fmt::Arguments<'_>) {
    let mut line = escaped(&text.to_string()).into_owned();
    line.push('\n');
    // If stderr cannot be written, the message has no other place to go.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
