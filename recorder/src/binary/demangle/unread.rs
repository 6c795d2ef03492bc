//! Symbols that the demangler cannot read (newer C++ manglings: constraints, modules): the paths
//! that they could have.

use super::text;

/// Whether a C++ symbol that cannot be demangled could have this path: it starts with the path's
/// first identifier, and the others follow in order. In doubt the answer is yes.
pub(super) fn could_have_path(symbol: &str, path: &str) -> bool {
    let Some(rest) = symbol.strip_prefix("_Z") else {
        return false;
    };
    let rest = rest.trim_start_matches('L').trim_start_matches('N');
    let rest = rest.trim_start_matches(['r', 'V', 'K', 'R', 'O', 'H']);
    let mut identifiers = path.split("::").map(encoded);
    let Some(mut rest) = identifiers
        .next()
        .and_then(|first| rest.strip_prefix(&*first?))
    else {
        return false;
    };
    for identifier in identifiers.flatten() {
        let next = match rest.strip_prefix(&*identifier) {
            Some(next) => Some(next),
            // Arguments or a tag, of unknown length.
            None if rest.starts_with(['I', 'B']) => {
                rest.split_once(&*identifier).map(|(_, next)| next)
            }
            None => None,
        };
        let Some(next) = next else { return false };
        rest = next;
    }
    true
}

/// An identifier as a mangled name holds it: its length, then its text. `None` for operators, which
/// are encoded otherwise.
fn encoded(identifier: &str) -> Option<String> {
    let name = identifier.trim_start_matches('~');
    match name {
        "std" => Some("St".to_owned()),
        _ if text::is_identifier(name) => Some(format!("{}{name}", name.len())),
        _ => None,
    }
}
