//! A stripped program whose symbols are in a file of their own, or compressed in a section: its
//! functions have their names, and are observed at the same places as before.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{host, recorder, targets};
use serde_json::Value;

fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory);
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// What `check` answers about `op` of `program`.
fn check(program: &Path) -> Value {
    let operation = format!("op=uprobe:{}:op", program.display());
    let (_, json, stderr) = recorder::run(&["check", "--op", &operation, "--format", "json"]);
    serde_json::from_str(&json).unwrap_or_else(|_| panic!("{stderr}"))
}

#[test]
fn a_stripped_program_is_observed_by_the_names_of_its_symbols_file() {
    for (source, flags) in [
        ("ops.c", &["-Wl,--build-id"][..]),
        ("exceptions.cpp", &["-Wl,--build-id"]),
        ("ops.c", &["-Wl,--build-id=none"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::copy(targets::build(source, flags), at("program")).unwrap();
        let whole = check(&at("program"));
        assert_eq!(whole["refused"], serde_json::json!([]));
        assert!(whole["probes"][0].get("symbols_file").is_none());
        let here = directory.path();
        run(
            here,
            "objcopy",
            &["--only-keep-debug", "program", "program.debug"],
        );
        run(here, "strip", &["program"]);
        run(
            here,
            "objcopy",
            &["--add-gnu-debuglink=program.debug", "program"],
        );
        let apart = check(&at("program"));
        let symbols = at("program.debug").display().to_string();
        assert_eq!(apart["probes"][0]["symbols_file"], symbols.as_str());
        for key in ["begins", "finishes", "aliases", "copies", "warnings"] {
            assert_eq!(apart["probes"][0][key], whole["probes"][0][key], "{key}");
        }
        let listed = recorder::json(&["probes", &at("program").display().to_string()]);
        assert_eq!(listed["stripped"], false);
        assert_eq!(listed["symbols_file"], symbols.as_str());
        let functions = listed["functions"].as_array().unwrap();
        assert!(functions.iter().any(|function| function["name"] == "op"));

        // The symbols of another build are those of another program.
        let other = targets::build("cpu.c", flags);
        fs::copy(other, at("program.debug")).unwrap();
        let refused = check(&at("program"));
        let reason = refused["refused"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("has no function 'op'"), "{reason}");
        let listed = recorder::json(&["probes", &at("program").display().to_string()]);
        assert_eq!(listed["stripped"], true);
        assert!(listed.get("symbols_file").is_none());
    }
}

/// Leaves the names of functions in the program as Fedora's packages do (`find-debuginfo`, and the
/// manual of gdb): `.gnu_debugdata` has those that `.dynsym` does not have.
const SHRINK: &str = r#"
    nm -D program --format=posix --defined-only | cut -d' ' -f1 | sort > exported
    nm program --format=posix --defined-only | awk '$2 ~ /^[TtD]$/ { print $1 }' | sort > names
    comm -13 exported names > kept
    objcopy --only-keep-debug program debug
    objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=kept debug small
    strip --strip-all -R .comment program
    xz -f small
    objcopy --add-section .gnu_debugdata=small.xz program
"#;

#[test]
fn a_stripped_program_is_observed_by_the_names_that_its_own_section_has() {
    if !host::has_tool("xz") {
        return;
    }
    for (source, flags) in [
        ("ops.c", &["-Wl,--build-id"][..]),
        ("exceptions.cpp", &["-Wl,--build-id", "-rdynamic"]),
        ("ops.c", &["-Wl,--build-id=none"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::copy(targets::build(source, flags), &program).unwrap();
        let whole = check(&program);
        run(directory.path(), "sh", &["-ec", SHRINK]);
        let shrunk = check(&program);
        assert_eq!(shrunk["probes"][0]["symbols_section"], ".gnu_debugdata");
        for key in ["begins", "finishes", "aliases", "copies", "warnings"] {
            assert_eq!(shrunk["probes"][0][key], whole["probes"][0][key], "{key}");
        }
        let listed = recorder::json(&["probes", &program.display().to_string()]);
        assert_eq!(listed["stripped"], false);
        assert_eq!(listed["symbols_section"], ".gnu_debugdata");
        let (_, text, _) = recorder::run(&["probes", &program.display().to_string()]);
        assert!(text.contains("the symbols are those of the section .gnu_debugdata"));
        assert!(!text.contains("stripped"), "{text}");

        // Damaged, it names nothing.
        let mut damaged = fs::read(directory.path().join("small.xz")).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(directory.path().join("small.xz"), damaged).unwrap();
        let update = ["--update-section", ".gnu_debugdata=small.xz", "program"];
        run(directory.path(), "objcopy", &update);
        let listed = recorder::json(&["probes", &program.display().to_string()]);
        assert_eq!(listed["stripped"], true);
        assert!(listed.get("symbols_section").is_none());
    }
}
