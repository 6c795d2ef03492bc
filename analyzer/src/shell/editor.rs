//! The line editor: a statement of one or more lines, with history and completion. It draws the text
//! with its colours, and knows nothing about SQL but when a statement has ended.

use std::io::{self, Read, Write};

use unicode_width::UnicodeWidthChar;

use super::history::History;
use super::terminal::{self, Key, KeyMode};

const PROMPT: &str = "soakbox> ";
/// Before the further lines of a statement; as wide as the prompt.
const INDENT: &str = "      -> ";
/// Most candidates that are listed.
const MOST_LISTED: usize = 200;

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A statement or a command.
    Text(String),
    /// The text was given up with Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// What the editor asks about a text.
pub(super) trait Helper {
    /// Where the word at the end of `text` begins, and what it may become.
    fn complete(&self, text: &str) -> (usize, Vec<String>);
    /// The text with colours.
    fn coloured(&self, text: &str) -> String;
    /// Whether Enter runs the text.
    fn is_ended(&self, text: &str) -> bool;
}

/// A text with a cursor, a byte index.
#[derive(Default)]
struct Buffer {
    text: String,
    cursor: usize,
}

impl Buffer {
    fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn left(&self) -> usize {
        let before = self.text[..self.cursor].chars().next_back();
        self.cursor - before.map_or(0, char::len_utf8)
    }

    fn right(&self) -> usize {
        let after = self.text[self.cursor..].chars().next();
        self.cursor + after.map_or(0, char::len_utf8)
    }

    fn word_left(&self) -> usize {
        let before = self.text[..self.cursor].trim_end_matches(|c: char| !c.is_alphanumeric());
        before.trim_end_matches(char::is_alphanumeric).len()
    }

    fn word_right(&self) -> usize {
        let after = &self.text[self.cursor..];
        let word = after.trim_start_matches(|c: char| !c.is_alphanumeric());
        self.text.len() - word.trim_start_matches(char::is_alphanumeric).len()
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        let rest = &self.text[self.cursor..];
        self.cursor + rest.find('\n').unwrap_or(rest.len())
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    /// Moves the cursor or changes the text; false for other keys.
    fn edit(&mut self, key: Key) -> bool {
        match key {
            Key::Letter(letter) => self.insert(letter.encode_utf8(&mut [0; 4])),
            Key::Left | Key::Control('b') => self.cursor = self.left(),
            Key::Right | Key::Control('f') => self.cursor = self.right(),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Home | Key::Control('a') => self.cursor = self.line_start(),
            Key::End | Key::Control('e') => self.cursor = self.line_end(),
            Key::Backspace => self.remove(self.left(), self.cursor),
            Key::Delete => self.remove(self.cursor, self.right()),
            Key::Control('d') if !self.text.is_empty() => self.remove(self.cursor, self.right()),
            Key::Control('k') => self.remove(self.cursor, self.line_end()),
            Key::Control('u') => self.remove(self.line_start(), self.cursor),
            Key::Control('w') => self.remove(self.word_left(), self.cursor),
            _ => return false,
        }
        true
    }
}

/// Reads one text. `input` has the keys, and `out` is the terminal.
pub(super) fn read(
    helper: &dyn Helper,
    history: &History,
    input: &mut impl Read,
    out: &mut impl Write,
) -> io::Result<Typed> {
    let _mode = KeyMode::enter()?;
    let mut buffer = Buffer::default();
    // The text that was typed before the history was looked at.
    let (mut place, mut own) = (history.entries().len(), String::new());
    let mut row = 0;
    loop {
        row = draw(helper, &buffer, row, out)?;
        let Some(key) = terminal::key(input)? else {
            return Ok(Typed::End);
        };
        match key {
            Key::Control('c') => {
                finish(helper, &mut buffer, row, out)?;
                return Ok(Typed::Interrupted);
            }
            Key::Control('d') if buffer.text.is_empty() => {
                finish(helper, &mut buffer, row, out)?;
                return Ok(Typed::End);
            }
            Key::Enter if helper.is_ended(&buffer.text) => {
                finish(helper, &mut buffer, row, out)?;
                return Ok(Typed::Text(buffer.text));
            }
            Key::Enter => buffer.insert("\n"),
            Key::Control('l') => {
                out.write_all(b"\x1b[2J\x1b[H")?;
                row = 0;
            }
            Key::Tab => {
                if let Some(listed) = complete(helper, &mut buffer) {
                    finish(
                        helper,
                        &mut Buffer {
                            text: buffer.text.clone(),
                            cursor: 0,
                        },
                        row,
                        out,
                    )?;
                    out.write_all(listed.as_bytes())?;
                    row = 0;
                }
            }
            Key::Up | Key::Control('p') if place > 0 => {
                if place == history.entries().len() {
                    own.clone_from(&buffer.text);
                }
                place -= 1;
                buffer.set(history.entries()[place].clone());
            }
            Key::Down | Key::Control('n') if place < history.entries().len() => {
                place += 1;
                let entry = history.entries().get(place);
                buffer.set(entry.cloned().unwrap_or_else(|| own.clone()));
            }
            key => {
                buffer.edit(key);
            }
        }
    }
}

/// Completes the word before the cursor; returns the candidates as lines where there are several.
fn complete(helper: &dyn Helper, buffer: &mut Buffer) -> Option<String> {
    let line = &buffer.text[buffer.line_start()..buffer.cursor];
    if line.trim().is_empty() {
        // The indent of a further line, also of one that is pasted.
        buffer.insert("    ");
        return None;
    }
    let (start, candidates) = helper.complete(&buffer.text[..buffer.cursor]);
    let common = candidates.iter().cloned().reduce(|common, next| {
        let same = common.chars().zip(next.chars()).take_while(|(a, b)| a == b);
        same.map(|(letter, _)| letter).collect()
    })?;
    if candidates.len() == 1 || common.len() > buffer.cursor - start {
        buffer.remove(start, buffer.cursor);
        buffer.insert(&common);
        return None;
    }
    let shown: Vec<&str> = candidates
        .iter()
        .take(MOST_LISTED)
        .map(String::as_str)
        .collect();
    Some(format!("{}\n", shown.join("  ")))
}

/// Draws the text and the cursor. `row` is the cursor's row before, from the first of the text;
/// returns the one after.
fn draw(
    helper: &dyn Helper,
    buffer: &Buffer,
    row: usize,
    out: &mut impl Write,
) -> io::Result<usize> {
    let (columns, _) = terminal::size();
    let mut drawn = String::new();
    if row > 0 {
        drawn.push_str(&format!("\x1b[{row}A"));
    }
    let text = helper.coloured(&buffer.text);
    let text = text.replace('\n', &format!("\r\n{INDENT}"));
    drawn.push_str(&format!("\r\x1b[J{PROMPT}{text}"));
    let (end_row, end_column) = place(&buffer.text, columns);
    if end_column == 0 {
        // A full row: the terminal wraps only with the next character.
        drawn.push_str("\r\n");
    }
    let (cursor_row, cursor_column) = place(&buffer.text[..buffer.cursor], columns);
    if end_row > cursor_row {
        drawn.push_str(&format!("\x1b[{}A", end_row - cursor_row));
    }
    drawn.push('\r');
    if cursor_column > 0 {
        drawn.push_str(&format!("\x1b[{cursor_column}C"));
    }
    out.write_all(drawn.as_bytes())?;
    out.flush()?;
    Ok(cursor_row)
}

/// The place after `text`: row and column.
fn place(text: &str, columns: usize) -> (usize, usize) {
    let (mut row, mut column) = (0, PROMPT.len());
    for letter in text.chars() {
        if letter == '\n' {
            (row, column) = (row + 1, INDENT.len());
            continue;
        }
        let width = letter.width().unwrap_or(0);
        if column + width > columns {
            (row, column) = (row + 1, 0);
        }
        column += width;
    }
    if column >= columns {
        (row, column) = (row + 1, 0);
    }
    (row, column)
}

/// Leaves the cursor on the line after the text.
fn finish(
    helper: &dyn Helper,
    buffer: &mut Buffer,
    row: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    buffer.cursor = buffer.text.len();
    draw(helper, buffer, row, out)?;
    out.write_all(b"\r\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_edit_the_text() {
        let mut buffer = Buffer::default();
        for letter in "SELECT n\u{e9} FROM t".chars() {
            buffer.edit(Key::Letter(letter));
        }
        buffer.edit(Key::WordLeft);
        buffer.edit(Key::Control('w'));
        assert_eq!((&*buffer.text, buffer.cursor), ("SELECT n\u{e9} t", 11));
        buffer.edit(Key::Left);
        buffer.edit(Key::Backspace);
        buffer.edit(Key::Home);
        buffer.edit(Key::Delete);
        assert_eq!((&*buffer.text, buffer.cursor), ("ELECT n t", 0));
        buffer.edit(Key::Control('k'));
        assert_eq!(buffer.text, "");
        for key in [
            Key::Left,
            Key::Right,
            Key::Backspace,
            Key::Delete,
            Key::WordLeft,
            Key::WordRight,
        ] {
            buffer.edit(key);
        }
        assert_eq!((&*buffer.text, buffer.cursor), ("", 0));
    }

    #[test]
    fn places_follow_lines_and_wraps() {
        assert_eq!(place("", 20), (0, 9));
        assert_eq!(place("12345678901", 20), (1, 0));
        assert_eq!(place("a\nbc", 20), (1, 11));
        assert_eq!(
            place("1234567890\u{65e5}", 20),
            (1, 2),
            "a wide letter does not fit"
        );
    }
}
