//! Colours of a text: keywords, strings, numbers, comments. Pure. The text itself never changes.

use super::names::KEYWORDS;

const KEYWORD: &str = "\u{1b}[1;34m";
const STRING: &str = "\u{1b}[32m";
const NUMBER: &str = "\u{1b}[36m";
const COMMENT: &str = "\u{1b}[2m";
const END: &str = "\u{1b}[0m";

/// The text with its colours.
pub(super) fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, colour) = token(rest, first);
        let (token, after) = rest.split_at(length);
        match colour {
            // Each line has its colours, since an indent comes between lines.
            Some(colour) => {
                let lines = token.split('\n').map(|line| format!("{colour}{line}{END}"));
                shown.push_str(&lines.collect::<Vec<_>>().join("\n"));
            }
            None => shown.push_str(token),
        }
        rest = after;
    }
    shown
}

fn token(rest: &str, first: char) -> (usize, Option<&'static str>) {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = || {
        rest.find(|letter| !is_of_word(letter))
            .unwrap_or(rest.len())
    };
    if rest.starts_with("--") {
        (rest.find('\n').unwrap_or(rest.len()), Some(COMMENT))
    } else if rest.starts_with("/*") {
        (
            rest.find("*/").map_or(rest.len(), |end| end + 2),
            Some(COMMENT),
        )
    } else if first == '\'' {
        let end = rest[1..].find('\'');
        (end.map_or(rest.len(), |end| end + 2), Some(STRING))
    } else if first.is_ascii_digit() {
        let is_of_number = |letter: char| is_of_word(letter) || letter == '.';
        let end = rest.find(|letter| !is_of_number(letter));
        (end.unwrap_or(rest.len()), Some(NUMBER))
    } else if is_of_word(first) {
        let length = word();
        let upper = rest[..length].to_uppercase();
        let is_keyword = KEYWORDS.binary_search(&upper.as_str()).is_ok();
        (length, is_keyword.then_some(KEYWORD))
    } else {
        (first.len_utf8(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_have_the_colour_of_their_kind() {
        assert!(KEYWORDS.is_sorted());
        let shown = coloured("select x1, 2.5, 'a' -- end");
        assert_eq!(
            shown,
            format!(
                "{KEYWORD}select{END} x1, {NUMBER}2.5{END}, {STRING}'a'{END} {COMMENT}-- end{END}"
            )
        );
    }

    proptest! {
        #[test]
        fn colours_change_no_text(text in "[a-z0-9 '\n/*-]{0,30}\\PC{0,5}") {
            let mut shown = coloured(&text);
            for colour in [KEYWORD, STRING, NUMBER, COMMENT, END] {
                shown = shown.replace(colour, "");
            }
            prop_assert_eq!(shown, text);
        }
    }
}
