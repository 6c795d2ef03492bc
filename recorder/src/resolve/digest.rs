//! The digest of a configuration, and the settings that it covers: recordings with the same digest observe the same operations in
//! the same way.
//!
//! It is the hash of a JSON text with sorted keys. A limit at its default value is left out, so
//! that a later version can add a limit without changing the digests of configurations that do not
//! set it. Whoever changes a default, or anything else that gives the same text another meaning,
//! must also change [`VERSION`].

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use anyhow::Result;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::plan::ProcessFilter;
use crate::probe::ProbeSpec;

/// Version of the text that is hashed, and of its meaning.
const VERSION: u32 = 1;
/// Bytes of the hash that are kept: enough to tell configurations apart; the digest is not used for
/// security.
const BYTES: usize = 8;

/// The digest in hexadecimal digits; `limits` are the limits that are not at their defaults, by
/// name.
///
/// # Errors
/// Where the values cannot be written as JSON; all of these can.
pub(super) fn config_digest(
    specs: &[ProbeSpec],
    processes: &ProcessFilter,
    limits: BTreeMap<&'static str, u64>,
) -> Result<String> {
    let canonical = Canonical {
        limits,
        operations: specs.iter().map(ToString::to_string).collect(),
        processes: describe(processes),
        version: VERSION,
    };
    let text = serde_json::to_string(&canonical)?;
    let hash = Sha256::digest(text.as_bytes());
    let kept = hash.iter().take(BYTES);
    Ok(kept.map(|byte| format!("{byte:02x}")).collect())
}

/// The settings that the digest covers, by name: `op.` and an operation's name, `observed` for the
/// processes, and the flag of each limit, also of one at its default.
pub(super) fn settings(
    specs: &[ProbeSpec],
    processes: &ProcessFilter,
    limits: impl Iterator<Item = (&'static str, String)>,
) -> BTreeMap<String, String> {
    let operations = specs.iter().map(|spec| {
        let probe = format!("{}{}", spec.probe, spec.rules);
        (format!("op.{}", spec.name), probe)
    });
    let limits = limits.map(|(flag, value)| (flag.to_owned(), value));
    let mut settings: BTreeMap<String, String> = operations.chain(limits).collect();
    settings.insert("observed".to_owned(), describe(processes));
    settings
}

/// The text that is hashed. The fields are in the order of their names.
#[derive(Serialize)]
struct Canonical {
    limits: BTreeMap<&'static str, u64>,
    operations: Vec<String>,
    processes: String,
    version: u32,
}

/// The process filter as it was typed.
fn describe(processes: &ProcessFilter) -> String {
    match processes {
        ProcessFilter::All => "all".to_owned(),
        ProcessFilter::Process(process) => format!("process {}", process.pid()),
        ProcessFilter::Command(words) => {
            let words = words.iter();
            let words: Vec<String> = words
                .map(|word| format!("\"{}\"", word.as_bytes().escape_ascii()))
                .collect();
            format!("command {}", words.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(limits: &[(&'static str, u64)]) -> String {
        let specs = [r"op=uprobe:/a\,b:ns::f,type=2,success=errno"
            .parse()
            .unwrap()];
        let command = ProcessFilter::Command(vec!["a b".into(), "\"c\n".into()]);
        config_digest(&specs, &command, limits.iter().copied().collect()).unwrap()
    }

    #[test]
    fn a_configuration_keeps_its_digest_from_version_to_version() {
        // sha256sum of this text without the line breaks; changed only together with VERSION:
        // {"limits":{"a":1,"b":2},
        // "operations":["op=uprobe:/a\\,b:ns::f,type=2,success=errno:i64"],
        // "processes":"command \"a b\" \"\\\"c\\n\"","version":1}
        let expected = "720ebcc42399edc6";
        assert_eq!(digest(&[("a", 1), ("b", 2)]), expected);
        assert_eq!(digest(&[("b", 2), ("a", 1)]), expected, "in any order");
        assert_ne!(digest(&[("a", 1)]), expected);
        assert_ne!(digest(&[("a", 1), ("b", 3)]), expected);
    }
}
