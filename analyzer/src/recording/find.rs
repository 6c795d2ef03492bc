//! The recordings that a path leads to: itself, or those that are in it.

use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::recording::JOURNAL_DIRECTORY;
use soakbox_schemas::tables::Table;

/// The path itself, or the recordings in the directory, by name. A directory that has no recordings
/// either is returned, so that opening it gives the reason.
///
/// # Errors
/// Where the directory cannot be listed.
pub fn find(path: &Path) -> Result<Vec<PathBuf>> {
    if is_recording(path) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| Failure::path(path, plain_io_error(&error));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_recording(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        found.push(path.to_owned());
    }
    Ok(found)
}

/// Whether the directory of a table or of journals is in it.
pub(super) fn is_recording(path: &Path) -> bool {
    let tables = Table::ALL;
    let names = tables.iter().map(Table::name).chain([JOURNAL_DIRECTORY]);
    names.into_iter().any(|name| path.join(name).is_dir())
}
