//! An operation that stands for several: one for each match of its probe, named after both.
//!
//! A name means the same function in every build that has it, so that recordings of two builds can be
//! compared by names.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::kind::Expanded;
use super::registry::LONGEST_NAME;
use super::{Files, ProbeSpec};
use crate::binary::{Reason, ResolveError};

/// The operations that `spec` stands for: itself, or at most `room` others, whose names begin with
/// its own.
///
/// # Errors
/// Where its probe matches nothing or too much, or its file cannot be read.
pub fn expand(spec: &ProbeSpec, files: &mut Files, room: usize) -> Result<Vec<ProbeSpec>> {
    let Some(expansion) = spec.probe.expand(files)? else {
        return Ok(vec![spec.clone()]);
    };
    let found = expansion.matches;
    if found.len() > room {
        let reason = Reason::TooManyMatches {
            pattern: expansion.pattern,
            count: found.len(),
            room,
        };
        return Err(ResolveError::of(&spec.probe, reason).into());
    }
    let names = names(&spec.name, &found);
    let specs = found.into_iter().zip(names).map(|(found, name)| ProbeSpec {
        name,
        probe: found.probe,
        rules: spec.rules,
    });
    Ok(specs.collect())
}

/// The forms of a name, the most readable first. `None` where a form cannot be used.
const FORMS: [fn(&str, &Expanded) -> Option<String>; 4] = [
    |operation, found| Some(combined(operation, &of_path(&found.name), "")),
    |operation, found| {
        // A part of a signature does not tell functions apart.
        let signature = of_signature(&found.signature);
        let whole = format!("{operation}.{signature}");
        (whole.len() <= LONGEST_NAME).then_some(whole)
    },
    |operation, found| Some(with_digest(operation, found, &found.signature)),
    |operation, found| Some(with_digest(operation, found, &found.symbol)),
];

/// The names of operations: of each the first form that no other one has.
fn names(operation: &str, found: &[Expanded]) -> Vec<String> {
    let mut names: Vec<Option<String>> = vec![None; found.len()];
    let mut used = HashSet::new();
    for form in FORMS {
        let forms: Vec<Option<String>> = found.iter().map(|found| form(operation, found)).collect();
        let mut counts = HashMap::new();
        for form in forms.iter().flatten() {
            *counts.entry(form.clone()).or_insert(0) += 1;
        }
        for (name, form) in names.iter_mut().zip(forms) {
            let form = form.filter(|form| counts.get(form) == Some(&1));
            if name.is_none()
                && let Some(form) = form
                && used.insert(form.clone())
            {
                *name = Some(form);
            }
        }
    }
    let numbered = |index: usize| combined(operation, &index.to_string(), "");
    let names = names.into_iter().enumerate();
    names
        .map(|(index, name)| name.unwrap_or_else(|| numbered(index)))
        .collect()
}

/// `NAME.function.1a2b3c4d`: the path, and the first digits of a digest of `of`.
fn with_digest(operation: &str, found: &Expanded, of: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(of).into();
    let digits: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    combined(operation, &of_path(&found.name), &format!(".{digits}"))
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

/// `app::get` as `app.get`; characters that a name may not have become `_`.
fn of_path(path: &str) -> String {
    let allowed = |c: char| if is_allowed(c) { c } else { '_' };
    path.replace("::", ".").chars().map(allowed).collect()
}

/// `app::get(int*) const` as `app.get-int-ptr-const`, which is no path's form.
fn of_signature(signature: &str) -> String {
    let mut name = String::new();
    for character in signature.replace("::", ".").chars() {
        if is_allowed(character) {
            name.push(character);
            continue;
        }
        if !name.ends_with('-') {
            name.push('-');
        }
        match character {
            '*' => name += "ptr-",
            '&' => name += "ref-",
            _ => {}
        }
    }
    name
}

/// `NAME.function` and `suffix`. If the whole is too long, the beginning of the function's name is
/// left out, because its last words tell most. If NAME is so long that too little is left for the
/// function, the end of NAME is left out.
fn combined(operation: &str, found: &str, suffix: &str) -> String {
    const LEAST: usize = 24;
    let most = LONGEST_NAME - 1 - suffix.len();
    let kept = found.len().min(LEAST);
    let operation = &operation[..operation.len().min(most - kept)];
    let left = most - operation.len();
    let found = &found[found.len().saturating_sub(left)..];
    format!("{operation}.{found}{suffix}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::probe::Probe;

    fn named(operation: &str, matches: &[(&str, &str, &str)]) -> Vec<String> {
        let spec: ProbeSpec = "n=uprobe:/x:f".parse().unwrap();
        let probe = || Arc::clone(&spec.probe) as Arc<dyn Probe>;
        let found = matches.iter().map(|(name, signature, symbol)| Expanded {
            name: (*name).into(),
            signature: (*signature).into(),
            symbol: (*symbol).into(),
            probe: probe(),
        });
        names(operation, &found.collect::<Vec<_>>())
    }

    #[test]
    fn a_name_tells_one_function_from_all_others_of_its_path() {
        let one = ("app::Store::get", "app::Store::get()", "_Z1");
        let other = ("app::Store::get", "app::Store::get(int)", "_Z2");
        let constant = ("app::Store::get", "app::Store::get() const", "_Z3");
        let pointer = ("app::Store::get", "app::Store::get(int*)", "_Z4");
        let reference = ("app::Store::get", "app::Store::get(int&)", "_Z5");
        let template = ("app::Store::get", "app::Store::get(A<int>)", "_Z6");
        let function = ("app::Store::get", "app::Store::get(A(int))", "_Z7");
        assert_eq!(named("cpp", &[one]), ["cpp.app.Store.get"]);
        // Each keeps its name, whichever others there are.
        for others in [vec![one, other], vec![other, one, constant]] {
            let names = named("cpp", &others);
            let of = |wanted| &names[others.iter().position(|found| *found == wanted).unwrap()];
            assert_eq!(of(one), "cpp.app.Store.get-");
            assert_eq!(of(other), "cpp.app.Store.get-int-");
        }
        assert_eq!(
            named("cpp", &[pointer, reference, constant]),
            [
                "cpp.app.Store.get-int-ptr-",
                "cpp.app.Store.get-int-ref-",
                "cpp.app.Store.get-const"
            ]
        );
        let names = named("cpp", &[one, template, function]);
        assert_eq!(names[0], "cpp.app.Store.get-");
        assert!(names[1].starts_with("cpp.app.Store.get."), "{names:?}");
        assert_ne!(names[1], names[2]);
        let alone = named("cpp", &[function, template]);
        assert_eq!(alone, [names[2].as_str(), names[1].as_str()]);
        assert_eq!(
            named("redis", &[("setCommand", "setCommand", "setCommand")]),
            ["redis.setCommand"]
        );
        assert_eq!(named("n", &[("ü", "ü", "ü")]), ["n._"]);
    }

    #[test]
    fn instances_that_only_the_symbol_tells_apart_have_names_of_this_build() {
        let instance = |symbol| ("S::get", "S::get", symbol);
        let names = named(
            "t",
            &[instance("_ZN1S3get17h1E"), instance("_ZN1S3get17h2E")],
        );
        let next = named(
            "t",
            &[instance("_ZN1S3get17h3E"), instance("_ZN1S3get17h4E")],
        );
        let all: HashSet<&String> = names.iter().chain(&next).collect();
        assert_eq!(all.len(), 4, "{all:?}");
    }

    #[test]
    fn expanded_names_are_distinct_and_valid_for_operations() {
        let long = "a::".repeat(40) + "last";
        let other = "b::".repeat(40) + &long;
        let matches = [
            ("operator<", "operator<(A)", "_Z1"),
            ("operator>", "operator>(A)", "_Z2"),
            (long.as_str(), "long", "_Z3"),
            (&long, "long", "_Z4"),
            (&other, "other", "_Z5"),
            ("f", "f", "_Z6"),
            ("f", "f", "_Z6"),
        ];
        for operation in ["n", &"o".repeat(64)] {
            let names = named(operation, &matches);
            let distinct: HashSet<&String> = names.iter().collect();
            assert_eq!(distinct.len(), matches.len(), "{names:?}");
            for name in &names {
                assert!(name.len() <= LONGEST_NAME, "{name}");
                assert!(
                    format!("{name}=uprobe:/x:f").parse::<ProbeSpec>().is_ok(),
                    "{name}"
                );
            }
        }
    }
}
