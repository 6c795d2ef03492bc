//! How a comma or colon inside a file path or name is written: a backslash before `,`, `:` or `\`
//! makes it an ordinary character. A backslash before any other character stands for itself.

use std::borrow::Cow;

const SPECIAL: [char; 3] = [',', ':', '\\'];

/// The escape rules, for hints and help.
pub(super) const HINT: &str = r"a comma in FILE or FUNCTION is written '\,', a backslash '\\', and a colon may be written '\:'";

/// Splits at the first comma that is not escaped; both parts are still escaped.
pub(super) fn split_rules(text: &str) -> (&str, Option<&str>) {
    match unescaped(text, ',').next() {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Splits at the last colon that is neither escaped nor part of a `::`; both parts are still
/// escaped.
pub(super) fn split_file(text: &str) -> Option<(&str, &str)> {
    let colons: Vec<usize> = unescaped(text, ':').collect();
    let is_colon = |at: usize| colons.binary_search(&at).is_ok();
    let single = |at: &&usize| !is_colon(**at + 1) && !at.checked_sub(1).is_some_and(is_colon);
    let at = *colons.iter().rev().find(single)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The text without its escapes.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if character == '\\' && SPECIAL.contains(next) => {
                plain.push(*next);
                characters.next();
            }
            _ => plain.push(character),
        }
    }
    plain
}

/// A path as it is written in a probe.
pub(super) fn escape_file(file: &str) -> Cow<'_, str> {
    escape(file, &SPECIAL)
}

/// A name (of a function, a marker) as it is written in a probe: the `::` of C++ and Rust is not
/// escaped.
pub(super) fn escape_name(name: &str) -> Cow<'_, str> {
    let pairs_only = name
        .split(|character| character != ':')
        .all(|colons| colons.is_empty() || colons.len() == 2);
    if pairs_only && !name.starts_with(':') {
        escape(name, &[',', '\\'])
    } else {
        escape(name, &SPECIAL)
    }
}

fn escape<'a>(text: &'a str, special: &[char]) -> Cow<'a, str> {
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 4);
    for character in text.chars() {
        if special.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    Cow::Owned(escaped)
}

/// The byte positions of each `wanted` that is not escaped.
fn unescaped(text: &str, wanted: char) -> impl Iterator<Item = usize> {
    let mut escaped = false;
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, character) = characters.next()?;
            let is_escaped = std::mem::take(&mut escaped);
            if is_escaped {
                continue;
            }
            if character == wanted {
                return Some(at);
            }
            escaped = character == '\\'
                && characters
                    .peek()
                    .is_some_and(|(_, next)| SPECIAL.contains(next));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_backslash_makes_a_comma_or_colon_ordinary() {
        assert_eq!(split_rules(r"p\,q:f,type=1"), (r"p\,q:f", Some("type=1")));
        assert_eq!(split_rules(r"p\\,type=1"), (r"p\\", Some("type=1")));
        assert_eq!(split_rules(r"p\n\,"), (r"p\n\,", None));
        assert_eq!(unescape(r"a\,b\:c\\d\n"), r"a,b:c\d\n");
        assert_eq!(split_file(r"/a\:\:b:f"), Some((r"/a\:\:b", "f")));
        assert_eq!(split_file(r"/a:b\:c"), Some(("/a", r"b\:c")));
        assert_eq!(split_file("/a::b"), None);
    }

    proptest! {
        #[test]
        fn escaped_names_are_split_and_unescaped_to_themselves(
            file in r"[a-z,:\\/é]{1,12}", name in r"[a-z,:\\é]{1,12}", rules in r"[a-z,:\\]{0,8}",
        ) {
            let written = format!("{}:{},{rules}", escape_file(&file), escape_name(&name));
            let (place, rest) = split_rules(&written);
            prop_assert_eq!(rest, Some(rules.as_str()));
            let (first, last) = split_file(place).unwrap();
            prop_assert_eq!((unescape(first), unescape(last)), (file, name));
        }
    }
}
