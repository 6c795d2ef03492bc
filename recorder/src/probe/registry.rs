//! The kinds of probe that a text can name, and the help that follows from them.

use std::fmt::Write;
use std::sync::Arc;

use super::escape::{self, split_rules};
use super::kind::{KINDS, Kind, LATER, Later};
use super::rules::{self, Rules};
use super::{ProbeError, ProbeSpec, Refusal, shown};

/// Longest text of a probe, bytes.
const LONGEST: usize = 8192;
/// Longest name of an operation, bytes.
pub(super) const LONGEST_NAME: usize = 64;

/// The kinds of this version.
pub const REGISTRY: Registry = Registry {
    kinds: KINDS,
    later: LATER,
};

/// Kinds of probe.
#[derive(Clone, Copy)]
pub struct Registry {
    /// Kinds that this version observes.
    pub kinds: &'static [&'static dyn Kind],
    /// Kinds that only a later version observes: a probe of one is refused with that reason.
    pub later: &'static [Later],
}

impl Registry {
    /// Reads `NAME=PROBE[,RULE…]`.
    ///
    /// # Errors
    /// Where `text` names none of these kinds, or does not follow the syntax of its kind.
    pub fn parse(&self, text: &str) -> Result<ProbeSpec, ProbeError> {
        self.read(text).map_err(|refusal| ProbeError {
            probe: shown(text),
            reason: refusal.reason,
            hint: refusal.hint,
        })
    }

    /// The help of `--op`.
    pub fn help(&self) -> String {
        let mut help = "Operation to observe: NAME=PROBE[,RULE...]; may be given several times\nPROBE is one of\n".to_owned();
        let width = self.kinds.iter().map(|kind| kind.syntax().len()).max();
        let width = width.unwrap_or(0);
        for kind in self.kinds {
            let (syntax, summary) = (kind.syntax(), kind.summary());
            // Writing into a string cannot fail.
            let _ = writeln!(help, "  {syntax:width$}  {summary}");
        }
        let _ = writeln!(help, "RULE is {}", rules::HELP);
        let mut note = escape::HINT.chars();
        help.extend(note.next().map(|first| first.to_ascii_uppercase()));
        help.push_str(note.as_str());
        help
    }

    fn read(&self, text: &str) -> Result<ProbeSpec, Refusal> {
        if text.len() > LONGEST {
            let reason = format!("the probe is longer than {LONGEST} bytes");
            return Err(Refusal::new(reason, self.syntax_hint()));
        }
        if text.chars().any(char::is_control) {
            return Err(Refusal::new(
                "the probe contains a control character",
                self.syntax_hint(),
            ));
        }
        let (name, rest) = text
            .split_once('=')
            .ok_or_else(|| Refusal::new("the operation has no name", self.syntax_hint()))?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
            return Err(Refusal::new(
                format!("'{}' is not an operation name", shown(name)),
                format!("a name is 1 to {LONGEST_NAME} letters, digits, '_', '.' or '-'"),
            ));
        }
        let (probe, rules) = split_rules(rest);
        let probe = self.read_probe(probe).map_err(|mut refusal| {
            if rules.is_some() {
                // The comma may have been meant as part of a path: the hint shows how to escape it.
                refusal.hint = format!("{}; {}", refusal.hint, escape::HINT);
            }
            refusal
        })?;
        let rules = rules.map(Rules::parse).transpose()?.unwrap_or_default();
        Ok(ProbeSpec {
            name: name.to_owned(),
            probe,
            rules,
        })
    }

    fn read_probe(&self, text: &str) -> Result<Arc<dyn super::Probe>, Refusal> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        if let Some(kind) = self.kinds.iter().find(|kind| kind.name() == word) {
            return Ok(kind.parse(rest)?.into());
        }
        let syntaxes: Vec<&str> = self.kinds.iter().map(|kind| kind.syntax()).collect();
        if let Some(later) = self.later.iter().find(|later| later.name == word) {
            return Err(Refusal::new(
                format!("{word} probes are not available yet in this version"),
                format!(
                    "this version observes {}; {} comes later",
                    listed(&syntaxes),
                    later.syntax
                ),
            ));
        }
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        let later: Vec<&str> = self.later.iter().map(|later| later.name).collect();
        Err(Refusal::new(
            format!("'{}' is not a kind of probe", shown(word)),
            format!(
                "the kinds are {}; {} come later",
                listed(&names),
                later.join(", ")
            ),
        ))
    }

    /// A hint with the syntax of each kind.
    fn syntax_hint(&self) -> String {
        let syntaxes: Vec<String> = self
            .kinds
            .iter()
            .map(|kind| format!("NAME={}", kind.syntax()))
            .collect();
        format!("write {}", syntaxes.join(" or "))
    }
}

/// The words with commas and an "and" between them.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
