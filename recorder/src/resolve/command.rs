//! Finds the program that a command names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::Access;

/// The directories that are searched if PATH is not set.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Looks the program up as exec will, so that a command that cannot start leaves no recording
/// behind.
///
/// # Errors
/// Where there is no such program, or it is not executable.
pub(super) fn find_command(words: &[OsString]) -> Result<PathBuf> {
    let empty = "the command after -- is empty; hint: name a program, or leave -- out";
    let program = Path::new(words.first().context(empty)?);
    if program.as_os_str().is_empty() {
        bail!(empty);
    }
    let startable =
        |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    let has_slash = program.as_os_str().as_encoded_bytes().contains(&b'/');
    let found = if has_slash {
        Some(program.to_owned()).filter(|path| startable(path))
    } else {
        let directories = std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
        std::env::split_paths(&directories)
            .map(|directory| directory.join(program))
            .find(|path| startable(path))
    };
    match found {
        Some(path) => Ok(path),
        None if has_slash && program.exists() => bail!(
            "cannot start {}: it is not an executable file; hint: name a program (chmod +x for a script)",
            program.display()
        ),
        None => bail!(
            "cannot start {}: there is no such program; hint: check the path, or PATH",
            program.display()
        ),
    }
}
