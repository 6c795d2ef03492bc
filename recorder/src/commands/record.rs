//! `record`: from the arguments to a plan, and from the plan to a recording.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::run::{self, Outcome};
use crate::{cli, message, resolve};

/// Exit code after a second signal, as a shell gives it for SIGINT.
const INTERRUPTED: u8 = 130;

/// Records until there is a reason to stop; the exit code.
///
/// # Errors
/// Where the arguments make no plan, or the recording cannot be made.
pub fn run(arguments: &cli::Record) -> Result<ExitCode> {
    if arguments.words.is_empty() && ends_in_a_command(std::env::args_os()) {
        bail!("the command after -- is empty; hint: name a program, or leave -- out");
    }
    let plan = resolve::record(arguments)?;
    for warning in &plan.warnings {
        message::line(format_args!("warning: {warning}"));
    }
    Ok(match run::record(plan)? {
        Outcome::Complete => ExitCode::SUCCESS,
        Outcome::EndedAtOnce => ExitCode::from(INTERRUPTED),
    })
}

/// Whether the words end where a command should begin: an argument parser does not tell `--` with
/// nothing after it from no `--`.
fn ends_in_a_command(words: impl Iterator<Item = OsString>) -> bool {
    words.last().is_some_and(|word| word == "--")
}
