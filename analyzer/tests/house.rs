//! What the two programs must never become: invariant 1 of ARCHITECTURE.md.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeSet;
use std::process::Command;

/// Names of everything that `package` is built from, on this platform (whose packages are all
/// there, offline).
fn built_from(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--prefix",
            "none",
            "--edges",
            "normal,build",
        ])
        .args(["--format", "{p}", "--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_analyzer_never_depends_on_aya_nor_the_recorder_on_datafusion() {
    let analyzer = built_from("soakbox-analyzer");
    let recorder = built_from("soakbox-recorder");
    let depends =
        |on: &BTreeSet<String>, start: &str| on.iter().any(|name| name.starts_with(start));
    assert!(depends(&analyzer, "datafusion") && depends(&recorder, "aya"));
    assert!(!depends(&analyzer, "aya") && !depends(&analyzer, "soakbox-recorder"));
    assert!(!depends(&recorder, "datafusion") && !depends(&recorder, "soakbox-analyzer"));
}
