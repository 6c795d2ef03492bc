//! Text from outside, for a terminal or a log: characters that could move the cursor, change
//! colours, break the line or reorder text are shown as escapes. JSON and CSV are never changed
//! here.

use std::borrow::Cow;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `text` on one line, with an escape for each character that affects the text around it: `\n`,
/// `\t`, `\u{1b}`. Text without such characters is borrowed.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if needs_escape(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// `text` of several lines: as [`escaped`], except that line breaks and tabs stay.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    let shaped = |character| character == '\n' || character == '\t';
    if !text.chars().any(|c| needs_escape(c) && !shaped(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if needs_escape(character) && !shaped(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A JSON document of the same value in which each character that [`escaped`] escapes is `\uXXXX`.
/// Line breaks stay: a document has them between its values only.
pub fn escaped_json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|c| needs_escape(c) && c != '\n') {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 8);
    for character in document.chars() {
        if needs_escape(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing into a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A path for a message: escaped like text, and bytes that are not UTF-8 as `\xff`.
pub fn escaped_path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        shown.push_str(&escaped(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing into a string cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Whether a character is shown as an escape, because it affects the text around it: controls (C0,
/// DEL, C1), line and paragraph separators, bidirectional controls, invisible characters and tags
/// (Unicode general categories Cc, Zl, Zp and Cf); or because it is not a character (U+FFFE and the
/// like, which XML forbids).
fn needs_escape(character: char) -> bool {
    character.is_control()
        || (character as u32) & 0xfffe == 0xfffe
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;

    #[test]
    fn characters_that_affect_a_terminal_are_shown_as_escapes() {
        for (text, shown) in [
            ("request", "request"),
            ("naïve 日本 😀", "naïve 日本 😀"),
            ("\u{1b}[31mred\nline2", "\\u{1b}[31mred\\nline2"),
            ("a\tb\r", "a\\tb\\r"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("user\u{202e}txt.exe", "user\\u{202e}txt.exe"),
            ("x\u{2067}y\u{2069}", "x\\u{2067}y\\u{2069}"),
            ("x\u{200b}y\u{feff}", "x\\u{200b}y\\u{feff}"),
            ("x\u{2028}y", "x\\u{2028}y"),
            (
                "\u{fffe}\u{10ffff}\u{fdd0}",
                "\\u{fffe}\\u{10ffff}\\u{fdd0}",
            ),
        ] {
            assert_eq!(escaped(text), shown);
        }
        assert!(matches!(escaped("request"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_path_shows_bytes_that_are_not_utf8() {
        let path = Path::new(OsStr::from_bytes(b"/tmp/a\xff\xc3b\n\xe2\x80\xae"));
        assert_eq!(escaped_path(path), "/tmp/a\\xff\\xc3b\\n\\u{202e}");
    }

    #[test]
    fn lines_and_documents_keep_their_shape() {
        assert_eq!(escaped_lines("a\tb\n\u{1b}c\r\n"), "a\tb\n\\u{1b}c\\r\n");
        let document = "[\"\u{9b}\u{e0041}\"]\n";
        assert_eq!(escaped_json(document), "[\"\\u009b\\udb40\\udc41\"]\n");
        for text in ["plain\tline\n", "[1, \"\u{e9}\"]\n"] {
            assert!(matches!(escaped_lines(text), Cow::Borrowed(_)));
            assert!(matches!(escaped_json(text), Cow::Borrowed(_)) || text.contains('\t'));
        }
    }

    proptest! {
        #[test]
        fn no_character_that_needs_an_escape_is_left_and_all_others_stay(text in any::<String>()) {
            let shown = escaped(&text);
            prop_assert!(!shown.chars().any(needs_escape));
            let kept = |text: &str| text.chars().filter(|c| !needs_escape(*c)).collect::<String>();
            if text == kept(&text) {
                prop_assert_eq!(&*shown, text.as_str());
            } else {
                prop_assert!(shown.len() > kept(&text).len());
            }
        }
    }
}
