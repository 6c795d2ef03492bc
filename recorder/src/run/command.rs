//! The command under observation. It is started, waited for and never signalled.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result, bail};
use rustix::fs::Access;

/// Where programs are looked for without PATH.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Looks the command up as the system will, so that one that cannot start leaves no recording behind.
///
/// # Errors
/// Where there is no such program, or it is not executable.
pub fn find_command(words: &[OsString]) -> Result<PathBuf> {
    let program = Path::new(words.first().context("the command is empty")?);
    let startable =
        |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    let named = program.as_os_str().as_encoded_bytes().contains(&b'/');
    let found = if named {
        Some(program.to_owned()).filter(|path| startable(path))
    } else {
        let directories = std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
        std::env::split_paths(&directories)
            .map(|directory| directory.join(program))
            .find(|path| startable(path))
    };
    match found {
        Some(path) => Ok(path),
        None if named && program.exists() => bail!(
            "cannot start {}: it is not an executable file; hint: name a program (chmod +x for a script)",
            program.display()
        ),
        None => bail!(
            "cannot start {}: there is no such program; hint: check the path, or PATH",
            program.display()
        ),
    }
}

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
