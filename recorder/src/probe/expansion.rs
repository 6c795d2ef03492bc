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

/// `NAME.function` with an end, as a name of an operation can be: `app::get` is `app.get`, and other
/// characters are `_`. Of one that is too long the beginning of the function's name is left out: its
/// last words say most. Of a NAME that leaves no room for it, the end is left out.
fn combined(operation: &str, found: &str, end: &str) -> String {
    const LEAST: usize = 24;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let found: String = found
        .replace("::", ".")
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    let most = LONGEST_NAME - 1 - end.len();
    let kept = found.len().min(LEAST);
    let operation = &operation[..operation.len().min(most - kept)];
    let left = most - operation.len();
    let found = &found[found.len().saturating_sub(left)..];
    format!("{operation}.{found}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_operations_and_distinct() {
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
