//! The sample files of a directory of Criterion, and the benchmark of each: its full name, which
//! Criterion writes next to the samples, or else its path.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::refusal::Refusal;

/// The most files and directories that are looked at.
const MOST_ENTRIES: usize = 100_000;
/// The directories of the latest run and of the one before, below that of their benchmark.
const NEW: &str = "new";
const BASE: &str = "base";
const SAMPLE: &str = "sample.json";
/// The file with the name of the benchmark, and its longest length, bytes.
const BENCHMARK: &str = "benchmark.json";
const LONGEST: u64 = 1 << 20;
/// The directory in which cargo has those of all benchmarks.
const ALL: &str = "criterion";

/// What is read of a benchmark's file: names of directories are cut, and some letters replaced.
#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// The files with their benchmarks, in the order of their paths. A path that is no directory is itself.
///
/// # Errors
/// Where a directory or the name of a benchmark cannot be read.
pub(in super::super) fn files(path: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    if !path.is_dir() {
        let name = match full_name(path)? {
            Some(name) => name,
            None => name_of_file(path),
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
                let name = joined(&benchmark.map(names).unwrap_or_default());
                found.push((entry.path(), name));
            }
        }
    }
    found.sort();
    let full: io::Result<Vec<_>> = found.iter().map(|(path, _)| full_name(path)).collect();
    let full = full?;
    let mut counts: HashMap<&String, usize> = HashMap::new();
    for name in full.iter().flatten() {
        *counts.entry(name).or_default() += 1;
    }
    for ((_, name), full) in found.iter_mut().zip(&full) {
        // Of benchmarks with the same name only the directories differ.
        if let Some(full) = full.as_ref().filter(|full| counts.get(full) == Some(&1)) {
            name.clone_from(full);
        }
    }
    Ok(found)
}

/// Why nothing is imported of a directory without samples.
pub(in super::super) fn without_files() -> Refusal {
    Refusal::from("has no new/sample.json in any directory").hint(
        "`cargo bench` writes them; cargo-criterion does not: import what \
         `cargo criterion --message-format=json` prints",
    )
}

/// The name of the benchmark of a sample file as Criterion has it; `None` where it wrote none.
fn full_name(path: &Path) -> io::Result<Option<String>> {
    if !path.ends_with(SAMPLE) {
        return Ok(None);
    }
    let path = path.with_file_name(BENCHMARK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    match serde_json::from_slice::<Benchmark>(&text) {
        Ok(benchmark) => Ok(Some(benchmark.full_id).filter(|name| !name.is_empty())),
        Err(_) => {
            let shown = path.display().to_string().escape_debug().to_string();
            let reason = format!("{shown} has no name of a benchmark (full_id)");
            Err(io::Error::other(reason))
        }
    }
}

/// The name of a file by its directories: those below `criterion`, or its own one.
fn name_of_file(path: &Path) -> String {
    let of_file = path.parent();
    let is_run = of_file.is_some_and(|parent| parent.ends_with(NEW) || parent.ends_with(BASE));
    let parts = match is_run {
        true => of_file.and_then(Path::parent),
        false => of_file,
    };
    let parts: Vec<String> = parts.map(names).unwrap_or_default();
    let after = parts.iter().rposition(|part| part == ALL);
    // Without that directory its last one has to do.
    let from = after.map_or(parts.len().saturating_sub(1), |place| place + 1);
    joined(parts.get(from..).unwrap_or_default())
}

fn joined(parts: &[String]) -> String {
    match parts.join("/") {
        name if name.is_empty() => ALL.to_owned(),
        name => name,
    }
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
        assert_eq!(one("x/target/criterion/a/f/base/sample.json"), "a/f");
        assert!(files(&root.path().join("b/new")).is_ok());
    }

    /// As Criterion 0.5 writes it: the directory of `sum/of: bytes` is `sum_of_ bytes`.
    #[test]
    fn the_full_name_is_that_of_criterion_and_not_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let benchmark = |full_id: &str| format!(r#"{{"group_id":"g","full_id":{full_id:?}}}"#);
        let write = |directory: &str, benchmark: &str| {
            let directory = root.path().join(directory);
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("sample.json"), "{}").unwrap();
            std::fs::write(directory.join("benchmark.json"), benchmark).unwrap();
        };
        for run in ["new", "base"] {
            let directory = format!("sum_of_ bytes/64/{run}");
            write(&directory, &benchmark("sum/of: bytes/64"));
        }
        write("a/b/new", &benchmark("a/b"));
        write("a_b/new", &benchmark("a/b"));
        let found = |path: &Path| -> Vec<String> {
            let found = files(path).unwrap();
            found.into_iter().map(|(_, name)| name).collect()
        };
        // Two benchmarks of one name are not one operation.
        assert_eq!(found(root.path()), ["a/b", "a_b", "sum/of: bytes/64"]);
        // The run before has the same name, so that both can be compared.
        let base = root.path().join("sum_of_ bytes/64/base/sample.json");
        assert_eq!(found(&base), ["sum/of: bytes/64"]);
        write("c/new", "{");
        let refused = files(root.path()).unwrap_err().to_string();
        assert!(
            refused.contains("c/new/benchmark.json has no name"),
            "{refused}"
        );
    }
}
