//! The recorder's program: parses, resolves to a plan, runs it. Errors go to stderr in one line, exit status 2.

use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use soakbox_recorder::cli::{Cli, Command};
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

/// What clap says of a command line in several paragraphs, in one line.
fn mistyped(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.by_ref().take_while(|line| !line.is_empty());
    let said = first.collect::<Vec<_>>().join(" ");
    let reason = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "nothing was asked for",
        _ => said.strip_prefix("error: ").unwrap_or(&said),
    };
    // Clap's other tips propose to pass a mistyped flag as a value.
    let tip = lines
        .filter_map(|line| line.strip_prefix("tip: "))
        .find(|tip| tip.contains("similar"));
    let subcommand = std::env::args().nth(1).filter(|word| {
        Cli::command()
            .get_subcommands()
            .any(|known| known.get_name() == word)
    });
    match (tip, subcommand) {
        (Some(tip), _) => format!("{reason}; hint: {tip}"),
        (None, Some(name)) => format!("{reason}; hint: see soakbox-recorder {name} --help"),
        (None, None) => format!("{reason}; hint: see soakbox-recorder --help"),
    }
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
