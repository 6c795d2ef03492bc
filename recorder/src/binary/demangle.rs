//! Demangled (readable) names of symbols, of C++ (Itanium ABI) and of Rust (legacy and v0), and the
//! forms of them that a person may write.
//!
//! Reads names only; `lookup` decides which of several functions of one name is meant.

use std::fmt::{self, Write};

use cpp_demangle::DemangleOptions;

mod text;
mod unread;

/// Longest symbol that is read, in bytes.
const LONGEST_SYMBOL: usize = 1 << 16;
/// Longest readable name, in bytes: back references turn short symbols into endless names.
const LONGEST_NAME: usize = 1 << 16;

/// A symbol's name without the suffix that a compiler adds for a copy or a split-off part:
/// `_Z3foov` of `_Z3foov.constprop.0`. `None` where the symbol is not mangled.
pub fn base(symbol: &str) -> Option<&str> {
    if let Some(end) = legacy_rust_end(symbol) {
        return Some(&symbol[..end]);
    }
    (symbol.starts_with("_Z") || symbol.starts_with("_R"))
        .then(|| symbol.split_once('.').map_or(symbol, |(base, _)| base))
}

/// The full readable name: a C++ function with its parameters and qualifiers, without its return
/// type; a Rust path with its generic arguments, without its hash.
pub fn signature(symbol: &str) -> Option<String> {
    let base = base(symbol)?;
    match language(base) {
        Language::Rust => rust(base),
        Language::Cpp => cpp(base, DemangleOptions::new().no_return_type()),
    }
}

/// The path alone: `app::Store::get`, without parameters, generic arguments and ABI tags.
pub fn path(symbol: &str) -> Option<String> {
    let signature = signature(symbol)?;
    Some(match language(base(symbol)?) {
        Language::Rust => text::without_generics(&text::inherent(&signature)),
        Language::Cpp => cpp_path(&signature),
    })
}

/// A readable name as somebody wrote it, ready to be compared with many symbols.
#[derive(Clone, Debug)]
pub struct Wanted {
    name: String,
    /// Its path; `None` where it has parameters, which tell overloads apart.
    path: Option<String>,
    /// A part of the name that each matching symbol contains as it is, so that few symbols need to
    /// be demangled.
    contained: Option<String>,
}

impl Wanted {
    /// Reads what was written; spaces do not matter.
    pub fn new(name: &str) -> Self {
        let before = text::without_parameters(name);
        let path = text::without_generics(before);
        Self {
            name: text::without_spaces(name),
            contained: text::last_identifier(&path).map(ToOwned::to_owned),
            path: (before == name).then_some(path),
        }
    }

    /// Whether the symbol has this name, in any of the forms that a person may write: with or
    /// without parameters, return type, generic arguments and ABI tags.
    pub fn matches(&self, symbol: &str) -> bool {
        let contained = self.contained.as_deref().unwrap_or_default();
        symbol.contains(contained) && self.is_name_of(symbol).unwrap_or(false)
    }

    /// Whether the symbol is mangled, cannot be demangled, and could have this name. Only where the
    /// name has no parameters: a full signature means exactly the function that has it.
    pub fn could_match(&self, symbol: &str) -> bool {
        let path = self.path.as_deref();
        path.is_some_and(|path| unread::could_have_path(symbol, path))
            && signature(symbol).is_none()
    }

    fn is_name_of(&self, symbol: &str) -> Option<bool> {
        let base = base(symbol)?;
        let is = |name: &str| text::without_spaces(name) == self.name;
        let signature = signature(base)?;
        Some(match language(base) {
            Language::Rust => {
                let plain = text::inherent(&signature);
                let forms = [signature.as_str(), &plain];
                forms.iter().any(|name| is(name))
                    || forms
                        .iter()
                        .any(|name| is(text::without_last_generics(name)))
                    || is(&text::without_generics(&plain))
            }
            Language::Cpp => {
                let untagged = text::without_tags(&signature);
                let is_path = |signature: &str| {
                    let path = text::without_parameters(signature);
                    is(path) || is(text::without_last_generics(path))
                };
                let forms = [&signature, &untagged];
                forms.iter().any(|name| is(name) || is_path(name))
                    || is(&cpp_path(&signature))
                    || is(&cpp(base, DemangleOptions::new())?)
            }
        })
    }
}

enum Language {
    Rust,
    Cpp,
}

fn language(base: &str) -> Language {
    if base.starts_with("_R") || legacy_rust_end(base).is_some() {
        Language::Rust
    } else {
        Language::Cpp
    }
}

fn rust(symbol: &str) -> Option<String> {
    let name = rustc_demangle::try_demangle(symbol).ok()?;
    let mut bounded = Bounded::default();
    write!(bounded, "{name:#}").ok()?;
    Some(bounded.text)
}

fn cpp(symbol: &str, options: DemangleOptions) -> Option<String> {
    if symbol.len() > LONGEST_SYMBOL {
        return None;
    }
    let symbol = cpp_demangle::Symbol::new(symbol).ok()?;
    let mut bounded = Bounded::default();
    symbol.structured_demangle(&mut bounded, &options).ok()?;
    Some(text::cxxfilt_style(bounded.text))
}

fn cpp_path(signature: &str) -> String {
    text::without_generics(&text::without_tags(text::without_parameters(signature)))
}

/// The end of a symbol in Rust's legacy mangling, without suffixes: it ends in `17h`, 16
/// hexadecimal digits and `E`.
fn legacy_rust_end(symbol: &str) -> Option<usize> {
    const HASH: &str = "17h";
    const DIGITS: usize = 16;
    symbol.strip_prefix("_ZN")?;
    symbol.rmatch_indices(HASH).find_map(|(at, _)| {
        let digits = symbol.get(at + HASH.len()..at + HASH.len() + DIGITS)?;
        let end = at + HASH.len() + DIGITS + 1;
        let ends = symbol.get(end - 1..end)? == "E"
            && matches!(symbol.as_bytes().get(end), None | Some(b'.'));
        (ends && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(end)
    })
}

/// Text of bounded length; a longer one is an error.
#[derive(Default)]
struct Bounded {
    text: String,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > LONGEST_NAME {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
