//! A text file that a user wrote: settings, a list of comparisons, a header.

use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error, user_text};

/// The text of the file, which may be a pipe.
///
/// # Errors
/// Where it cannot be read, is not UTF-8, or is larger than 16 MiB.
pub(crate) fn read(path: &Path) -> Result<String> {
    let read = user_text(path).map_err(|error| Failure::path(path, plain_io_error(&error)))?;
    let too_large = || Failure::path(path, "is larger than 16 MiB");
    let bytes = read.ok_or_else(|| too_large().hint("is it the file you meant?"))?;
    String::from_utf8(bytes).map_err(|_| Failure::path(path, "is not UTF-8"))
}
