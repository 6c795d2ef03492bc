//! `record`: from the arguments to a plan, and from the plan to a recording.

use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::cli::{self, PROGRAM};
use crate::{resolve, run};

/// Records until there is a reason to stop.
///
/// # Errors
/// Where the arguments make no plan, or the recording cannot be made.
pub fn run(arguments: &cli::Record) -> Result<()> {
    if arguments.run.is_empty() && ends_in_a_command(std::env::args_os()) {
        bail!("the command after -- is empty; hint: name a program, or leave -- out");
    }
    let plan = resolve::record(arguments)?;
    for warning in &plan.warnings {
        PROGRAM.say(format_args!("warning: {warning}"));
    }
    run::record(&plan)
}

/// Whether the words end where a command should begin: an argument parser does not tell `--` with
/// nothing after it from no `--`.
fn ends_in_a_command(words: impl Iterator<Item = OsString>) -> bool {
    words.last().is_some_and(|word| word == "--")
}
