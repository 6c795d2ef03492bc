//! Patterns in function names: `set*` stands for every function whose name begins with `set`.
//!
//! A name that some function has is no pattern: `operator*` is the name of one.

use std::collections::{BTreeMap, BTreeSet};

use wildmatch::WildMatch;

use super::Image;
use super::clones::{self, Role};
use super::demangle;
use super::elf::Elf;
use super::error::Reason;
use super::lookup;

/// A function that a pattern stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The name that stands for this function alone: its symbol without the suffix of a copy, with its
    /// address where other functions have this symbol too.
    pub symbol: String,
    /// The readable path of a mangled symbol, else the symbol.
    pub path: String,
    /// The full readable name of a mangled symbol, else the symbol.
    pub signature: String,
}

/// Whether a name has a `*` or `?` in it, so that it is a pattern where no function has it.
pub fn has_wildcard(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// The functions that `pattern` stands for, by their symbols; `None` where it is the name of a
/// function, or may not be a pattern. `file` is the name of the file for messages.
///
/// Names at one address are one function, and so are the copies that a compiler made of it.
///
/// # Errors
/// Where the file is no program, or no function matches.
pub fn matches<'a>(
    image: impl Into<Image<'a>>,
    file: &str,
    pattern: &str,
) -> Result<Option<Vec<Match>>, Reason> {
    if !has_wildcard(pattern) {
        return Ok(None);
    }
    let elf = image.into().parse()?;
    if lookup::is_name(&elf, pattern) {
        return Ok(None);
    }
    let found = matching(&elf, pattern);
    if found.is_empty() {
        return Err(Reason::NoMatch {
            file: file.into(),
            pattern: pattern.into(),
            symbols: lookup::symbol_hint(&elf),
        });
    }
    Ok(Some(found))
}

/// By symbol, so that the order does not depend on where a linker puts the functions.
fn matching(elf: &Elf<'_>, pattern: &str) -> Vec<Match> {
    let pattern = WildMatch::new(pattern);
    let symbols: BTreeSet<&str> = elf.symbols.iter().map(|symbol| symbol.name).collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    for symbol in &elf.symbols {
        let name = match clones::role(symbol.name) {
            Role::Function => symbol.name,
            // Of some functions a compiler keeps only copies.
            Role::CopyOf(original) if !symbols.contains(original) => original,
            Role::CopyOf(_) | Role::Part => continue,
        };
        let address = symbol.address;
        if !seen.contains(&address)
            && let Some(named) = named(name, &pattern)
        {
            seen.insert(address);
            let symbol = lookup::distinct_name(elf, name, symbol);
            found.insert((name, address), Match { symbol, ..named });
        }
    }
    found.into_values().collect()
}

/// The function of this symbol, where its name matches: the symbol itself, or its readable name
/// with or without parameters.
fn named(symbol: &str, pattern: &WildMatch) -> Option<Match> {
    let path = demangle::path(symbol);
    let readable = path.as_deref().is_some_and(|path| pattern.matches(path))
        || pattern.pattern_chars().contains(&'(')
            && demangle::signature(symbol).is_some_and(|name| pattern.matches(&name));
    (readable || pattern.matches(symbol)).then(|| Match {
        symbol: symbol.to_owned(),
        path: path.unwrap_or_else(|| symbol.to_owned()),
        signature: demangle::signature(symbol).unwrap_or_else(|| symbol.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_is_one_character() {
        for (pattern, name, expected) in [
            ("set*", "set", true),
            ("set*", "setCommand", true),
            ("set*", "reset", false),
            ("*Command", "setCommand", true),
            ("*Command", "setCommandOptions", false),
            ("s*t*d", "setCommand", true),
            ("s*t*x", "setCommand", false),
            ("*", "", true),
            ("?", "", false),
            ("?et?*", "getx", true),
            ("?et?*", "get", false),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("*ab", "aab", true),
            ("**", "x", true),
            ("app::*::get", "app::Store::get", true),
            ("?", "é", true),
        ] {
            let matches = named(name, &WildMatch::new(pattern)).is_some();
            assert_eq!(matches, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(named(&"a".repeat(5000), &WildMatch::new(&pattern)).is_none());
    }
}
