//! A file that is not a program is refused at once and in little memory, whichever kind it is.

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the recorder with at most ten seconds and 1 GB of address space; returns its one line.
fn refused(arguments: &[&str]) -> String {
    let limited = "ulimit -v 1000000; exec timeout 10 \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_soakbox-recorder")])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    assert!(stderr.contains("; hint: "), "{stderr}");
    stderr
}

/// Runs every command that reads a program on this file; each message must contain `expected`.
fn all_refuse(path: &Path, expected: &str) {
    let file = path.display().to_string();
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("recording").display().to_string();
    for kind in ["uprobe", "marker"] {
        let probe = format!("op={kind}:{file}:main");
        for arguments in [
            &["check", "--op", &probe][..],
            &["record", "-o", &root, "--op", &probe],
            &["record", "-o", &root, "--op", &probe, "--", "true"],
            &["probes", &file],
        ] {
            let line = refused(arguments);
            assert!(line.contains(&file) && line.contains(expected), "{line}");
        }
    }
    assert!(!Path::new(&root).exists(), "{file}");
}

#[test]
fn devices_directories_sockets_and_fifos() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), mode).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    std::os::unix::fs::symlink(at("fifo"), at("link")).unwrap();
    for (path, kind) in [
        (at("fifo"), "it is a FIFO"),
        (at("link"), "it is a FIFO"),
        (at("socket"), "it is a socket"),
        (directory.path().into(), "it is a directory"),
        (PathBuf::from("/dev/zero"), "it is a device"),
        (PathBuf::from("/dev/null"), "it is a device"),
        (PathBuf::from("/dev/tty"), "it is a device"),
    ] {
        // A symbolic link is shown by its own name or by that of its file.
        let path = if path.is_symlink() {
            path.canonicalize().unwrap()
        } else {
            path
        };
        all_refuse(&path, &format!("{kind}, not a regular file"));
    }
}

#[test]
fn files_without_a_program_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &[u8], size: Option<u64>| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        if let Some(size) = size {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(size).unwrap();
        }
        path
    };
    let mut program = vec![0; 64];
    program[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    (program[16], program[18], program[20]) = (3, 62, 1);
    let mut core = program.clone();
    core[16] = 4;
    for (path, expected) in [
        (at("empty", b"", None), "it is empty"),
        (at("script", b"#!/bin/sh\n", None), "it is a script"),
        (at("image", b"", Some(1 << 40)), "ELF magic"),
        (at("cut", &program[..20], None), "damaged"),
        (at("core", &core, Some(1 << 40)), "a core dump"),
        (at("huge", &program, Some(1 << 40)), "larger than 4 GiB"),
        // Smaller than the largest program that is read, and larger than the available memory.
        (at("large", &program, Some(3 << 30)), "memory"),
    ] {
        all_refuse(&path, expected);
    }
}
