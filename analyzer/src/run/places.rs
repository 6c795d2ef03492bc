//! The directories that an argument of `sql` names: one, or those that a pattern fits.

use std::path::{Component, Path, PathBuf};

use soakbox_cli::{Failure, Result};
use wildmatch::WildMatch;

/// Most directories of one pattern.
const MOST_PLACES: usize = 10_000;

/// The directories. A path that exists is itself, whatever characters it has.
pub(super) fn places(argument: &Path) -> Result<Vec<PathBuf>> {
    if argument.exists() || !is_pattern(argument) {
        return Ok(vec![argument.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for part in argument.components() {
        found = match part {
            Component::Normal(name) if is_pattern(Path::new(name)) => {
                let pattern = WildMatch::new(&name.to_string_lossy());
                found
                    .iter()
                    .flat_map(|directory| matching(directory, &pattern))
                    .take(MOST_PLACES)
                    .collect()
            }
            other => found
                .into_iter()
                .map(|directory| directory.join(other))
                .collect(),
        };
    }
    found.retain(|place| place.is_dir());
    found.sort();
    if found.is_empty() {
        return Err(Failure::path(argument, "no directory fits this pattern"));
    }
    Ok(found)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?'])
}

/// The entries of a directory that fit; as in a shell, a hidden one fits a pattern with a dot only.
fn matching(directory: &Path, pattern: &WildMatch) -> Vec<PathBuf> {
    let listed = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let entries = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let fitting = names.filter(|name| {
        let name = name.to_string_lossy();
        pattern.matches(&name) && (!name.starts_with('.') || pattern.to_string().starts_with('.'))
    });
    fitting.map(|name| directory.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_directories_in_order() {
        let root = tempfile::tempdir().unwrap();
        for name in ["run-2/a", "run-1/a", "run-10/b", "other/a", ".run-3/a"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join("run-9"), "a file").unwrap();
        let found = |pattern: &str| -> Vec<String> {
            let found = places(&root.path().join(pattern)).unwrap_or_default();
            let names = found
                .iter()
                .map(|path| path.strip_prefix(root.path()).unwrap());
            names
                .map(|path| path.to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(found("run-*"), ["run-1", "run-10", "run-2"]);
        assert_eq!(found("run-?/a"), ["run-1/a", "run-2/a"]);
        assert_eq!(found("*/b"), ["run-10/b"]);
        assert!(places(&root.path().join("no-*")).is_err());
        // A path without a pattern is not looked for.
        assert_eq!(found("missing"), ["missing"]);
    }
}
