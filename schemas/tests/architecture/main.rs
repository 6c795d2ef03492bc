//! Tests of ARCHITECTURE.md: its maps match the imports, and the programs do not depend on each
//! other.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod imports;
mod kinds;
mod lexer;
mod map;
mod packages;
mod rules;
mod words;

use map::{confined, maps};
use rules::{Source, broken_imports, escaped_crates};
use std::fs;
use std::path::{Path, PathBuf};

/// Source folders that must have a map, with the names of their libraries.
const FOLDERS: [(&str, &str); 6] = [
    ("schemas/src", "soakbox_schemas"),
    ("cli/src", "soakbox_cli"),
    ("recorder/src", "soakbox_recorder"),
    ("analyzer/src", "soakbox_analyzer"),
    ("analyzer/statistics/src", "soakbox_statistics"),
    ("ebpf/src", "soakbox_ebpf"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// All Rust files below a folder, in order, without those that are unit tests as a whole.
fn sources(folder: &str) -> Vec<Source> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else if path.ends_with(".rs") && !path.ends_with("/tests.rs") {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn fail_with(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_import_is_in_the_map_and_the_map_has_no_others() {
    let maps = maps(&architecture());
    assert_eq!(maps.len(), FOLDERS.len(), "one map for each folder");
    let mut broken = Vec::new();
    for (folder, package) in FOLDERS {
        match maps.iter().find(|map| map.folder == folder) {
            Some(map) => broken.extend(broken_imports(map, package, &sources(folder))),
            None => broken.push(format!("ARCHITECTURE.md has no map of {folder}")),
        }
    }
    fail_with(&broken);
}

#[test]
fn a_confined_crate_is_used_in_its_places_only() {
    let confined = confined(&architecture());
    assert!(
        !confined.is_empty(),
        "ARCHITECTURE.md has no table of confined crates"
    );
    let all: Vec<Source> = FOLDERS
        .iter()
        .flat_map(|(folder, _)| sources(folder))
        .collect();
    fail_with(&escaped_crates(&confined, &all));
}

/// Everything else gets the time as an argument or through the `Clock` trait, so that tests can set
/// it.
#[test]
fn only_the_files_of_the_clocks_read_a_clock() {
    const READS: [&str; 4] = [
        "Instant::now",
        "SystemTime::now",
        "clock_gettime(",
        "Utc::now",
    ];
    let mut broken = Vec::new();
    let mut reading = Vec::new();
    for source in FOLDERS.iter().flat_map(|(folder, _)| sources(folder)) {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            if READS.iter().any(|read| line.contains(read)) {
                reading.push(source.path.clone());
                broken.push(format!("{}:{number}: reads a clock", source.path));
            }
        }
    }
    // The second one only shows a person how long a query took.
    for allowed in ["recorder/src/clock.rs", "analyzer/src/shell/stopwatch.rs"] {
        assert!(reading.iter().any(|path| path == allowed), "{allowed}");
        broken.retain(|line| !line.starts_with(allowed));
    }
    fail_with(&broken);
}
