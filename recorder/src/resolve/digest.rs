//! The digest of a configuration: two recordings with the same one observe the same operations in
//! the same way.
//!
//! It is taken over JSON with sorted keys. A limit that has its default value is left out, so that a
//! limit which a later version adds does not change the digest of a configuration that does not name
//! it. A default that changes, or anything else that makes the same text mean something else, gives
//! [`VERSION`] a new number.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::{Limits, ProcessFilter};
use crate::probe::ProbeSpec;

/// Version of what the digest is taken over.
const VERSION: u32 = 1;
/// Bytes of the hash that are kept: enough to tell configurations apart, and nothing to be protected.
const BYTES: usize = 8;

/// The digest in hexadecimal digits.
///
/// # Errors
/// Never for these values; where JSON cannot hold one.
pub(super) fn config_digest(
    specs: &[ProbeSpec],
    processes: &ProcessFilter,
    limits: &Limits,
    flush_interval: Duration,
) -> Result<String> {
    let canonical = Canonical {
        flush_interval_ns: flush_interval.as_nanos() as u64,
        limits: other_than(
            &serde_json::to_value(limits)?,
            &serde_json::to_value(Limits::default())?,
        ),
        operations: specs.iter().map(ToString::to_string).collect(),
        processes: describe(processes),
        version: VERSION,
    };
    Ok(hash(&canonical.text()?))
}

/// Fields in the order of their names.
#[derive(Serialize)]
struct Canonical {
    flush_interval_ns: u64,
    limits: BTreeMap<String, Value>,
    operations: Vec<String>,
    processes: String,
    version: u32,
}

impl Canonical {
    fn text(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// The members of `values` that differ from those of `defaults`, those of inner objects by a path.
fn other_than(values: &Value, defaults: &Value) -> BTreeMap<String, Value> {
    let mut others = BTreeMap::new();
    for (name, value) in values.as_object().into_iter().flatten() {
        let default = &defaults[name];
        if value.is_object() {
            let inner = other_than(value, default).into_iter();
            others.extend(inner.map(|(inner, value)| (format!("{name}.{inner}"), value)));
        } else if value != default {
            others.insert(name.clone(), value.clone());
        }
    }
    others
}

/// Whose operations, as it was asked for.
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

fn hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest(limits: &Limits) -> String {
        let specs = ["op=uprobe:/bin/x:f,type=2".parse().unwrap()];
        let command = ProcessFilter::Command(vec!["a b".into(), "c".into()]);
        config_digest(&specs, &command, limits, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn a_configuration_keeps_its_digest_from_version_to_version() {
        // Changed only with VERSION.
        assert_eq!(digest(&Limits::default()), "0000000000000000");
        let mut limits = Limits::default();
        limits.segment.max_bytes += 1;
        assert_ne!(digest(&limits), digest(&Limits::default()));
    }

    #[test]
    fn a_new_limit_counts_only_where_it_is_not_its_default() {
        let defaults = json!({"ring": 16, "segment": {"bytes": 64}});
        let asked = json!({"ring": 32, "segment": {"bytes": 64}});
        let before = other_than(&asked, &defaults);
        let grown = |value: u64, default: u64| {
            let (mut asked, mut defaults) = (asked.clone(), defaults.clone());
            asked["segment"]["days"] = value.into();
            defaults["segment"]["days"] = default.into();
            other_than(&asked, &defaults)
        };
        assert_eq!(grown(7, 7), before, "unchanged");
        assert_ne!(grown(8, 7), before);
        assert_eq!(grown(8, 7)["segment.days"], 8);
    }

    #[test]
    fn the_text_has_its_keys_in_order_whatever_the_order_of_the_limits() {
        let canonical = |limits: Value| Canonical {
            flush_interval_ns: 1,
            limits: other_than(&limits, &json!({})),
            operations: Vec::new(),
            processes: describe(&ProcessFilter::All),
            version: VERSION,
        };
        let text = canonical(json!({"b": 1, "a": 2})).text().unwrap();
        assert_eq!(text, canonical(json!({"a": 2, "b": 1})).text().unwrap());
        assert_eq!(
            text,
            r#"{"flush_interval_ns":1,"limits":{"a":2,"b":1},"operations":[],"processes":"all","version":1}"#
        );
    }
}
