//! The recorder's program: parses the command line and runs the command. An error is one line on
//! stderr, with exit status 2.

use std::process::ExitCode;

use soakbox_recorder::cli::Cli;
use soakbox_recorder::commands;
use soakbox_recorder::memory;
use soakbox_recorder::message::PROGRAM;

fn main() -> ExitCode {
    memory::set_up();
    PROGRAM.run(|cli: Cli| commands::run(cli.command))
}
