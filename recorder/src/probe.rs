//! The probe grammar: `NAME=KIND:FILE:WHAT,rule,rule` from text to types and back.
//!
//! Parsing validates and nothing else: whether the file exists and has what is named is for `target`.
//!
//! FILE ends at the last single `:` (a `::` belongs to a function's path); FILE and FUNCTION contain no comma, for
//! everything after the first comma is rules.

use std::fmt;
use std::str::FromStr;

mod rules;

#[cfg(test)]
mod tests;

pub use rules::{Comparison, Rules, Success, Width};

/// An operation as asked for: its name, where it is, and its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// The operation's name, `[A-Za-z0-9_.-]{1,64}`.
    pub name: String,
    /// What is observed.
    pub target: Target,
    /// What else is known about it.
    pub rules: Rules,
}

/// What is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `uprobe:FILE:FUNCTION`
    Function {
        /// Program or shared library.
        file: String,
        /// Its symbol.
        function: String,
    },
    /// `marker:FILE:MARKER`
    Marker {
        /// Program or shared library.
        file: String,
        /// The marker's name.
        marker: String,
    },
}

/// A probe that does not parse: what was written, why, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{probe}: {reason}; hint: {hint}")]
pub struct ProbeError {
    /// The probe as written, shortened.
    pub probe: String,
    /// Why it is refused.
    pub reason: String,
    /// What to write instead.
    pub hint: String,
}

/// Longest probe that is read.
const LONGEST: usize = 8192;
/// Longest name of an operation.
const LONGEST_NAME: usize = 64;
/// Kinds that this version does not observe yet.
const LATER: &[&str] = &[
    "syscall",
    "kfunc",
    "go",
    "usdt",
    "tracepoint",
    "bpf",
    "kmesh",
];

impl Target {
    /// The file to read.
    pub fn file(&self) -> &str {
        match self {
            Self::Function { file, .. } | Self::Marker { file, .. } => file,
        }
    }
}

impl FromStr for ProbeSpec {
    type Err = ProbeError;

    fn from_str(text: &str) -> Result<Self, ProbeError> {
        let fail = |(reason, hint): (String, String)| ProbeError {
            probe: shown(text),
            reason,
            hint,
        };
        parse(text).map_err(fail)
    }
}

type Refusal = (String, String);

fn refuse<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, Refusal> {
    Err((reason.into(), hint.into()))
}

fn parse(text: &str) -> Result<ProbeSpec, Refusal> {
    const SHAPE: &str = "write NAME=uprobe:FILE:FUNCTION or NAME=marker:FILE:MARKER";
    if text.len() > LONGEST {
        return refuse("the probe is longer than 8192 bytes", SHAPE);
    }
    if text.chars().any(char::is_control) {
        return refuse("the probe contains a control character", SHAPE);
    }
    let Some((name, rest)) = text.split_once('=') else {
        return refuse("the operation has no name", SHAPE);
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
        return refuse(
            format!("'{}' is no operation name", shown(name)),
            "a name is 1 to 64 letters, digits, '_', '.' or '-'",
        );
    }
    let (target, rules) = match rest.split_once(',') {
        Some((target, rules)) => (target, Some(rules)),
        None => (rest, None),
    };
    let target = parse_target(target)?;
    let rules = rules.map(Rules::parse).transpose()?.unwrap_or_default();
    Ok(ProbeSpec {
        name: name.into(),
        target,
        rules,
    })
}

fn parse_target(text: &str) -> Result<Target, Refusal> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let shape = match kind {
        "uprobe" => "uprobe:FILE:FUNCTION",
        "marker" => "marker:FILE:MARKER",
        later if LATER.contains(&later) => {
            return refuse(
                format!("{later}: probes are not available yet in this version"),
                "this version observes uprobe:FILE:FUNCTION and marker:FILE:MARKER",
            );
        }
        other => {
            return refuse(
                format!("'{}' is no kind of probe", shown(other)),
                "the kinds are uprobe and marker; syscall, kfunc, go, usdt, tracepoint, bpf and kmesh come later",
            );
        }
    };
    let Some((file, what)) = split_file(rest) else {
        return refuse(
            format!("the {kind} probe names no file and function"),
            format!("write {shape}"),
        );
    };
    if file.is_empty() {
        return refuse(
            format!("the {kind} probe names no file"),
            format!("write {shape}"),
        );
    }
    if what.is_empty() {
        return refuse(
            format!("the {kind} probe names nothing in {file}"),
            format!("write {shape}"),
        );
    }
    let (file, what) = (file.to_owned(), what.to_owned());
    if kind == "uprobe" {
        return Ok(Target::Function {
            file,
            function: what,
        });
    }
    if !what
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return refuse(
            format!("'{}' is no marker name", shown(&what)),
            "a marker's name is letters, digits and '_', as in SOAKBOX_OPERATION(NAME)",
        );
    }
    Ok(Target::Marker { file, marker: what })
}

/// Splits at the last `:` that is not part of a `::`.
fn split_file(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let single = |at: usize| {
        bytes[at] == b':' && (at == 0 || bytes[at - 1] != b':') && bytes.get(at + 1) != Some(&b':')
    };
    let at = (0..bytes.len()).rev().find(|at| single(*at))?;
    Some((&text[..at], &text[at + 1..]))
}

/// What was written, short enough for one line.
fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { file, function } => write!(f, "uprobe:{file}:{function}"),
            Self::Marker { file, marker } => write!(f, "marker:{file}:{marker}"),
        }
    }
}

impl fmt::Display for ProbeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}{}", self.name, self.target, self.rules)
    }
}
