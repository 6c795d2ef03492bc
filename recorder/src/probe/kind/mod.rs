//! The kinds of probe, one file each, with everything that depends on the kind: its syntax and
//! help, how a probe of it is resolved, which programs are attached where, and its explanation. A
//! new kind is a file and an entry in [`KINDS`].

mod function;
mod go;
mod marker;

pub use function::hooks as function_hooks;

use std::fmt;
use std::sync::Arc;

use anyhow::Result;

use super::{Context, Files, Refusal, Resolved};
use crate::binary::Binary;
use crate::plan::Hook;

/// A kind of probe.
pub trait Kind: Sync {
    /// The word before the first colon.
    fn name(&self) -> &'static str;

    /// Its syntax, such as `uprobe:FILE:FUNCTION`.
    fn syntax(&self) -> &'static str;

    /// What a probe of this kind observes, for a line of help.
    fn summary(&self) -> &'static str;

    /// Reads the text after the word and its colon, without the rules.
    ///
    /// # Errors
    /// Where the text does not follow the kind's syntax.
    fn parse(&self, text: &str) -> Result<Box<dyn Probe>, Refusal>;

    /// One hook per program of this kind, to find out whether the kernel accepts them: they are
    /// loaded, never attached. A hook that needs a file gets `file`.
    fn trial_hooks(&self, file: &Arc<Binary>) -> Vec<Hook>;
}

/// A parsed probe. Its `Display` is the text that parses to it, from the name of the kind on.
pub trait Probe: fmt::Debug + fmt::Display + Send + Sync {
    /// The probes that this one stands for; `None` where it stands for itself alone.
    ///
    /// # Errors
    /// Where there are none, or its file cannot be read.
    fn expand(&self, _files: &mut Files) -> Result<Option<Expansion>> {
        Ok(None)
    }

    /// Finds the places to observe on this host.
    ///
    /// # Errors
    /// Where the file has no such function or marker, or observing it could harm the program.
    fn resolve(&self, context: &mut Context<'_>) -> Result<Resolved>;
}

/// The probes that a probe stands for.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The pattern, as it was asked for.
    pub pattern: String,
    /// One for each match.
    pub matches: Vec<Expanded>,
}

/// One of several probes that a probe stands for.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// Its own name, which the name of its operation ends with: a function's readable path.
    pub name: String,
    /// What tells it apart from others of its name in every build: a function's full readable name.
    pub signature: String,
    /// What tells it apart in this file: a function's symbol.
    pub symbol: String,
    /// The probe.
    pub probe: Arc<dyn Probe>,
}

/// A kind of probe that only a later version observes.
#[derive(Clone, Copy, Debug)]
pub struct Later {
    /// The word before the first colon.
    pub name: &'static str,
    /// Its syntax.
    pub syntax: &'static str,
}

/// The kinds of this version.
pub const KINDS: &[&dyn Kind] = &[&function::FunctionKind, &marker::MarkerKind, &go::GoKind];

/// The kinds that come later.
pub const LATER: &[Later] = &[
    later("syscall", "syscall:NAME"),
    later("kfunc", "kfunc:FUNCTION"),
    later("usdt", "usdt:FILE:PROVIDER:BEGIN..FINISH"),
    later("tracepoint", "tracepoint:CATEGORY:BEGIN..FINISH"),
    later("bpf", "bpf:PROGRAM"),
    later("kmesh", "kmesh:PINNED_MAP"),
];

const fn later(name: &'static str, syntax: &'static str) -> Later {
    Later { name, syntax }
}
