//! The command under observation. It is started, waited for and never signalled.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result};

/// Starts `words`; its input and output are the recorder's own.
pub(super) fn start(words: &[OsString]) -> Result<Child> {
    let (program, arguments) = words.split_first().context("the command is empty")?;
    let started = Command::new(program).args(arguments).spawn();
    started.map_err(|error| {
        anyhow::anyhow!(
            "cannot start {}: {error}; hint: check the path, and that it is executable",
            program.display()
        )
    })
}

/// How it ended, in words.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}
