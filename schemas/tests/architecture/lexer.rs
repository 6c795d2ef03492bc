//! Rust source text as tokens with their lines: enough to find paths and strings, and no more.
//!
//! Comments are dropped. Numbers, lifetimes and characters are dropped too, since no rule is about
//! them.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword, without `r#`.
    Word(String),
    /// The content of a string literal, with its escapes as written.
    Text(String),
    /// `::`
    Path,
    /// Any other punctuation character.
    Mark(char),
}

/// A token and its line, counted from 1.
pub(crate) type Placed = (Token, usize);

/// The tokens of a source file.
pub(crate) fn tokens(source: &str) -> Vec<Placed> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
        found: Vec::new(),
    };
    while lexer.step() {}
    lexer.found
}

/// The comments of a source file, each on its own lines, with everything else as empty lines.
pub(crate) fn comments(source: &str) -> String {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
        found: Vec::new(),
    };
    let mut text = String::new();
    loop {
        let (before, is_comment) = (lexer.rest, lexer.rest.starts_with(['/']));
        if !lexer.step() {
            return text;
        }
        let taken = &before[..before.len() - lexer.rest.len()];
        if is_comment && taken.len() > 1 {
            text.push_str(taken.trim_start_matches(['/', '!']));
        } else {
            text.extend(taken.chars().filter(|c| *c == '\n'));
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Placed>,
}

impl Lexer<'_> {
    /// Takes one token or gap; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some((start, end, after)) = string(self.rest) {
            let text = Token::Text(self.rest[start..end].to_owned());
            self.found.push((text, self.line));
            self.skip(after);
        } else if first == '\'' {
            self.skip(quote(self.rest));
        } else if first.is_alphabetic() || first == '_' {
            let end = word_end(self.rest);
            if &self.rest[..end] == "r" && self.rest[end..].starts_with('#') {
                self.skip(end + 1);
            } else {
                let word = Token::Word(self.rest[..end].to_owned());
                self.found.push((word, self.line));
                self.skip(end);
            }
        } else if first.is_ascii_digit() {
            self.skip(word_end(self.rest));
        } else if self.rest.starts_with("::") {
            self.found.push((Token::Path, self.line));
            self.skip(2);
        } else {
            if !first.is_whitespace() {
                self.found.push((Token::Mark(first), self.line));
            }
            self.skip(first.len_utf8());
        }
        true
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }
}

fn word_end(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// `(start, end)` of the content of a string literal at the start of the text, and where it ends.
fn string(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = text.strip_prefix(prefix);
        after.is_some_and(|after| after.starts_with('"') || raw_quote(prefix, after))
    })?;
    let hashes = text[prefix.len()..]
        .bytes()
        .take_while(|b| *b == b'#')
        .count();
    let start = prefix.len() + hashes + 1;
    if prefix.contains('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        let end = start + text[start..].find(&close).unwrap_or(text.len() - start);
        return Some((start, end, (end + close.len()).min(text.len())));
    }
    let mut escaped = false;
    for (at, c) in text[start..].char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '"' {
            return Some((start, start + at, start + at + 1));
        }
    }
    Some((start, text.len(), text.len()))
}

/// True for `#"`, `##"` … after a raw prefix.
fn raw_quote(prefix: &str, after: &str) -> bool {
    prefix.contains('r') && after.starts_with('#') && after.trim_start_matches('#').starts_with('"')
}

/// The length of a character literal or of a lifetime.
fn quote(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // The escaped character may be a quote itself.
            chars.next();
            chars
                .find(|(_, c)| *c == '\'')
                .map_or(text.len(), |(at, _)| at + 1)
        }
        Some((at, c)) if text[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        Some((at, _)) => at + word_end(&text[at..]),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        let words = tokens(source)
            .into_iter()
            .filter_map(|(token, _)| match token {
                Token::Word(word) => Some(word),
                Token::Text(text) => Some(format!("\"{text}\"")),
                Token::Path | Token::Mark(_) => None,
            });
        words.collect()
    }

    #[test]
    fn comments_and_strings_hide_what_looks_like_code() {
        let source = r####"
            // crate::a
            /* crate::b /* crate::c */ crate::d */
            fn e<'f>(_: &'f str) { g('"', '\'', 'h', b'i', "crate::\"j", r#"k" // l"#, br"m", 1_000u8) }
        "####;
        let want = [
            "fn",
            "e",
            "_",
            "str",
            "g",
            "b",
            "\"crate::\\\"j\"",
            "\"k\" // l\"",
            "\"m\"",
        ];
        assert_eq!(words(source), want);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let source = "/* 1\n2 */ a\n\"3\n4\" b // c\nr#d";
        let lines: Vec<(String, usize)> = tokens(source)
            .into_iter()
            .map(|(token, line)| (format!("{token:?}"), line))
            .collect();
        let want = [
            ("Word(\"a\")", 2),
            ("Text(\"3\\n4\")", 3),
            ("Word(\"b\")", 4),
            ("Word(\"d\")", 5),
        ];
        assert_eq!(lines, want.map(|(token, line)| (token.to_owned(), line)));
    }
}
