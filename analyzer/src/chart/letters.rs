//! How wide a text is, so that none overlaps another. Which font a browser uses is not known: the
//! widths are those of DejaVu Sans and Verdana, which are wider than most. Pure.

use unicode_width::UnicodeWidthChar;

/// Ends a text that was cut.
const CUT: char = '…';
/// Width of bold text in widths of the same text.
const BOLD: f64 = 1.14;

/// The width of a text of `size` pixels, pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(letter).sum::<f64>() * size
}

/// The text, cut so that it is at most `most` pixels wide.
pub(super) fn cut(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut left = most - width(&CUT.to_string(), size);
    let fits = |one: &char| {
        left -= letter(*one) * size;
        left >= 0.0
    };
    let start: String = text.chars().take_while(fits).collect();
    format!("{}{CUT}", start.trim_end())
}

/// The text, with its middle cut so that it is at most `most` pixels wide: names of functions often
/// have the same begin.
pub(super) fn cut_middle(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let half = (most - width(&CUT.to_string(), size)) / 2.0;
    let fitting = |letters: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut left = half;
        let fits = |one: &char| {
            left -= letter(*one) * size;
            left >= 0.0
        };
        letters.take_while(fits).collect()
    };
    let start: String = fitting(&mut text.chars()).iter().collect();
    let end: String = fitting(&mut text.chars().rev()).iter().rev().collect();
    format!("{start}{CUT}{end}")
}

/// As [`cut_middle`], of bold text.
pub(super) fn cut_bold(text: &str, size: f64, most: f64) -> String {
    cut_middle(text, size, most / BOLD)
}

/// The text in lines of at most `most` pixels, broken between words; what does not fit into `lines`
/// lines is cut.
pub(super) fn wrapped(text: &str, size: f64, most: f64, lines: usize) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let longer = done.last().map(|line| format!("{line} {word}"));
        match longer {
            Some(longer) if width(&longer, size) <= most || done.len() == lines => {
                done.pop();
                done.push(longer);
            }
            _ => done.push(word.to_owned()),
        }
    }
    done.iter().map(|line| cut(line, size, most)).collect()
}

/// The width of a letter, em.
fn letter(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '\'' | '|' => 0.34,
        ' ' | '.' | ',' | ':' | ';' | '/' | '\\' | 'I' | 'f' | 't' | 'r' | '!' | '(' | ')'
        | '[' | ']' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        'A'..='Z' | '+' | '<' | '>' | '=' | '~' | '#' | '&' => 0.84,
        _ if letter.is_ascii() => 0.65,
        // Letters that no font of the reader has are boxes.
        _ => match letter.width() {
            Some(2) => 1.4,
            _ => 0.9,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_is_as_narrow_as_asked() {
        for text in [
            "short",
            "a much longer name of an operation",
            "日本語日本語日本語",
        ] {
            for most in [20.0, 60.0, 400.0] {
                let cut = cut(text, 12.0, most);
                assert!(width(&cut, 12.0) <= most, "{cut}");
                assert!(cut == text || cut.ends_with('…'));
                let cut = cut_middle(text, 12.0, most);
                assert!(width(&cut, 12.0) <= most, "{cut}");
                assert!(cut == text || cut.contains('…'));
            }
        }
    }

    #[test]
    fn lines_break_between_words_and_the_last_one_is_cut() {
        let lines = wrapped("one two three four five six seven", 12.0, 90.0, 2);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "one two");
        assert!(lines[1].ends_with('…'));
        assert_eq!(wrapped("", 12.0, 90.0, 2), [""]);
    }
}
