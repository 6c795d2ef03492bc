//! A text as statements: cut at each `;` that is not part of a string, a quoted name or a comment.
//! Pure. It does not know the grammar of a statement.

/// A text, cut into statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statements<'a> {
    /// The statements that end with `;`, without it.
    pub ended: Vec<&'a str>,
    /// What comes after the last `;`; empty if these are only spaces and comments.
    pub rest: &'a str,
}

impl<'a> Statements<'a> {
    /// Cuts `text`. Parts that have only spaces and comments are left out.
    pub fn of(text: &'a str) -> Self {
        let (mut ended, mut start, mut at) = (Vec::new(), 0, 0);
        // Whether the current statement has anything but spaces and comments.
        let mut has_content = false;
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let length = match first {
                ';' => {
                    if has_content {
                        ended.push(text[start..at].trim());
                    }
                    (start, has_content) = (at + 1, false);
                    1
                }
                '-' if rest.starts_with("--") => rest.find('\n').map_or(rest.len(), |end| end + 1),
                '/' if rest.starts_with("/*") => comment(rest),
                _ => {
                    has_content |= !first.is_whitespace();
                    token(&text[..at], rest, first)
                }
            };
            at += length;
        }
        let rest = if has_content {
            text[start..].trim()
        } else {
            ""
        };
        Self { ended, rest }
    }

    /// All statements: the last one needs no `;`.
    pub fn all(self) -> Vec<&'a str> {
        let rest = (!self.rest.is_empty()).then_some(self.rest);
        self.ended.into_iter().chain(rest).collect()
    }
}

/// The length of the string, the quoted name or the character at the start of `rest`.
fn token(before: &str, rest: &str, first: char) -> usize {
    match first {
        // E'…' has escapes with a backslash.
        '\'' if has_escape_prefix(before) => quoted(rest, '\'', true),
        '\'' | '"' | '`' => quoted(rest, first, false),
        '$' => dollar_quoted(before, rest).unwrap_or(1),
        _ => first.len_utf8(),
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn has_escape_prefix(before: &str) -> bool {
    let mut letters = before.chars().rev();
    letters.next().is_some_and(|e| e == 'e' || e == 'E') && !letters.next().is_some_and(is_of_word)
}

/// The length up to the closing quote, or of all text. A doubled quote is two strings in a row,
/// which has the same end.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return at + 1;
        }
        if escapes && letter == '\\' {
            letters.next();
        }
    }
    rest.len()
}

/// The length of `$tag$ … $tag$`, if that is what begins here.
fn dollar_quoted(before: &str, rest: &str) -> Option<usize> {
    if before.chars().next_back().is_some_and(is_of_word) {
        return None;
    }
    let tag = rest[1..].find('$')? + 2;
    let name = &rest[1..tag - 1];
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    if !name.chars().all(is_name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let end = rest[tag..].find(&rest[..tag]);
    Some(end.map_or(rest.len(), |end| tag + end + tag))
}

/// The length of a comment, which may have comments in it.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_at_semicolons_outside_of_quotes_and_comments() {
        let cut = |text| {
            let Statements { ended, rest } = Statements::of(text);
            (ended, rest)
        };
        assert_eq!(cut(""), (vec![], ""));
        assert_eq!(cut(" ;; -- nothing\n ; /* ; */ "), (vec![], ""));
        assert_eq!(
            cut("SELECT 1; select 2 ;\n"),
            (vec!["SELECT 1", "select 2"], "")
        );
        assert_eq!(cut("SELECT ';''; '"), (vec![], "SELECT ';''; '"));
        assert_eq!(
            cut("SELECT \"a;b\", `c;d`; rest"),
            (vec!["SELECT \"a;b\", `c;d`"], "rest")
        );
        assert_eq!(
            cut("-- head; of it\nSELECT 1 /* a; /* b; */ c; */ + 2; x"),
            (
                vec!["-- head; of it\nSELECT 1 /* a; /* b; */ c; */ + 2"],
                "x"
            )
        );
        assert_eq!(
            cut("SELECT $$;$$, $a$;$$;$a$; x"),
            (vec!["SELECT $$;$$, $a$;$$;$a$"], "x")
        );
        assert_eq!(cut("SELECT $1; x"), (vec!["SELECT $1"], "x"));
        assert_eq!(
            cut(r"SELECT E'\';', 'e\'; x"),
            (vec![r"SELECT E'\';', 'e\'"], "x")
        );
        assert_eq!(
            cut("SELECT 'open; more"),
            (vec![], "SELECT 'open; more"),
            "an open string goes on to the end"
        );
        assert_eq!(cut("SELECT 1 /* open ;"), (vec![], "SELECT 1 /* open ;"));
    }

    proptest! {
        #[test]
        fn any_text_is_cut_and_nothing_but_semicolons_is_lost(
            text in "[a-eE ;'\"`$/*\\-\\\\\n\u{e9}\u{1f600}]{0,40}"
        ) {
            let cut = Statements::of(&text);
            for part in cut.ended.iter().chain([&cut.rest]) {
                prop_assert!(text.contains(part));
            }
            prop_assert!(cut.ended.iter().all(|part| !part.is_empty()));
            // A statement that was cut out is one statement.
            for part in &cut.ended {
                prop_assert_eq!(Statements::of(part).ended.len(), 0);
            }
        }
    }
}
