//! The recorder's program: parses the command line and runs the command. What goes wrong goes to
//! stderr in one line, with exit status 2.

use std::process::ExitCode;

use soakbox_recorder::cli::{Cli, PROGRAM};
use soakbox_recorder::commands;

fn main() -> ExitCode {
    PROGRAM.run(|cli: Cli| commands::run(cli.command).map(|()| ExitCode::SUCCESS))
}
