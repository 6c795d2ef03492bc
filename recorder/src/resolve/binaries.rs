//! The binaries of the probes: each opened and read once, each probe resolved against it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::binary::{self, Binary, KernelVersion, Resolved};
use crate::probe::ProbeSpec;
use crate::process::Process;

/// A probe with what it resolves to.
#[derive(Debug)]
pub struct ResolvedProbe {
    /// As it was asked for.
    pub spec: ProbeSpec,
    /// The file that was read.
    pub binary: Arc<Binary>,
    /// Where its sites are.
    pub resolved: Resolved,
}

/// Opens and reads each binary once and resolves its probes. With a process, a file that is not here is looked for in its root.
///
/// # Errors
/// Where a file cannot be read, or a probe does not resolve or would do harm.
pub(super) fn resolve_all(
    probes: &[ProbeSpec],
    process: Option<&Process>,
) -> Result<Vec<ResolvedProbe>> {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let kernel = KernelVersion::parse(&release)
        .with_context(|| format!("the kernel's release '{release}' has no version in it"))?;
    let mut files: HashMap<PathBuf, (Arc<Binary>, Arc<[u8]>)> = HashMap::new();
    let mut resolved = Vec::new();
    for spec in probes {
        let path = locate(spec.target.file(), process);
        if !files.contains_key(&path) {
            let opened = Binary::open(spec.target.file().into(), path.clone());
            let (binary, bytes) = opened.map_err(|error| {
                anyhow::anyhow!(
                    "{}: cannot read {}: {error}; hint: name the program's file by its path",
                    spec.name,
                    path.display()
                )
            })?;
            // The kernel keeps probes with the file, so two paths to one file are one target.
            let known = files
                .values()
                .find(|(known, _)| known.is_same_file(&binary))
                .cloned();
            let file = known.unwrap_or_else(|| (Arc::new(binary), bytes.into()));
            files.insert(path.clone(), file);
        }
        let (binary, bytes) = &files[&path];
        let found = binary::resolve(bytes, spec, kernel)?;
        resolved.push(ResolvedProbe {
            spec: spec.clone(),
            binary: binary.clone(),
            resolved: found,
        });
    }
    Ok(resolved)
}

fn locate(file: &str, process: Option<&Process>) -> PathBuf {
    // A path without a directory would be taken for a library's name further down.
    let absolute = fs::canonicalize(file).unwrap_or_else(|_| Path::new(file).to_owned());
    if absolute.exists() {
        return absolute;
    }
    let inside = absolute.strip_prefix("/").ok().and_then(|below| {
        let root = process?.root()?;
        Some(root.join(below)).filter(|path| path.exists())
    });
    inside.unwrap_or(absolute)
}
