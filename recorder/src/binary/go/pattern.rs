//! Patterns in the names of Go functions: `main.(*Server).*` stands for all methods of a type.
//!
//! `(*` is part of a name, as in `main.(*Server).Put`; each other `*`, and `(*` before `)`, stands for
//! any text. A generic function is one function, `main.Map[...]`, with all its instances; a pattern
//! that does not match this name stands for the instances that it matches.

use std::collections::BTreeSet;

use wildmatch::WildMatchPattern;

use super::super::elf::Elf;
use super::super::error::Reason;
use super::function::SYMBOLS;
use super::{Entry, Program, names};

/// Stands for any text; no name has it.
const ANY: char = '\u{1}';
type Pattern = WildMatchPattern<ANY, '?'>;

/// The names of the functions that `pattern` stands for; `None` where it is the name of a function, or
/// no pattern. Without functions in assembly, and without those that the compiler made to call another
/// one. `file` is the name of the file for messages.
///
/// # Errors
/// Where the file has no Go functions that can be read, or none of them matches.
pub fn matches(bytes: &[u8], file: &str, pattern: &str) -> Result<Option<Vec<String>>, Reason> {
    let wildcards = with_wildcards(pattern);
    if !wildcards.contains([ANY, '?']) {
        return Ok(None);
    }
    let elf = Elf::parse(bytes)?;
    let table = &Program::parse(&elf)?.functions;
    if table.iter().any(|entry| names::means(pattern, entry.name)) {
        return Ok(None);
    }
    let wildcards = Pattern::new(&wildcards);
    let is_function = |entry: &Entry<'_>| {
        entry.start < entry.end && !table.is_assembly(entry) && !table.is_wrapper(entry)
    };
    let matched = table.iter().filter_map(|entry| {
        let name = matched(&wildcards, entry.name)?;
        is_function(&entry).then_some(name)
    });
    let found: BTreeSet<String> = matched.collect();
    if found.is_empty() {
        return Err(Reason::NoMatch {
            file: file.into(),
            pattern: pattern.into(),
            symbols: SYMBOLS.into(),
        });
    }
    Ok(Some(found.into_iter().collect()))
}

/// The pattern with [`ANY`] for each `*` that is not part of a name.
fn with_wildcards(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut before = None;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let of_pointer = before == Some('(') && characters.peek().is_some_and(|next| *next != ')');
        result.push(match character {
            '*' if !of_pointer => ANY,
            other => other,
        });
        before = Some(character);
    }
    result
}

/// The name under which the pattern stands for the function `name` of the table: that of all
/// instances, or the own one of an instance.
fn matched(pattern: &Pattern, name: &str) -> Option<String> {
    let candidates = [names::general(name), names::readable(name)];
    let found = candidates.into_iter().find(|candidate| {
        let shorter = candidate
            .match_indices('/')
            .map(|(at, _)| &candidate[at + 1..]);
        std::iter::once(&**candidate)
            .chain(shorter)
            .any(|name| pattern.matches(name))
    });
    found.map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_after_a_parenthesis_is_part_of_a_name() {
        for (pattern, name, expected) in [
            ("main.*", "main.op", Some("main.op")),
            (
                "main.*",
                "main.(*list[go.shape.int]).push",
                Some("main.(*list[...]).push"),
            ),
            ("main.*", "runtime.main", None),
            (
                "main.(*Server).*",
                "main.(*Server).Put",
                Some("main.(*Server).Put"),
            ),
            ("main.(*Server).*", "main.Server.Put", None),
            (
                "main.(*S*).Put",
                "main.(*Server).Put",
                Some("main.(*Server).Put"),
            ),
            (
                "main.(*).Put",
                "main.(*Server).Put",
                Some("main.(*Server).Put"),
            ),
            (
                "main.Sum[*]",
                "main.Sum[go.shape.int]",
                Some("main.Sum[...]"),
            ),
            ("main.S?m*", "main.Sum[go.shape.int]", Some("main.Sum[...]")),
            (
                "main.Sum[go.shape.*]",
                "main.Sum[go.shape.int]",
                Some("main.Sum[go.shape.int]"),
            ),
            (
                "server.*",
                "go.etcd.io/etcd/server.Put",
                Some("go.etcd.io/etcd/server.Put"),
            ),
            (
                "yaml.v3.*",
                "gopkg.in/yaml%2ev3.Unmarshal",
                Some("gopkg.in/yaml.v3.Unmarshal"),
            ),
            ("erver.*", "go.etcd.io/etcd/server.Put", None),
        ] {
            let wildcards = Pattern::new(&with_wildcards(pattern));
            let found = matched(&wildcards, name);
            assert_eq!(found.as_deref(), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_name_of_a_method_is_no_pattern() {
        for name in ["main.(*Server).Put", "main.(*list[...]).push", "main.op"] {
            assert_eq!(with_wildcards(name), name);
        }
    }
}
