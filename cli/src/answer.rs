//! Answers on stdout: text for people, JSON for programs. If stdout is a closed pipe or a full
//! disk, the result is a [`Failure`], never a panic.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::Format;
use crate::failure::{Failure, Result};

/// Prints `answer` as one line of JSON or by `table`.
///
/// # Errors
/// Where stdout cannot be written.
pub fn print<T: Serialize>(
    answer: &T,
    format: Format,
    table: impl FnOnce(&T, &mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    match format {
        Format::Json => write(|out| {
            serde_json::to_writer(&mut *out, answer)?;
            writeln!(out)
        }),
        Format::Table => write(|out| table(answer, out)),
    }
}

/// Prints the output of `fill`, through a buffer.
///
/// # Errors
/// Where stdout cannot be written.
pub fn write(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    fill(&mut out)
        .and_then(|()| out.flush())
        .map_err(|error| unwritable(&error))
}

/// The failure for an answer that could not be written to stdout.
pub fn unwritable(error: &io::Error) -> Failure {
    Failure::output("cannot write the answer to stdout", error)
        .hint("check the disk that it is redirected to")
}
