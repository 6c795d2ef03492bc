//! A text file that a user wrote: settings, a configuration, a header. Reads the bytes of one.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of it: a header may have a picture in it. A device without an end would take all of the
/// host's memory.
const MOST_BYTES: u64 = 16 << 20;

/// The bytes of the file, which may be a pipe; `None` where it is larger than 16 MiB.
///
/// # Errors
/// Where it cannot be read.
pub fn user_text(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}
