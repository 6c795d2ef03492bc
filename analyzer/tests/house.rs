//! What the package must never become.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Invariant 1 of ARCHITECTURE.md: the analyzer runs anywhere, without privileges, and so without the kernel's side.
#[test]
fn the_analyzer_never_depends_on_aya() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let depends: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let normal = |dependency: &&serde_json::Value| {
                list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"] != "dev")
            };
            let dependencies = list(&node["deps"]);
            let packages = dependencies
                .iter()
                .filter(normal)
                .map(|found| text(&found["pkg"]));
            (text(&node["id"]), packages.collect())
        })
        .collect();
    let root = names
        .iter()
        .find(|(_, name)| *name == "soakbox-analyzer")
        .unwrap()
        .0
        .clone();
    let (mut reached, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(package) = open.pop() {
        if reached.insert(package.clone()) {
            open.extend(depends[&package].clone());
        }
    }
    let reached: BTreeSet<&str> = reached.iter().map(|id| names[id].as_str()).collect();
    assert!(
        reached.contains("datafusion"),
        "the test looks at the wrong package"
    );
    assert!(
        !reached
            .iter()
            .any(|name| name.starts_with("aya") || *name == "soakbox-recorder")
    );
}
