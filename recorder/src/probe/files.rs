//! The files that probes are in: each is opened and read once, even if probes name it by different
//! paths.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use crate::binary::{Binary, DebugFile, Image};
use crate::plan::ObservedFile;
use crate::process::Process;

/// The open files of a recording.
#[derive(Debug, Default)]
pub struct Files {
    process: Option<Arc<Process>>,
    open: HashMap<PathBuf, ReadFile>,
}

/// A file with its bytes, and its symbols where it was stripped.
type ReadFile = (Arc<Binary>, Arc<[u8]>, Option<Arc<DebugFile>>);

/// A file that was opened and read.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// The file, kept open.
    pub binary: Arc<Binary>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// The file with its symbols, where it was stripped and there is one.
    pub debug: Option<Arc<DebugFile>>,
    /// Path as this probe names it, made absolute; symbolic links in it are not resolved.
    pub typed_path: PathBuf,
}

impl OpenFile {
    /// Its bytes, with those of its symbols.
    pub fn image(&self) -> Image<'_> {
        Image {
            bytes: &self.bytes,
            symbols: self.debug.as_deref().map(DebugFile::symbols),
        }
    }

    /// The file as the plan names it, with the bytes of its build id.
    pub fn observed(&self, build_id: Option<&[u8]>) -> ObservedFile {
        let hexadecimal = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
        ObservedFile {
            binary: self.binary.clone(),
            typed_path: self.typed_path.clone(),
            build_id: build_id.map(hexadecimal),
        }
    }
}

impl Files {
    /// No file is open yet. With a process, a path that does not exist is also looked up below the
    /// root directory of that process.
    pub fn new(process: Option<Arc<Process>>) -> Self {
        Self {
            process,
            open: HashMap::new(),
        }
    }

    /// Opens and reads the file at `path`. A file that is already open by another path is not
    /// opened again: the kernel keeps uprobes per file, so probes by either path are in one file.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub fn open(&mut self, path: &str) -> Result<OpenFile> {
        let found = locate(path, self.process.as_deref());
        if !self.open.contains_key(&found) {
            let (binary, bytes) = Binary::open(found.clone()).map_err(|error| {
                let shown = found.display();
                anyhow::anyhow!(
                    "cannot read {shown}: {error}; hint: name the program's file by its path"
                )
            })?;
            let mut known = self.open.values();
            let known = known.find(|(known, ..)| known.is_same_file(&binary));
            let file = known.cloned();
            let file = file.unwrap_or_else(|| {
                let debug = DebugFile::find(binary.path(), &bytes).map(Arc::new);
                (Arc::new(binary), bytes.into(), debug)
            });
            self.open.insert(found.clone(), file);
        }
        let (binary, bytes, debug) = self.open[&found].clone();
        Ok(OpenFile {
            binary,
            bytes,
            debug,
            // Only an empty path, which cannot be opened, has no absolute form.
            typed_path: std::path::absolute(path).unwrap_or(found),
        })
    }
}

fn locate(file: &str, process: Option<&Process>) -> PathBuf {
    // The path gets a directory: a path without one would be read as the name of a library.
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
