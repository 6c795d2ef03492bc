//! The probe grammar: `NAME=KIND:REST,rule,rule` from text to types and back.
//!
//! Parsing only validates the text; whether the file and the function exist is checked when the
//! probe is resolved. Each kind of probe is one file under `kind`; no code outside of that folder
//! depends on a kind.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

mod escape;
mod expansion;
mod explanation;
mod files;
mod function_explanation;
mod kind;
mod place;
mod registry;
mod resolved;
mod returns;
mod rules;
mod selection;
mod success;
mod tail_calls;

#[cfg(test)]
mod tests;

pub use expansion::expand;
pub use explanation::{Explanation, Location};
pub use files::{Files, OpenFile};
pub use kind::{Expanded, Expansion, KINDS, Kind, LATER, Later, Probe, function_hooks};
pub use place::Place;
pub use registry::{REGISTRY, Registry};
pub use resolved::{Context, Resolved};
pub use rules::{FinishRule, Rules};
pub use selection::{MinDuration, Sample, Selection};
pub use success::{Comparison, Success, Width};

/// An operation as it was typed: its name, its probe, and its rules.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    /// The operation's name, `[A-Za-z0-9_.-]{1,64}`.
    pub name: String,
    /// Where its begin and finish are observed. Its `Display` is the text that parses to it.
    pub probe: Arc<dyn Probe>,
    /// The rules after the commas.
    pub rules: Rules,
}

impl PartialEq for ProbeSpec {
    /// Two are equal if they are written alike.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.rules == other.rules
            && self.probe.to_string() == other.probe.to_string()
    }
}

impl Eq for ProbeSpec {}

impl FromStr for ProbeSpec {
    type Err = ProbeError;

    fn from_str(text: &str) -> Result<Self, ProbeError> {
        REGISTRY.parse(text)
    }
}

impl fmt::Display for ProbeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}{}", self.name, self.probe, self.rules)
    }
}

/// A probe that does not parse: the text, the reason, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{probe}: {reason}; hint: {hint}")]
pub struct ProbeError {
    /// The probe as written, shortened.
    pub probe: String,
    /// The reason for the refusal.
    pub reason: String,
    /// The next step.
    pub hint: String,
}

/// The reason why a part of a probe is refused, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: String,
    /// The next step.
    pub hint: String,
}

impl Refusal {
    /// Refuses for `reason`; `hint` is the next step.
    pub fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: hint.into(),
        }
    }
}

/// `text` for one line of a message: shortened, with `?` for each control character.
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
