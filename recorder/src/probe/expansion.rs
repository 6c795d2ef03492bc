//! An operation that stands for several: one for each match of its probe, named after both.

use std::collections::HashSet;

use anyhow::Result;

use super::registry::LONGEST_NAME;
use super::{Files, ProbeSpec};

/// The operations that `spec` stands for: itself, or at most `room` others, whose names begin with
/// its own.
///
/// # Errors
/// Where its probe matches nothing or too much, or its file cannot be read.
pub fn expand(spec: &ProbeSpec, files: &mut Files, room: usize) -> Result<Vec<ProbeSpec>> {
    let Some(found) = spec.probe.expand(files, room)? else {
        return Ok(vec![spec.clone()]);
    };
    let mut used = HashSet::new();
    let specs = found.into_iter().map(|found| ProbeSpec {
        name: distinct(&mut used, &spec.name, &found.name),
        probe: found.probe,
        rules: spec.rules,
    });
    Ok(specs.collect())
}

/// `NAME.function`, with a number where that name is used already (overloads).
fn distinct(used: &mut HashSet<String>, operation: &str, found: &str) -> String {
    let mut name = combined(operation, found, "");
    let mut number = 2;
    while !used.insert(name.clone()) {
        name = combined(operation, found, &format!(".{number}"));
        number += 1;
    }
    name
}

/// `NAME.function` and `suffix`, in the characters that the name of an operation may have:
/// `app::get` becomes `app.get`, and other characters become `_`. If the whole is too long, the
/// beginning of the function's name is left out, because its last words tell most. If NAME is so
/// long that too little is left for the function, the end of NAME is left out.
fn combined(operation: &str, found: &str, suffix: &str) -> String {
    const LEAST: usize = 24;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let found: String = found
        .replace("::", ".")
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    let most = LONGEST_NAME - 1 - suffix.len();
    let kept = found.len().min(LEAST);
    let operation = &operation[..operation.len().min(most - kept)];
    let left = most - operation.len();
    let found = &found[found.len().saturating_sub(left)..];
    format!("{operation}.{found}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expanded_names_are_distinct_and_valid_for_operations() {
        let mut used = HashSet::new();
        let long = "a::".repeat(40) + "last";
        for (operation, found, expected) in [
            ("redis", "setCommand", "redis.setCommand"),
            ("cpp", "app::Store::get", "cpp.app.Store.get"),
            ("cpp", "app::Store::get", "cpp.app.Store.get.2"),
            ("cpp", "app::Store::get", "cpp.app.Store.get.3"),
            ("cpp", "operator<", "cpp.operator_"),
            ("cpp", "operator>", "cpp.operator_.2"),
            ("n", "ü", "n._"),
        ] {
            assert_eq!(distinct(&mut used, operation, found), expected);
        }
        for (operation, found) in [
            ("n", long.as_str()),
            ("n", &long),
            (&"o".repeat(64), "f"),
            (&"o".repeat(64), &long),
        ] {
            let name = distinct(&mut used, operation, found);
            assert!(name.len() <= LONGEST_NAME, "{name}");
            assert!(format!("{name}=uprobe:/x:f").parse::<ProbeSpec>().is_ok());
        }
    }
}
