//! A text file that a user wrote: settings, a list of comparisons, a header.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};

/// Most bytes of it. A header may have a picture in it.
const MOST_BYTES: u64 = 16 << 20;

/// The text of the file, which may be a pipe.
///
/// # Errors
/// Where it cannot be read, is not UTF-8, or is larger than 16 MiB.
pub(crate) fn read(path: &Path) -> Result<String> {
    let failed = |error| Failure::path(path, plain_io_error(&error));
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::path(path, "is larger than 16 MiB").hint("is it the file you meant?"));
    }
    String::from_utf8(bytes).map_err(|_| Failure::path(path, "is not UTF-8"))
}
