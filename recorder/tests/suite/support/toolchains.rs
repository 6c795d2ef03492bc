//! The Go toolchains that the tests build programs with: the installed one, and others.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::host;

/// Other toolchains than the installed one, for each test run: Debian 12's, and the last one of which
/// the C linker merges the tables of a position-independent program into other data.
pub(crate) const OTHERS: [&str; 2] = ["go1.19.13", "go1.24.13"];
/// Further ones, for `make endurance`.
pub(crate) const MORE: [&str; 2] = ["go1.21.13", "go1.23.12"];

/// Where Debian has Go 1.19.
const DEBIAN: &str = "/usr/lib/go-1.19/bin/go";

/// The command `go` of a version; `None` and `local` are the installed one.
pub(crate) fn go(version: Option<&str>) -> Command {
    let path = match version {
        None | Some("local") => PathBuf::from("go"),
        Some(version) => found(version).unwrap_or_else(|why| panic!("{version}: {why}")),
    };
    let mut command = Command::new(path);
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod -buildvcs=false")
        .env_remove("GOROOT");
    command
}

/// Those of `versions` that are there or can be downloaded; a message for each of the others.
pub(crate) fn available(versions: &[&'static str]) -> Vec<&'static str> {
    let is_there = |version: &&&str| {
        let found = found(version);
        let reason = found.as_ref().err().map_or("", String::as_str);
        host::can_download(found.is_ok(), version, reason)
    };
    versions.iter().filter(is_there).copied().collect()
}

/// The path of a version's `go`. Go's own client downloads it from the module proxy into the module
/// cache, which it does since before Go could switch to another version by itself.
fn found(version: &str) -> Result<PathBuf, String> {
    static FOUND: Mutex<BTreeMap<String, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut known = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = known.entry(version.to_owned());
    entry.or_insert_with(|| find(version)).clone()
}

fn find(version: &str) -> Result<PathBuf, String> {
    if version.starts_with("go1.19") && Path::new(DEBIAN).exists() {
        return Ok(DEBIAN.into());
    }
    let module = format!("golang.org/toolchain@v0.0.1-{version}.linux-amd64");
    let mut command = go(None);
    command.args(["mod", "download", "-json", &module]);
    let output = command.current_dir("/").output();
    let output = output.map_err(|error| error.to_string())?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let Some(directory) = answer["Dir"].as_str() else {
        return Err(format!(
            "{answer} {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    };
    let directory = Path::new(directory);
    // Files of modules are not executable; Go makes those of a toolchain so when it switches to it.
    for programs in ["bin", "pkg/tool/linux_amd64"] {
        make_executable(&directory.join(programs)).map_err(|error| error.to_string())?;
    }
    Ok(directory.join("bin/go"))
}

fn make_executable(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        let mode = metadata.permissions().mode();
        if metadata.is_file() && mode & 0o111 != 0o111 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o111))?;
        }
    }
    Ok(())
}
