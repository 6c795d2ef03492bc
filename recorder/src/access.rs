//! Whether a directory can be written: asked before anything depends on it, and without writing.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

/// Whether the calling thread may create and remove files in `directory`, with the user and the
/// capabilities that it has now.
///
/// # Errors
/// The kernel's reason.
pub(crate) fn check_writable(directory: &Path) -> io::Result<()> {
    // Not `access`, which asks for the real user without capabilities.
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, directory, wanted, AtFlags::EACCESS)?)
}
