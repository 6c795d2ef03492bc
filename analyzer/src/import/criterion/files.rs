//! The sample files of a directory of Criterion, and the benchmark of each, which is its path.

use std::io;
use std::path::{Path, PathBuf};

/// The most files and directories that are looked at.
const MOST_ENTRIES: usize = 100_000;
/// A sample file of the latest run, below the directory of its benchmark.
const NEW: &str = "new";
const SAMPLE: &str = "sample.json";
/// The directory in which cargo has those of all benchmarks.
const ALL: &str = "criterion";

/// The files with their benchmarks, in the order of their paths. A path that is no directory is itself.
pub(in super::super) fn files(path: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    if !path.is_dir() {
        let of_file = path.parent();
        let parts = match of_file.is_some_and(|directory| directory.ends_with(NEW)) {
            true => of_file.and_then(Path::parent),
            false => of_file,
        };
        let parts: Vec<String> = parts.map(names).unwrap_or_default();
        let after = parts
            .iter()
            .rposition(|part| part == ALL)
            .map(|place| place + 1);
        // Without that directory its last one has to do.
        let from = after.unwrap_or(parts.len().saturating_sub(1));
        let name = parts.get(from..).unwrap_or_default().join("/");
        let name = if name.is_empty() {
            ALL.to_owned()
        } else {
            name
        };
        return Ok(vec![(path.to_owned(), name)]);
    }
    let (mut found, mut left, mut seen) = (Vec::new(), vec![path.to_owned()], 0);
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            seen += 1;
            if seen > MOST_ENTRIES {
                return Err(io::Error::other("it has more than 100,000 entries"));
            }
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            } else if entry.file_name() == SAMPLE && directory.ends_with(NEW) {
                let benchmark = directory
                    .parent()
                    .and_then(|parent| parent.strip_prefix(path).ok());
                let name = benchmark.map(names).unwrap_or_default().join("/");
                found.push((
                    entry.path(),
                    if name.is_empty() {
                        ALL.to_owned()
                    } else {
                        name
                    },
                ));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn names(path: &Path) -> Vec<String> {
    let parts = path.components();
    parts
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_are_named_by_their_directories() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "b/new/sample.json",
            "a/f/10/new/sample.json",
            "a/f/10/base/sample.json",
            "a/report/x.svg",
        ] {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
        }
        let found = files(root.path()).unwrap();
        let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["a/f/10", "b"]);
        let one = |path: &str| files(Path::new(path)).unwrap().remove(0).1;
        assert_eq!(one("x/target/criterion/a/f/new/sample.json"), "a/f");
        assert_eq!(one("f/new/sample.json"), "f");
        assert_eq!(one("messages.json"), "criterion");
        assert_eq!(one("-"), "criterion");
        assert!(files(&root.path().join("b/new")).is_ok());
    }
}
