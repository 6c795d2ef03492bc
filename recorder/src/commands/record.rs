//! `record`: from the arguments to a plan, and from the plan to a recording.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::run::{self, Outcome};
use crate::{cli, message, resolve};

/// Exit status after a second signal: the one that a shell gives for SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

/// Records until a signal, the end of the command or the duration; returns the exit status.
///
/// # Errors
/// Where the arguments are not a valid plan, or the recording cannot be made.
pub fn run(arguments: &cli::Record) -> Result<ExitCode> {
    if arguments.words.is_empty() && is_command_missing(std::env::args_os()) {
        bail!("the command after -- is empty; hint: name a program, or leave -- out");
    }
    message::set_format(arguments.log_format.unwrap_or_default());
    let plan = resolve::record(arguments)?;
    message::set_format(plan.log_format);
    for left_out in &plan.left_out {
        message::line(format_args!("warning: left out: {}", left_out));
    }
    for warning in &plan.warnings {
        message::line(format_args!("warning: {warning}"));
    }
    Ok(match run::record_alone(plan)? {
        Outcome::Complete(_) => ExitCode::SUCCESS,
        Outcome::EndedAtOnce => ExitCode::from(INTERRUPTED),
    })
}

/// Whether the last word is `--`. The argument parser does not tell a `--` with nothing after it
/// from no `--`.
fn is_command_missing(words: impl Iterator<Item = OsString>) -> bool {
    words.last().is_some_and(|word| word == "--")
}
