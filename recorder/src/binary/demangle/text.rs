//! Readable names as text: which part is a path, which are parameters, generic arguments, tags.
//!
//! Follows brackets and nothing else, so it needs no grammar of C++ or Rust types. A name whose
//! brackets do not match is left as it is.

use std::borrow::Cow;

/// Operators of C++ that contain brackets, the longest first.
const OPERATORS: &[&str] = &[
    "<=>", "->*", "<<=", ">>=", "->", "<<", ">>", "<=", ">=", "()", "[]", "<", ">",
];

/// One character (or operator) of a name, with its depth in brackets.
#[derive(Clone, Copy)]
struct Token<'t> {
    /// Offset of its first byte.
    at: usize,
    text: &'t str,
    /// Number of the brackets that are open around it, itself included.
    depth: usize,
    /// Number of these that are `<`.
    angles: usize,
}

/// Splits a name into characters with their depth; an operator's brackets are plain text. `None`
/// where brackets do not match.
fn tokens(name: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::with_capacity(name.len());
    let mut open: Vec<char> = Vec::new();
    let mut at = 0;
    while let Some(character) = name[at..].chars().next() {
        let length = plain_length(name, at).unwrap_or(character.len_utf8());
        let plain = length > character.len_utf8() || plain_length(name, at).is_some();
        let closes = match character {
            _ if plain => None,
            '<' | '(' | '[' | '{' => {
                open.push(character);
                None
            }
            '>' if open.last() == Some(&'<') => Some('<'),
            ')' => Some('('),
            ']' => Some('['),
            '}' => Some('{'),
            _ => None,
        };
        if let Some(opening) = closes {
            // A `<` that was not closed in these brackets is a comparison in an expression.
            while open
                .last()
                .is_some_and(|last| *last == '<' && opening != '<')
            {
                open.pop();
            }
            if open.last() != Some(&opening) {
                return None;
            }
        }
        tokens.push(Token {
            at,
            text: &name[at..at + length],
            depth: open.len(),
            angles: open.iter().filter(|bracket| **bracket == '<').count(),
        });
        if closes.is_some() {
            open.pop();
        }
        at += length;
    }
    open.is_empty().then_some(tokens)
}

/// Length in bytes of the operator, the arrow or the character literal at `at`: a bracket in it
/// opens and closes nothing.
fn plain_length(name: &str, at: usize) -> Option<usize> {
    const OPERATOR: &str = "operator";
    let rest = &name[at..];
    if rest.starts_with("->") {
        return Some(2);
    }
    if let Some(literal) = rest.strip_prefix('\'') {
        let mut characters = literal.char_indices();
        let (_, first) = characters.next()?;
        let end = match first {
            '\\' => {
                characters
                    .skip(1)
                    .find(|(_, character)| *character == '\'')?
                    .0
            }
            _ => characters.next().filter(|(_, next)| *next == '\'')?.0,
        };
        return Some(end + 2);
    }
    let starts_word = !name[..at].ends_with(is_word);
    let symbol = rest.strip_prefix(OPERATOR).filter(|_| starts_word)?;
    let symbol = OPERATORS
        .iter()
        .find(|operator| symbol.starts_with(**operator))?;
    Some(OPERATOR.len() + symbol.len())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The name without any generic arguments (`<…>`, and the `::` before them in Rust). The brackets
/// of an implementation (`<A as B>::f` of Rust) stay, without the arguments in them.
pub(super) fn without_generics(name: &str) -> String {
    let Some(tokens) = tokens(name) else {
        return name.to_owned();
    };
    // Brackets at the very start are not generic arguments.
    let kept = usize::from(name.starts_with('<'));
    let first = tokens
        .iter()
        .position(|token| kept == 1 && token.angles == 0);
    let mut text = String::with_capacity(name.len());
    for (index, token) in tokens.iter().enumerate() {
        let allowed = match first {
            Some(end) if index < end => 1,
            None if kept == 1 => 1,
            _ => 0,
        };
        if token.angles <= allowed {
            text.push_str(token.text);
        } else if token.angles == allowed + 1 && token.text == "<" {
            let trimmed = text.trim_end_matches("::").len();
            text.truncate(trimmed);
        }
    }
    // `operator<< <int>` has a space there.
    text.truncate(text.trim_end().len());
    text
}

/// The name without the generic arguments that end it: `a::f` of `a::f<int>` and `a::f::<i32>`.
pub(super) fn without_last_generics(name: &str) -> &str {
    before_last_group(name, "<", ">").map_or(name, |path| path.trim_end_matches("::"))
}

/// A C++ signature without its parameters and what follows them: `a::f` of `a::f(int) const &`.
pub(super) fn without_parameters(signature: &str) -> &str {
    let mut rest = signature;
    while let Some(shorter) = ["const", "volatile", "&", "noexcept"]
        .iter()
        .find_map(|word| rest.strip_suffix(word))
    {
        rest = shorter.trim_end();
    }
    before_last_group(rest, "(", ")").unwrap_or(signature)
}

/// The text before the brackets that end it; `None` without such brackets, or with nothing before
/// them.
fn before_last_group<'t>(text: &'t str, opening: &str, closing: &str) -> Option<&'t str> {
    let tokens = tokens(text)?;
    let last = tokens.last()?;
    if last.text != closing || last.depth != 1 {
        return None;
    }
    let opened = tokens
        .iter()
        .rfind(|token| token.depth == 1 && token.text == opening)?;
    (opened.at > 0).then(|| &text[..opened.at])
}

/// A C++ name as c++filt and other tools write it: `f<8u>` for `f<(unsigned int)8>`, no comma
/// before an empty argument pack.
pub(super) fn cxxfilt_style(name: String) -> String {
    const SUFFIXES: &[(&str, &str)] = &[
        ("(unsigned int)", "u"),
        ("(long)", "l"),
        ("(unsigned long)", "ul"),
        ("(long long)", "ll"),
        ("(unsigned long long)", "ull"),
    ];
    let mut name = name.replace(", >", ">").replace(", )", ")");
    for (cast, suffix) in SUFFIXES {
        while let Some((before, after)) = name.split_once(cast) {
            let digits = after
                .bytes()
                .take_while(|byte| byte.is_ascii_digit() || *byte == b'-');
            let (number, rest) = after.split_at(digits.count());
            if number.is_empty() {
                break;
            }
            name = format!("{before}{number}{suffix}{rest}");
        }
    }
    name
}

/// The name without ABI tags: `f()` of `f[abi:cxx11]()`.
pub(super) fn without_tags(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("[abi:") {
        text.push_str(before);
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

/// `A<B>::f` of `<A<B>>::f`: Rust's v0 mangling puts the type of an inherent implementation into
/// brackets, its legacy mangling does not. An implementation of a trait (`<A as B>::f`) stays as it
/// is.
pub(super) fn inherent(name: &str) -> Cow<'_, str> {
    let Some(tokens) = tokens(name).filter(|_| name.starts_with('<')) else {
        return Cow::Borrowed(name);
    };
    let Some(after) = tokens.iter().position(|token| token.depth == 0) else {
        return Cow::Borrowed(name);
    };
    let end = tokens[after].at;
    let is_trait = tokens[..after]
        .iter()
        .any(|token| token.depth == 1 && name[token.at..].starts_with(" as "));
    if is_trait || !name[..end].ends_with('>') {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("{}{}", &name[1..end - 1], &name[end..]))
}

/// The text without spaces, except between two words.
pub(super) fn without_spaces(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut space = false;
    for character in name.trim().chars() {
        if character == ' ' {
            space = true;
            continue;
        }
        if space && is_word(character) && text.ends_with(is_word) {
            text.push(' ');
        }
        space = false;
        text.push(character);
    }
    text
}

/// The last identifier of a path, where every mangling of that path contains it letter for letter.
pub(super) fn last_identifier(path: &str) -> Option<&str> {
    // Manglings abbreviate `std::string` and similar types, and the names of their constructors.
    if path.starts_with("std::") {
        return None;
    }
    let last = path.rsplit("::").next()?.trim_start_matches('~');
    is_identifier(last).then_some(last)
}

pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
