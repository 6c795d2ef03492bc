//! Compiles small programs and reads them back with `objdump`, which is independent of this
//! project.

pub(crate) mod parsers;
pub(crate) mod wrapped;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use crate::support::host;
use soakbox_recorder::binary::{
    Finishing, Found, Function, KernelVersion, ResolveError, ReturnUse, resolve_function,
};

pub(crate) const KERNEL: KernelVersion = KernelVersion {
    major: 6,
    minor: 18,
};

/// A temporary directory for a test's binaries, removed on drop.
pub(crate) struct Workshop(tempfile::TempDir);

impl Workshop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Compiles a source under `tests/fixtures/binary/` and returns the binary's bytes.
    pub(crate) fn build(&self, compiler: &str, source: &str, flags: &[&str]) -> Vec<u8> {
        std::fs::read(self.build_file(compiler, source, flags)).unwrap()
    }

    pub(crate) fn build_file(&self, compiler: &str, source: &str, flags: &[&str]) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/binary")
            .join(source);
        self.compile(compiler, &source, flags)
    }

    /// Compiles source text and returns the binary's bytes.
    pub(crate) fn build_text(
        &self,
        compiler: &str,
        extension: &str,
        text: &str,
        flags: &[&str],
    ) -> Vec<u8> {
        let source = self.0.path().join(format!("source.{extension}"));
        std::fs::write(&source, text).unwrap();
        std::fs::read(self.compile(compiler, &source, flags)).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn compile(&self, compiler: &str, source: &Path, flags: &[&str]) -> PathBuf {
        let output = self.0.path().join("program");
        let done = Command::new(compiler)
            .arg("-o")
            .arg(&output)
            .arg(source)
            .args(flags)
            .output()
            .unwrap_or_else(|error| panic!("{compiler}: {error}"));
        assert!(
            done.status.success(),
            "{compiler} {flags:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        output
    }
}

/// The function, with the build id and the warnings.
pub(crate) fn found(bytes: &[u8], name: &str) -> Result<Found<Function>, ResolveError> {
    resolve_function(
        bytes,
        "./program",
        name,
        KERNEL,
        Finishing::Exactly(ReturnUse::needed(64)),
    )
    .map_err(|reason| ResolveError {
        probe: format!("uprobe:./program:{name}"),
        reason,
    })
}

pub(crate) fn function(bytes: &[u8], name: &str) -> Result<Function, ResolveError> {
    Ok(found(bytes, name)?.part)
}

/// The refusal's text.
pub(crate) fn refusal(bytes: &[u8], name: &str) -> String {
    match function(bytes, name) {
        Err(error) => error.to_string(),
        Ok(found) => panic!("{name} resolves to {found:?}"),
    }
}

/// Addresses of return instructions by symbol, and all of them, by `objdump -d`.
pub(crate) fn objdump_returns(path: &Path) -> (BTreeMap<String, BTreeSet<u64>>, BTreeSet<u64>) {
    let output = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let mut functions: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(name) = line
            .split_once('<')
            .and_then(|(_, rest)| rest.strip_suffix(">:"))
        {
            current = name.to_owned();
            functions.entry(current.clone()).or_default();
            continue;
        }
        let Some((address, code)) = line.trim_start().split_once(":\t") else {
            continue;
        };
        let Ok(address) = u64::from_str_radix(address, 16) else {
            continue;
        };
        let mut words = code
            .split_whitespace()
            .filter(|word| !matches!(*word, "repz" | "rep" | "bnd"));
        if matches!(words.next(), Some("ret" | "retq")) {
            functions
                .entry(current.clone())
                .or_default()
                .insert(address);
            all.insert(address);
        }
    }
    (functions, all)
}
