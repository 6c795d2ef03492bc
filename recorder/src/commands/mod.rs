//! The commands, one file each: from the command line to an answer or a recording. Which operations
//! are observed, and how, is decided by `resolve`, never here.

pub mod check;
pub mod probes;
pub mod record;
pub mod recover;
pub mod replay;
pub mod runs;

use std::process::ExitCode;

use anyhow::Result;
use soakbox_cli::{EXIT_FAILURE, Failure};

use crate::cli::Command;
use crate::message;

/// Runs a command and returns the exit status.
///
/// # Errors
/// The failure, in words for the person who typed the command.
pub fn run(command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Record(arguments) => return as_message(record::run(&arguments).map_err(failure)),
        Command::Runs(arguments) => return runs::run(&arguments).map_err(failure),
        Command::Check(arguments) => check::run(&arguments),
        Command::Probes(arguments) => probes::run(&arguments),
        Command::Recover(arguments) => recover::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
    };
    done.map(|()| ExitCode::SUCCESS).map_err(failure)
}

/// Reports a failure in the form of the other messages, where that is not text.
fn as_message(done: Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    match done {
        Err(failure) if message::is_json() => {
            message::error(&failure.to_string());
            Ok(ExitCode::from(EXIT_FAILURE))
        }
        done => done,
    }
}

/// A [`Failure`] is kept as it is; any other error becomes one that shows its causes.
fn failure(error: anyhow::Error) -> Failure {
    error
        .downcast()
        .unwrap_or_else(|error| Failure::chain(error.as_ref()))
}
