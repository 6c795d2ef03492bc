//! Files that are read as a whole: they are small, or have no lines.

use std::io::{BufRead, Read};

use soakbox_cli::plain_io_error;

use super::refusal::Refusal;
use super::source::EMPTY;
use crate::units::bytes;

/// All bytes of a file that has at most `longest`.
///
/// # Errors
/// Where it is empty or longer, or cannot be read.
pub(super) fn whole(input: impl BufRead, longest: u64) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    let read = input.take(longest + 1).read_to_end(&mut text);
    read.map_err(|error| Refusal::from(plain_io_error(&error)))?;
    if text.is_empty() {
        return Err(EMPTY.into());
    }
    if text.len() as u64 > longest {
        return Err(format!("is longer than {}", bytes(longest as f64)).into());
    }
    Ok(text)
}
