//! The commands, one file each: what was typed becomes an answer or a recording. No command decides
//! what is observed or how; that is for `resolve` and the rooms behind it.

pub mod check;
pub mod probes;
pub mod record;
pub mod recover;
pub mod replay;

use anyhow::Result;
use soakbox_cli::Failure;

use crate::cli::Command;

/// Runs a command to its end.
///
/// # Errors
/// The one thing that went wrong, for the person who typed the command.
pub fn run(command: Command) -> Result<(), Failure> {
    let done = match command {
        Command::Record(arguments) => record::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Probes(arguments) => probes::run(&arguments),
        Command::Recover(arguments) => recover::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
    };
    done.map_err(failure)
}

/// A failure keeps what it knows; any other error is shown with its causes.
fn failure(error: anyhow::Error) -> Failure {
    error
        .downcast()
        .unwrap_or_else(|error| Failure::chain(error.as_ref()))
}
