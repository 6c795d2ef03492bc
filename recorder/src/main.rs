//! The recorder's program: parses, resolves to a plan, runs it. Errors go to stderr in one line, exit status 2.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use soakbox_recorder::cli::{Cli, Command, mistyped};
use soakbox_recorder::{check, listing, recovering, resolve, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return refuse(&mistyped(&error)),
        Err(answer) => {
            // --help or --version; a closed stdout is nobody's loss.
            let _ = answer.print();
            return ExitCode::SUCCESS;
        }
    };
    match start(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&one_line(&error)),
    }
}

fn refuse(reason: &str) -> ExitCode {
    run::say(format_args!("error: {reason}"));
    ExitCode::from(2)
}

fn start(command: Command) -> Result<()> {
    match command {
        Command::Record(arguments) => run::record(&resolve::record(&arguments)?),
        Command::Check(arguments) => check::run(&arguments),
        Command::Probes(arguments) => listing::run(&arguments),
        Command::Recover(arguments) => recovering::run(&arguments),
        Command::Replay(arguments) => run::replay(&resolve::replay(&arguments)?),
    }
}

/// The error and what caused it, each once.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line = if line.is_empty() {
                cause
            } else {
                format!("{line}: {cause}")
            };
        }
    }
    line.replace('\n', " ")
}
