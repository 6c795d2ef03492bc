//! The seam to the kernel: the only rooms that know aya. Load, attach, drain, harvest; dropping detaches everything.

mod attach;
pub mod btf;
mod counters;
mod host;
mod load;
mod offsets;
mod ring;
mod settings;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use attach::{Placement, ProbeProgram, Scope};
pub use counters::Counters;
pub use host::{Host, KERNEL_BTF, PidNamespace};
pub use load::{Kernel, KernelSettings};
pub use offsets::resolve_offsets;
pub use ring::Ring;

/// Why the kernel side could not be used.
#[derive(Debug, Error)]
pub enum KernelError {
    /// No BTF.
    #[error(
        "{KERNEL_BTF}: {0}; hint: soakbox needs a kernel built with CONFIG_DEBUG_INFO_BTF (5.17 or later)"
    )]
    NoBtf(#[source] io::Error),
    /// A file of /proc or /sys.
    #[error("{path}: {source}; hint: is /proc mounted?")]
    Proc {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The kernel refused the programs.
    #[error("cannot load the BPF programs: {reason}; hint: {hint}")]
    Load {
        /// The kernel's answer.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A probe was refused.
    #[error("cannot attach to {target} at offset {offset:#x}: {reason}; hint: {hint}")]
    Attach {
        /// The file.
        target: PathBuf,
        /// Offset in it.
        offset: u64,
        /// The kernel's answer.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A map of the kernel side could not be used.
    #[error(
        "cannot use the BPF map {name}: {reason}; hint: was the BPF object built from these sources? (`make ebpf`)"
    )]
    Map {
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: String,
    },
}

/// A chain of errors in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}
