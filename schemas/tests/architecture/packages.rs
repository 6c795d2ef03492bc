//! Tests of the dependencies between packages: invariant 1 of ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::process::Command;

/// Names of everything that `package` is built from on this platform, itself included.
fn built_from(manifest: &str, package: &str) -> BTreeSet<String> {
    // `--offline`: the packages of this platform are all there, since this test was built.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["--edges", "normal,build", "--format", "{p}"])
        .args(["--package", package, "--manifest-path", manifest])
        .current_dir(super::root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{package}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_analyzer_never_depends_on_aya_nor_the_recorder_on_datafusion() {
    let analyzer = built_from("Cargo.toml", "soakbox-analyzer");
    let recorder = built_from("Cargo.toml", "soakbox-recorder");
    let depends =
        |on: &BTreeSet<String>, start: &str| on.iter().any(|name| name.starts_with(start));
    assert!(depends(&analyzer, "datafusion") && depends(&recorder, "aya"));
    assert!(!depends(&analyzer, "aya") && !depends(&analyzer, "soakbox-recorder"));
    assert!(!depends(&recorder, "datafusion") && !depends(&recorder, "soakbox-analyzer"));
}

/// The packages of this repository that a manifest names as dependencies.
fn own_dependencies(folder: &str) -> BTreeSet<String> {
    let path = super::root().join(folder).join("Cargo.toml");
    let manifest = std::fs::read_to_string(path).unwrap();
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = line.split(|c| !is_name(c)).next().unwrap_or("");
        let outside_tests = section.contains("dependencies") && !section.contains("dev-");
        if outside_tests && name.starts_with("soakbox-") {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn recorder_analyzer_and_kernel_side_share_the_contract_only() {
    let shared = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let none: BTreeSet<String> = BTreeSet::new();
    assert_eq!(own_dependencies("schemas"), none);
    assert_eq!(own_dependencies("cli"), none);
    assert_eq!(own_dependencies("ebpf"), shared(&["soakbox-schemas"]));
    let statistics = shared(&["soakbox-schemas"]);
    assert_eq!(own_dependencies("analyzer/statistics"), statistics);
    for program in ["recorder", "analyzer"] {
        let allowed: BTreeSet<String> =
            shared(&["soakbox-schemas", "soakbox-cli", "soakbox-statistics"]);
        let has = own_dependencies(program);
        assert!(has.contains("soakbox-schemas"), "{program}: {has:?}");
        assert!(has.is_subset(&allowed), "{program}: {has:?}");
    }
    assert!(!own_dependencies("recorder").contains("soakbox-statistics"));
}
