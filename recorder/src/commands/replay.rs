//! `replay`: writes a synthetic recording.

use anyhow::Result;

use crate::cli;
use crate::clock::SystemClock;
use crate::{resolve, run};

/// Writes the recording.
///
/// # Errors
/// Where the output path is a file, or the recording cannot be written.
pub fn run(arguments: &cli::Replay) -> Result<()> {
    run::synthesize(&resolve::replay(arguments)?, &SystemClock, Vec::new())
}
