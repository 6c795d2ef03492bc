//! Shows a file that was written in the program that the desktop has for it.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use soakbox_cli::{Failure, Result, plain_io_error};

/// The program that opens files.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};
/// An opener that fails does so within this time; one that goes on may be the browser itself.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is asked whether it ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Shows the file.
///
/// # Errors
/// Where the opener cannot be run, or ends with a failure.
pub(super) fn show(path: &Path) -> Result<()> {
    let failed = |reason: String| {
        Failure::path(path, format_args!("is written, but {OPENER} {reason}"))
            .hint("open it in a browser")
    };
    // A name that begins with a dash would be an option.
    let whole = std::fs::canonicalize(path).map_err(|error| failed(plain_io_error(&error)))?;
    let mut opener = Command::new(OPENER)
        .arg(whole)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {}", plain_io_error(&error))))?;
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        match opener.try_wait() {
            Ok(None) => std::thread::sleep(PAUSE),
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(failed(ended(status))),
            Err(error) => return Err(failed(plain_io_error(&error))),
        }
    }
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => "was ended by a signal".to_owned(),
    }
}
