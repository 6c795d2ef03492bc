//! Refuses to build with a kernel object that is older than its sources, where these are present.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

/// The sources of the object in addition to `ebpf/src`. `ebpf/build.sh` has the same list.
const SOURCES: [&str; 16] = [
    "ebpf/Cargo.toml",
    "ebpf/Cargo.lock",
    "ebpf/build.sh",
    "schemas/Cargo.toml",
    "schemas/src/lib.rs",
    "schemas/src/control.rs",
    "schemas/src/control/cookie.rs",
    "schemas/src/control/return_cookie.rs",
    "schemas/src/control/way_out.rs",
    "schemas/src/counters.rs",
    "schemas/src/durations.rs",
    "schemas/src/event.rs",
    "schemas/src/histogram.rs",
    "schemas/src/marker.rs",
    "schemas/src/observation.rs",
    "schemas/src/target_cpu.rs",
];

fn main() {
    // The compiler watches the object itself, which the crate includes.
    println!("cargo::rerun-if-changed=bpf/soakbox.digest");
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let Some(root) = manifest
        .parent()
        .filter(|root| root.join("ebpf/src").is_dir())
    else {
        return;
    };
    let mut sources = SOURCES.map(str::to_owned).to_vec();
    collect(root, "ebpf/src", &mut sources);
    sources.sort();
    println!(
        "cargo::rerun-if-changed={}",
        root.join("ebpf/src").display()
    );
    for source in &sources {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let stored = fs::read_to_string(manifest.join("bpf/soakbox.digest")).unwrap_or_default();
    if stored.trim() != digest(root, &sources) {
        println!(
            "cargo::error=recorder/bpf/soakbox.*.bpf.o is not built from ebpf/ and schemas/ as they are; \
             hint: run `make ebpf` (its toolchain: `make ebpf-toolchain`)"
        );
    }
}

fn collect(root: &Path, directory: &str, sources: &mut Vec<String>) {
    let entries = fs::read_dir(root.join(directory))
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(root, &name, sources);
        } else if name.ends_with(".rs") {
            sources.push(name);
        }
    }
}

/// The digest that `sha256sum FILES | sha256sum` prints.
fn digest(root: &Path, sources: &[String]) -> String {
    let mut list = String::new();
    for source in sources {
        let bytes = fs::read(root.join(source)).unwrap_or_default();
        let _ = writeln!(list, "{}  {source}", hex(&Sha256::digest(&bytes)));
    }
    hex(&Sha256::digest(list.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
