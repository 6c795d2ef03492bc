//! Messages for the person at the terminal or the log: on stderr, a line each, in one write so that
//! lines of several threads do not mix. A stderr that is closed, full or gone stops nothing.

use std::fmt;
use std::io::Write;

use crate::escape::escaped;

/// Writes one line to stderr.
pub fn line(text: fmt::Arguments<'_>) {
    let mut line = escaped(&text.to_string()).into_owned();
    line.push('\n');
    // There is nobody to tell where stderr cannot be written.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
