//! The terminal while a line is edited: no echo, no line buffer, no signals from keys. Dropping the
//! mode restores what was there before.

use std::io::{self, Read};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

/// Size of a terminal that does not report one.
const USUAL_COLUMNS: usize = 80;
const USUAL_ROWS: usize = 24;

/// The mode in which keys arrive one by one.
pub(super) struct KeyMode {
    earlier: Termios,
}

impl KeyMode {
    pub(super) fn enter() -> io::Result<Self> {
        let earlier = tcgetattr(io::stdin())?;
        let mut mode = earlier.clone();
        mode.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        mode.input_modes
            .remove(InputModes::ICRNL | InputModes::IXON | InputModes::INLCR);
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed ahead stays.
        tcsetattr(io::stdin(), OptionalActions::Drain, &mode)?;
        Ok(Self { earlier })
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.earlier);
    }
}

/// Columns and rows.
pub(super) fn size() -> (usize, usize) {
    let size = tcgetwinsize(io::stdout()).ok();
    let or = |value: Option<u16>, usual| match value {
        Some(value) if value > 1 => usize::from(value),
        _ => usual,
    };
    (
        or(size.map(|size| size.ws_col), USUAL_COLUMNS),
        or(size.map(|size| size.ws_row), USUAL_ROWS),
    )
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    /// Control and a lower-case letter.
    Control(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    WordLeft,
    WordRight,
    /// A key without a meaning here.
    Other,
}

/// The next key; `None` at the end of the input.
pub(super) fn key(input: &mut impl Read) -> io::Result<Option<Key>> {
    let Some(first) = byte(input)? else {
        return Ok(None);
    };
    Ok(Some(match first {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0x1b => escape(input)?,
        control @ 1..=26 => Key::Control((b'a' + control - 1) as char),
        ascii @ 0x20..=0x7e => Key::Letter(ascii as char),
        lead @ 0xc2..=0xf4 => letter(lead, input)?,
        _ => Key::Other,
    }))
}

fn byte(input: &mut impl Read) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The letter of several bytes that begins with `lead`.
fn letter(lead: u8, input: &mut impl Read) -> io::Result<Key> {
    let length = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let mut bytes = vec![lead];
    while bytes.len() < length {
        match byte(input)? {
            Some(next) => bytes.push(next),
            None => break,
        }
    }
    let text = std::str::from_utf8(&bytes).ok();
    let letter = text.and_then(|text| text.chars().next());
    Ok(letter
        .filter(|letter| !letter.is_control())
        .map_or(Key::Other, Key::Letter))
}

/// The key of an escape sequence, as terminals send them.
fn escape(input: &mut impl Read) -> io::Result<Key> {
    Ok(match byte(input)? {
        Some(b'b') => Key::WordLeft,
        Some(b'f') => Key::WordRight,
        Some(b'O' | b'[') => {
            let mut numbers = String::new();
            loop {
                match byte(input)? {
                    Some(digit @ (b'0'..=b'9' | b';')) if numbers.len() < 16 => {
                        numbers.push(digit as char);
                    }
                    last => break sequence(&numbers, last.unwrap_or(0)),
                }
            }
        }
        _ => Key::Other,
    })
}

fn sequence(numbers: &str, last: u8) -> Key {
    let by_word = numbers.ends_with(";5") || numbers.ends_with(";3");
    match (last, numbers) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if by_word => Key::WordRight,
        (b'D', _) if by_word => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', "1" | "7") => Key::Home,
        (b'F', _) | (b'~', "4" | "8") => Key::End,
        (b'~', "3") => Key::Delete,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_keys_that_terminals_send() {
        let mut input = &b"a\xc3\xa9\r\t\x7f\x03\x1b[A\x1bOB\x1b[1;5C\x1b[3~\x1b[200~\xff\x1bb"[..];
        let mut keys = Vec::new();
        while let Some(key) = key(&mut input).unwrap() {
            keys.push(key);
        }
        assert_eq!(
            keys,
            [
                Key::Letter('a'),
                Key::Letter('\u{e9}'),
                Key::Enter,
                Key::Tab,
                Key::Backspace,
                Key::Control('c'),
                Key::Up,
                Key::Down,
                Key::WordRight,
                Key::Delete,
                Key::Other,
                Key::Other,
                Key::WordLeft,
            ]
        );
    }
}
