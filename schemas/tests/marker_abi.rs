//! Tests of the marker ABI, as a tool sees it: `soakbox.h` and `marker!` leave the same notes and
//! the same instructions at each site, whatever the language, the optimisation and the number of
//! files that declare an operation.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test file's helpers are tests too")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use soakbox_schemas::marker;
use soakbox_schemas::marker::{BEGIN_SUFFIX, FINISH_SUFFIX, PROVIDER};

marker!(IN_RUST = "in_rust");

const BEGIN_ARGUMENTS: &str = "8@%rdi";
const FINISH_ARGUMENTS: &str = "8@%rdi -8@%rsi -4@%edx";

#[test]
fn c_and_cxx_leave_one_pair_of_notes_per_operation() {
    let directory = tempfile::tempdir().unwrap();
    for (c, cxx) in [("gcc", "g++"), ("clang", "clang++")] {
        if Command::new(c).arg("--version").output().is_err() {
            skip(&format!("needs {c}: not installed"));
            continue;
        }
        for flags in [
            &["-O0"][..],
            &["-O2"],
            &["-O3", "-fPIE"],
            &["-O2", "-flto"],
            &["-Os", "-ffunction-sections", "-Wl,--gc-sections"],
        ] {
            if !links(directory.path(), c, flags) {
                skip(&format!("needs {c} to link with {flags:?}: it cannot"));
                continue;
            }
            for (compiler, first) in [(c, "first.c"), (cxx, "first.cpp")] {
                let program = compile(directory.path(), c, compiler, first, flags);
                let run = Command::new(&program).output().unwrap();
                assert!(run.status.success(), "{compiler} {flags:?}");
                assert_eq!(String::from_utf8_lossy(&run.stdout), "1000000\n");
                let sites = Sites::read(&program);
                let names: Vec<&str> = sites.notes.iter().map(|note| &*note.name).collect();
                assert_eq!(
                    names,
                    [
                        "only_here__begin",
                        "only_here__finish",
                        "shared_operation__begin",
                        "shared_operation__finish"
                    ],
                    "{compiler} {flags:?}"
                );
                sites.check();
            }
        }
    }
}

#[test]
fn rust_leaves_the_same_notes_in_this_very_binary() {
    IN_RUST.begin().finish(1, true);
    drop(IN_RUST.begin_token(7));
    let sites = Sites::read(&std::env::current_exe().unwrap());
    let names: Vec<&str> = sites.notes.iter().map(|note| &*note.name).collect();
    assert_eq!(
        names,
        [
            format!("in_rust{BEGIN_SUFFIX}"),
            format!("in_rust{FINISH_SUFFIX}")
        ]
    );
    sites.check();
}

/// Reports a skip on the real stderr, which libtest does not capture. With
/// `SOAKBOX_REQUIRE_TOOLS=1` a skip is a failure.
fn skip(reason: &str) {
    let required = std::env::var_os("SOAKBOX_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "SOAKBOX_REQUIRE_TOOLS=1, but {reason}");
    let thread = std::thread::current();
    let line = format!("skipped: {} {reason}\n", thread.name().unwrap_or_default());
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether a program without markers links at all: the link-time optimisation of clang needs a
/// plugin, which may be missing.
fn links(directory: &Path, c: &str, flags: &[&str]) -> bool {
    let source = directory.join("empty.c");
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let mut command = Command::new(c);
    command.args(flags).arg("-o").arg(directory.join("empty"));
    command.arg(&source).output().unwrap().status.success()
}

fn compile(directory: &Path, c: &str, compiler: &str, first: &str, flags: &[&str]) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let object = directory.join("second.o");
    let program = directory.join("program");
    let usual = ["-Wall", "-Wextra", "-Werror", "-g0", "-I"];
    let mut commands = [Command::new(c), Command::new(compiler)];
    for command in &mut commands {
        if c == "clang" {
            command.arg("-Qunused-arguments");
        }
        command
            .args(usual)
            .arg(manifest.join("include"))
            .args(flags);
    }
    let [second, both] = &mut commands;
    second
        .args(["-c", "-o"])
        .arg(&object)
        .arg(manifest.join("tests/abi/second.c"));
    both.arg("-o")
        .arg(&program)
        .arg(manifest.join("tests/abi").join(first))
        .arg(&object);
    for command in [second, both] {
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{command:?}:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    program
}

/// A stapsdt note.
#[derive(Debug)]
struct Note {
    location: u64,
    provider: String,
    name: String,
    arguments: String,
}

/// The notes of a 64-bit little-endian ELF file, by name, and the bytes of the file, which has
/// their sites.
#[derive(Debug)]
struct Sites {
    file: Vec<u8>,
    notes: Vec<Note>,
}

impl Sites {
    fn read(program: &Path) -> Self {
        let file = fs::read(program).unwrap();
        let section = section(&file, ".note.stapsdt").expect("a section of notes");
        let mut notes = Vec::new();
        let mut rest = section;
        while !rest.is_empty() {
            let [name_size, size] = [0, 4].map(|at| u32_at(rest, at) as usize);
            assert_eq!(u32_at(rest, 8), 3, "version of the note");
            assert_eq!(&rest[12..12 + name_size], b"stapsdt\0");
            let body = 12 + name_size.next_multiple_of(4);
            let (fixed, text) = rest[body..body + size].split_at(24);
            assert_eq!(&fixed[8..], [0; 16], "no base, no semaphore");
            let mut texts = text.split(|byte| *byte == 0);
            let mut text = || String::from_utf8(texts.next().unwrap().to_vec()).unwrap();
            notes.push(Note {
                location: u64_at(fixed, 0),
                provider: text(),
                name: text(),
                arguments: text(),
            });
            rest = &rest[(body + size).next_multiple_of(4)..];
        }
        notes.sort_by(|a, b| a.name.cmp(&b.name));
        Self { file, notes }
    }

    /// Each site is a 1-byte nop, a 5-byte nop, then ret, and its note has the places of the
    /// arguments.
    fn check(&self) {
        for note in &self.notes {
            assert_eq!(note.provider, PROVIDER);
            let expected = if note.name.ends_with(BEGIN_SUFFIX) {
                BEGIN_ARGUMENTS
            } else {
                FINISH_ARGUMENTS
            };
            assert_eq!(note.arguments, expected);
            let at = file_offset(&self.file, note.location);
            let site = &self.file[at..at + 7];
            assert_eq!(site, [0x90, 0x0f, 0x1f, 0x44, 0, 0, 0xc3], "{}", note.name);
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn section<'a>(file: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let headers = u64_at(file, 0x28) as usize;
    let (size, count, names) = (
        u16_at(file, 0x3a) as usize,
        u16_at(file, 0x3c) as usize,
        u16_at(file, 0x3e) as usize,
    );
    let header = |index: usize| &file[headers + index * size..][..size];
    let content =
        |header: &[u8]| &file[u64_at(header, 24) as usize..][..u64_at(header, 32) as usize];
    let names = content(header(names));
    (0..count).map(header).find_map(|header| {
        let name = &names[u32_at(header, 0) as usize..];
        (name.starts_with(wanted.as_bytes()) && name[wanted.len()] == 0).then(|| content(header))
    })
}

/// File offset of the byte at a virtual address, by the program headers.
fn file_offset(file: &[u8], address: u64) -> usize {
    let headers = u64_at(file, 0x20) as usize;
    let (size, count) = (u16_at(file, 0x36) as usize, u16_at(file, 0x38) as usize);
    (0..count)
        .map(|index| &file[headers + index * size..][..size])
        .filter(|header| u32_at(header, 0) == 1)
        .find_map(|header| {
            let inside = address.checked_sub(u64_at(header, 16))?;
            (inside < u64_at(header, 32)).then(|| (u64_at(header, 8) + inside) as usize)
        })
        .expect("the site is in a loaded segment")
}
