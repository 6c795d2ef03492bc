//! A program from its command line to its exit status: parse, run, report the error in one line.

use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory, Parser};

use crate::failure::{Failure, Result};
use crate::{message, usage};

/// Colours of `--help`, on a terminal only.
pub const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A program, by the prefix of its messages.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Text before each of its messages, such as `soakbox-recorder: `.
    pub prefix: &'static str,
}

impl Program {
    /// Parses the command line, runs `start` and reports its failure. The texts of `--help` and
    /// `--version` are answers: a failure to write them to stdout is reported too.
    pub fn run<P, E>(self, start: impl FnOnce(P) -> std::result::Result<ExitCode, E>) -> ExitCode
    where
        P: Parser + CommandFactory,
        E: Into<Failure>,
    {
        match parse::<P>() {
            Ok(Some(arguments)) => match start(arguments) {
                Ok(code) => code,
                Err(error) => self.report(&error.into()),
            },
            Ok(None) => ExitCode::SUCCESS,
            Err(failure) => self.report(&failure),
        }
    }

    /// Writes a line for the person at the terminal or the log.
    pub fn message(self, text: std::fmt::Arguments<'_>) {
        message::line(format_args!("{}{text}", self.prefix));
    }

    fn report(self, failure: &Failure) -> ExitCode {
        if failure.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        self.message(format_args!("error: {failure}"));
        ExitCode::from(failure.status())
    }
}

/// The arguments; `None` where clap has printed the answer (`--help`, `--version`).
fn parse<P: Parser + CommandFactory>() -> Result<Option<P>> {
    match P::try_parse() {
        Ok(arguments) => Ok(Some(arguments)),
        Err(error) if error.use_stderr() => {
            let first = std::env::args_os().nth(1).unwrap_or_default();
            Err(usage::usage_failure(
                &P::command(),
                &error,
                &first.to_string_lossy(),
            ))
        }
        Err(help) => match print_help(&help) {
            Ok(()) => Ok(None),
            Err(error) => Err(crate::answer::unwritable(&error)),
        },
    }
}

/// Standard output buffers lines: only a flush shows whether the last one was written.
fn print_help(help: &clap::Error) -> std::io::Result<()> {
    help.print()?;
    std::io::Write::flush(&mut std::io::stdout())
}
