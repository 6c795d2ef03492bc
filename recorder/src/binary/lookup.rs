//! The function that a name stands for: exactly one of the file, or a refusal that lists all
//! functions of that name.
//!
//! A name is a symbol as it is in the file, or the readable name of mangled symbols. Several
//! symbols at one address are one function, and so are the copies that a compiler made of it;
//! overloads and instances of a template are not. `NAME@0xADDRESS` is the function of that name at
//! that address, where several have the name.

use std::collections::BTreeSet;

use super::clones;
use super::demangle::{self, Wanted};
use super::elf::{Elf, Symbol};
use super::error::{self, Choice, Reason};
use super::suggest;

/// A function that was found by its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedFunction<'a> {
    /// Its symbol, or that of a copy where the compiler kept nothing else.
    pub(super) symbol: Symbol<'a>,
    /// Its name without the suffix of a copy.
    pub(super) name: &'a str,
}

/// Finds the one function of that name. A symbol that is exactly the name takes precedence over
/// readable names.
pub(super) fn find<'a>(
    elf: &Elf<'a>,
    file: &str,
    function: &str,
) -> Result<NamedFunction<'a>, Reason> {
    if let Some((name, address)) = split_address(function) {
        let at_address = find_at(elf, name, address);
        return at_address.ok_or_else(|| missing(elf, file, function));
    }
    let mut found = symbols_named(elf, function);
    if found.is_empty() && !elf.imports.contains(function) {
        found.extend(copies_named(elf, function));
        found.extend(named_readably(elf, function));
    }
    found.sort_by_key(|found| found.symbol.address);
    found.dedup_by_key(|found| found.symbol.address);
    match found.as_slice() {
        [] => Err(missing(elf, file, function)),
        [one] if one.symbol.indirect => Err(Reason::Indirect(function.into())),
        [one] => Ok(*one),
        several => Err(Reason::Ambiguous {
            function: function.into(),
            choices: several.iter().map(|found| choice(&found.symbol)).collect(),
        }),
    }
}

/// `name` and `address` of `name@0xaddress`.
fn split_address(function: &str) -> Option<(&str, u64)> {
    let (name, digits) = function.rsplit_once("@0x")?;
    Some((name, u64::from_str_radix(digits, 16).ok()?))
}

/// The function of that name at that address: a version of it that is not the default one too.
fn find_at<'a>(elf: &Elf<'a>, name: &str, address: u64) -> Option<NamedFunction<'a>> {
    let wanted = Wanted::new(name);
    let has_name = |symbol: &&Symbol<'a>| symbol.name == name || wanted.matches(symbol.name);
    let symbol = *elf.symbols_at(address).find(has_name)?;
    Some(NamedFunction {
        symbol,
        name: symbol.name,
    })
}

/// How to write the function of the symbol, so that no other one is meant: its name, with the address
/// where other functions have it too.
pub(super) fn distinct_name(elf: &Elf<'_>, name: &str, symbol: &Symbol<'_>) -> String {
    let named = symbols_named(elf, name);
    let is_other = |named: &NamedFunction<'_>| named.symbol.address != symbol.address;
    match named.iter().any(is_other) {
        false => name.to_owned(),
        true => error::with_address(name, symbol.address),
    }
}

/// Whether something in the file has this very name: a function, several, or an import.
pub(super) fn is_name(elf: &Elf<'_>, name: &str) -> bool {
    elf.imports.contains(name)
        || !symbols_named(elf, name).is_empty()
        || copies_named(elf, name).is_some()
        || !named_readably(elf, name).is_empty()
}

fn symbols_named<'a>(elf: &Elf<'a>, name: &str) -> Vec<NamedFunction<'a>> {
    let of_name = elf.symbols.iter().filter(|symbol| symbol.name == name);
    of_default_version(of_name.copied().collect())
        .into_iter()
        .map(|symbol| NamedFunction {
            symbol,
            name: symbol.name,
        })
        .collect()
}

/// The first copy of the function: a compiler may keep only copies of a function that no other file
/// can call.
fn copies_named<'a>(elf: &Elf<'a>, name: &str) -> Option<NamedFunction<'a>> {
    let copy = *clones::of(elf, &[name], None).unique.first()?;
    Some(NamedFunction {
        symbol: copy,
        name: copy.name.get(..name.len())?,
    })
}

/// The functions that have this readable name; where there are any, also those whose mangled names
/// cannot be read and that could have it.
fn named_readably<'a>(elf: &Elf<'a>, function: &str) -> Vec<NamedFunction<'a>> {
    let wanted = Wanted::new(function);
    let named = |matches: &dyn Fn(&str) -> bool| -> Vec<NamedFunction<'a>> {
        let symbols = elf.symbols.iter().map(|symbol| symbol.name);
        let names: BTreeSet<&str> = symbols
            .filter(|symbol| matches(symbol))
            .filter_map(demangle::base)
            .collect();
        names
            .into_iter()
            .flat_map(|name| symbols_or_copy(elf, name))
            .collect()
    };
    let mut found = named(&|symbol| wanted.matches(symbol));
    if !found.is_empty() {
        found.extend(named(&|symbol| wanted.could_match(symbol)));
    }
    found
}

fn symbols_or_copy<'a>(elf: &Elf<'a>, name: &str) -> Vec<NamedFunction<'a>> {
    let mut found = symbols_named(elf, name);
    if found.is_empty() {
        found.extend(copies_named(elf, name));
    }
    found
}

/// Of several versions of a symbol, the one that other files link to by default.
fn of_default_version(mut symbols: Vec<Symbol<'_>>) -> Vec<Symbol<'_>> {
    if symbols.iter().any(|symbol| symbol.default_version) {
        symbols.retain(|symbol| symbol.default_version);
    }
    symbols
}

fn choice(symbol: &Symbol<'_>) -> Choice {
    Choice {
        symbol: symbol.name.into(),
        signature: demangle::signature(symbol.name),
        address: symbol.address,
    }
}

fn missing(elf: &Elf<'_>, file: &str, function: &str) -> Reason {
    let wanted = Wanted::new(function);
    let imported = |name: &&str| *name == function || wanted.matches(name);
    if elf.imports.iter().any(imported) {
        return Reason::Imported {
            function: function.into(),
            needed: elf.needed.iter().map(|name| (*name).to_owned()).collect(),
        };
    }
    Reason::UnknownFunction {
        file: file.into(),
        function: function.into(),
        near: near(elf, function),
        symbols: symbol_hint(elf),
    }
}

/// Names similar to one that does not exist: symbols where it is mangled, else readable names.
fn near(elf: &Elf<'_>, function: &str) -> Vec<String> {
    let symbols = || elf.symbols.iter().map(|symbol| symbol.name);
    if demangle::base(function).is_some() {
        return suggest::nearest(function, symbols());
    }
    let wanted = Wanted::new(function);
    let unread: Vec<String> = symbols()
        .filter(|symbol| wanted.could_match(symbol))
        .map(ToOwned::to_owned)
        .collect();
    if !unread.is_empty() {
        return unread;
    }
    let readable: Vec<String> = symbols()
        .map(|symbol| demangle::path(symbol).unwrap_or_else(|| symbol.to_owned()))
        .collect();
    suggest::nearest(function, readable.iter().map(String::as_str))
}

/// The kind of symbols that the file has, in words.
pub(super) fn symbol_hint(elf: &Elf<'_>) -> String {
    match (elf.has_names, elf.symbols.len()) {
        (_, 0) => "the file is stripped of all function symbols".into(),
        (false, count) => {
            format!("the file is stripped: only its {count} exported functions have names")
        }
        (true, _) => "a function that is inlined everywhere has no code of its own".into(),
    }
}
