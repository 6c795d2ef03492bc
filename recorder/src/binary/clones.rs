//! Copies (clones) of a function that the compiler specialised for some of its callers: separate
//! code whose symbol is the function's name with a suffix. A call of a copy is a call of the
//! function.

use super::elf::{Elf, Symbol};

/// Suffixes that compilers give to the symbols of copies, without their numbers.
const COPY_SUFFIXES: &[&str] = &[
    "constprop",
    "isra",
    "llvm",
    "lto_priv",
    "localalias",
    "specialized",
    "__uniq",
];

/// The copies of a function.
#[derive(Debug, Default)]
pub(super) struct Clones<'a> {
    /// Copies whose symbol names one address only, by address.
    pub(super) unique: Vec<Symbol<'a>>,
    /// Symbols that name several addresses: of which function each is a copy is not known.
    pub(super) ambiguous: Vec<&'a str>,
}

/// The code that a symbol stands for, by its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role<'s> {
    /// A function: the symbol has no suffix that compilers add.
    Function,
    /// A copy of the function with this name.
    CopyOf(&'s str),
    /// A part that was split off a function (`.cold`, `.part.N`).
    Part,
}

/// The code that `symbol` stands for, whether or not its function has a symbol of its own.
pub(super) fn role(symbol: &str) -> Role<'_> {
    let mut dots = symbol.match_indices('.').filter(|(at, _)| *at > 0);
    let role = dots.find_map(|(at, _)| {
        let (name, rest) = (&symbol[..at], &symbol[at + 1..]);
        if rest.split('.').any(|word| word == "part" || word == "cold") {
            return Some(Role::Part);
        }
        is_clone(symbol, name).then_some(Role::CopyOf(name))
    });
    role.unwrap_or(Role::Function)
}

/// The copies of the function with these names, except the code at `address`.
pub(super) fn of<'a>(elf: &Elf<'a>, names: &[&str], address: Option<u64>) -> Clones<'a> {
    let mut found: Vec<Symbol<'a>> = elf
        .symbols
        .iter()
        .filter(|symbol| Some(symbol.address) != address && !symbol.indirect)
        .filter(|symbol| names.iter().any(|name| is_clone(symbol.name, name)))
        .copied()
        .collect();
    found.dedup_by_key(|symbol| symbol.address);
    let count = |name: &str| found.iter().filter(|symbol| symbol.name == name).count();
    let (unique, several): (Vec<Symbol<'a>>, Vec<Symbol<'a>>) = found
        .iter()
        .copied()
        .partition(|symbol| count(symbol.name) == 1);
    let mut ambiguous: Vec<&str> = several.iter().map(|symbol| symbol.name).collect();
    ambiguous.sort_unstable();
    ambiguous.dedup();
    Clones { unique, ambiguous }
}

/// Split-off parts (`.part`) of the function outside of the `known` address ranges. Callers that
/// inlined the start of the function enter these parts directly.
pub(super) fn other_parts<'a>(elf: &Elf<'a>, names: &[&str], known: &[(u64, u64)]) -> Vec<&'a str> {
    let is_known = |at: u64| {
        known
            .iter()
            .any(|(start, end)| (*start..*end).contains(&at))
    };
    elf.symbols
        .iter()
        .filter(|symbol| !is_known(symbol.address))
        .filter(|symbol| {
            names
                .iter()
                .filter_map(|name| suffix(symbol.name, name))
                .any(|rest| is_part(rest) && !rest.split('.').any(|word| word == "cold"))
        })
        .map(|symbol| symbol.name)
        .collect()
}

fn suffix<'s>(symbol: &'s str, name: &str) -> Option<&'s str> {
    symbol.strip_prefix(name)?.strip_prefix('.')
}

fn is_part(rest: &str) -> bool {
    rest.split('.').any(|word| word == "part")
}

/// `NAME.constprop.0`, `NAME.constprop.0.isra.0`, `NAME.llvm.123`.
fn is_clone(symbol: &str, name: &str) -> bool {
    let Some(rest) = suffix(symbol, name) else {
        return false;
    };
    let mut words = rest.split('.');
    let first = words.next().unwrap_or_default();
    COPY_SUFFIXES.contains(&first)
        && words.all(|word| {
            COPY_SUFFIXES.contains(&word)
                || !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::{Role, is_clone, role};

    #[test]
    fn a_suffix_tells_copies_and_parts_from_functions() {
        for (symbol, expected) in [
            ("op", Role::Function),
            (".hidden", Role::Function),
            ("op.avx2", Role::Function),
            ("op.constprop.0.isra.0", Role::CopyOf("op")),
            ("_Z2opv.llvm.77", Role::CopyOf("_Z2opv")),
            ("op.avx2.constprop.0", Role::CopyOf("op.avx2")),
            ("op.part.0", Role::Part),
            ("op.constprop.0.cold", Role::Part),
        ] {
            assert_eq!(role(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn names_of_copies() {
        for name in [
            "op.constprop.0",
            "op.isra.12",
            "op.constprop.0.isra.0",
            "op.llvm.1234567",
            "op.lto_priv.0",
            "op.localalias",
        ] {
            assert!(is_clone(name, "op"), "{name}");
        }
        for name in [
            "op",
            "op.",
            "op.part.0",
            "op.cold",
            "op.constprop.0.cold",
            "op.isra.0.part.0",
            "op2.constprop.0",
            "op.avx2",
            "op.constprop..0",
        ] {
            assert!(!is_clone(name, "op"), "{name}");
        }
    }
}
