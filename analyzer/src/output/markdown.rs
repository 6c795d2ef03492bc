//! Markdown: text that is shown literally, and the rows of a query as a table.

use arrow::array::RecordBatch;
use soakbox_cli::{Result, escaped};

use super::rows::{RowEncoder, for_each_row};

/// Stands between two characters, without a width: GitHub looks for names, numbers of issues and hashes in
/// the text that is shown, where a reference to a character is the character.
const APART: &str = "&#8203;";
/// Least and most digits of a hash that GitHub looks for.
const HASH_DIGITS: std::ops::RangeInclusive<usize> = 7..=40;

/// Text that no Markdown reader interprets: as markup, as a link, or as somebody's name, an issue or a commit.
pub(crate) fn literal(text: &str) -> String {
    let text = escaped(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(first) = rest.chars().next() {
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric()).len();
        let (part, after) = rest.split_at(word.max(first.len_utf8()));
        let next = after.chars().next();
        match part {
            "<" => shown.push_str("&lt;"),
            ">" => shown.push_str("&gt;"),
            "&" => shown.push_str("&amp;"),
            "@" => shown.extend(["@", APART]),
            "#" if next.is_some_and(|next| next.is_ascii_digit()) => shown.extend(["\\#", APART]),
            "-" if is_issue_prefix(&text[..text.len() - rest.len()]) => shown.extend(["-", APART]),
            "\\" | "`" | "*" | "_" | "[" | "]" | "|" | "~" | "!" | "#" => {
                shown.extend(["\\", part])
            }
            // An address would become a link.
            ":" if after.starts_with("//") => shown.push_str("&#58;"),
            "www" if next == Some('.') => shown.extend(["www", APART]),
            hash if is_hash(hash) => shown.extend(["`", hash, "`"]),
            other => shown.push_str(other),
        }
        rest = after;
    }
    shown
}

/// Whether a dash and a number after it are a link to an issue, as in `GH-12`.
fn is_issue_prefix(before: &str) -> bool {
    let start = before.len().checked_sub(2);
    let prefix = start.and_then(|start| before.get(start..));
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("gh"))
}

/// Whether a word may be the hash of a commit, which would be a link. Short ones without a letter are numbers.
fn is_hash(word: &str) -> bool {
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_letter = word.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_hex && HASH_DIGITS.contains(&word.len()) && (has_letter || word.len() == *HASH_DIGITS.end())
}

/// A table with numbers to the right.
#[derive(Default)]
pub struct MarkdownRows {
    has_header: bool,
}

impl RowEncoder for MarkdownRows {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = batch.schema();
        if !self.has_header {
            self.has_header = true;
            let fields = schema.fields().iter();
            line(fields.clone().map(|field| literal(field.name())), out);
            let rules = fields.map(|field| match field.data_type().is_numeric() {
                true => "---:".to_owned(),
                false => "---".to_owned(),
            });
            line(rules, out);
        }
        for_each_row(batch, "", |cells| {
            line(cells.map(|cell| literal(&cell)), out)
        })
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    let cells: Vec<String> = cells.collect();
    out.extend(format!("| {} |\n", cells.join(" | ")).into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        for (text, shown) in [
            ("request", "request"),
            ("a|b\n*c*", "a\\|b\\\\n\\*c\\*"),
            ("<img src=x>&amp;", "&lt;img src=x&gt;&amp;amp;"),
            (
                "@team #12 [x](https://e.org)",
                "@&#8203;team \\#&#8203;12 \\[x\\](https&#58;//e.org)",
            ),
            ("# 1 #x", "\\# 1 \\#x"),
            ("gh-12, GH-3 ugh", "gh-&#8203;12, GH-&#8203;3 ugh"),
            ("www.e.org", "www&#8203;.e.org"),
            ("build 0a1b2c3 of 1234567", "build `0a1b2c3` of 1234567"),
            ("0a1b2c_0a1b2c3d4", "0a1b2c\\_`0a1b2c3d4`"),
        ] {
            assert_eq!(literal(text), shown);
        }
    }

    /// What GitHub makes a link of, in the text that is shown.
    fn is_referred_to(text: &str) -> bool {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        let has_pair = |first: &str, then: fn(char) -> bool| {
            let lower = text.to_ascii_lowercase();
            lower
                .match_indices(first)
                .any(|(at, _)| lower[at + first.len()..].starts_with(then))
        };
        has_pair("@", char::is_alphanumeric)
            || has_pair("#", |c| c.is_ascii_digit())
            || has_pair("gh-", |c| c.is_ascii_digit())
            || words.iter().any(|word| is_hash(word))
    }

    /// The elements that a Markdown reader makes of a text, with what is shown outside of code.
    fn rendered(markdown: &str) -> (Vec<String>, String) {
        let mut options = comrak::Options::default();
        let extension = &mut options.extension;
        extension.strikethrough = true;
        extension.table = true;
        extension.autolink = true;
        extension.tasklist = true;
        extension.footnotes = true;
        let html = comrak::markdown_to_html(markdown, &options);
        let (mut elements, mut text, mut is_code) = (Vec::new(), String::new(), false);
        for part in html.split('<').skip(1) {
            let (element, after) = part.split_once('>').unwrap();
            match element {
                "code" | "/code" => is_code = element == "code",
                "p" | "/p" => {}
                other => elements.push(other.to_owned()),
            }
            text.push_str(if is_code { "\n" } else { after });
        }
        (elements, text)
    }

    proptest::proptest! {
        #[test]
        fn no_reader_makes_anything_of_it(
            text in "x[ a-f0-9@#*_`~|!<>&\\[\\]()\\\\:/.wGgHh-]{0,40}",
            link in "x (https://|www\\.|mailto:|@|GH-|#|[a-z]@)[a-f0-9.@#/-]{1,44}",
        ) {
            for text in [text, link] {
                let (elements, shown) = rendered(&literal(&text));
                proptest::prop_assert_eq!(elements, Vec::<String>::new(), "{} {}", text, literal(&text));
                proptest::prop_assert!(!is_referred_to(&shown), "{:?} {:?}", text, shown);
            }
        }
    }
}
