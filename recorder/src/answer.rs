//! Answers on stdout, for people and for programs: the one way in which `check`, `probes` and `recover` give theirs.

use std::io::{self, BufWriter, ErrorKind, Write};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::cli::Format;

/// Writes `answer` to stdout, as JSON or by `table`. A reader that goes away (`| head`) has read enough.
///
/// # Errors
/// Where it cannot be written, as on a full disk.
pub(crate) fn print<T: Serialize>(
    answer: &T,
    format: Format,
    table: impl FnOnce(&T, &mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match format {
        Format::Json => serde_json::to_writer(&mut out, answer)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        Format::Table => table(answer, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            bail!("cannot write the answer to stdout: {error}; hint: is its disk full?")
        }
        Ok(()) => Ok(()),
    }
}
