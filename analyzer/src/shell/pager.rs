//! The text of an answer: on the screen if it fits there, otherwise through `$PAGER`.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use rustix::termios::tcgetwinsize;

/// The pager of somebody who chose none.
const USUAL_PAGER: &str = "less";
/// Its options: no wrapped lines, and the text stays on the screen.
const USUAL_OPTIONS: &str = "-SX";

/// Rows of a terminal that states no size.
const USUAL_ROWS: usize = 24;

/// Text that is held back until it is known whether it fits on the screen.
pub(super) struct Pager {
    held: Vec<u8>,
    lines: usize,
    sink: Sink,
}

enum Sink {
    /// Nothing was shown so far.
    Waiting,
    Screen,
    Program(Child),
}

impl Pager {
    pub(super) fn new() -> Self {
        Self {
            held: Vec::new(),
            lines: 0,
            sink: Sink::Waiting,
        }
    }

    /// Whether a pager has the terminal.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.sink, Sink::Program(_))
    }

    /// Takes a part of the text. False if nobody reads on.
    pub(super) fn write(&mut self, part: &[u8]) -> bool {
        if let Sink::Waiting = self.sink {
            self.held.extend(part);
            self.lines += part.iter().filter(|byte| **byte == b'\n').count();
            if self.lines + 1 < rows() {
                return true;
            }
            self.sink = program().map_or(Sink::Screen, Sink::Program);
            let held = std::mem::take(&mut self.held);
            return self.pass(&held);
        }
        self.pass(part)
    }

    fn pass(&mut self, part: &[u8]) -> bool {
        match &mut self.sink {
            Sink::Program(child) => match &mut child.stdin {
                Some(stdin) => stdin.write_all(part).is_ok(),
                None => false,
            },
            Sink::Waiting | Sink::Screen => io::stdout().write_all(part).is_ok(),
        }
    }

    /// Shows what was held back, and waits for the pager.
    pub(super) fn finish(mut self) {
        let held = std::mem::take(&mut self.held);
        if let Sink::Waiting = self.sink {
            self.pass(&held);
        }
        if let Sink::Program(child) = &mut self.sink {
            drop(child.stdin.take());
            let _ = child.wait();
        }
        let _ = io::stdout().flush();
    }
}

/// Rows of the terminal.
fn rows() -> usize {
    let stated = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_row));
    stated.ok().filter(|rows| *rows > 1).unwrap_or(USUAL_ROWS)
}

/// The pager, started; `None` if there is none or it does not start.
fn program() -> Option<Child> {
    let chosen = std::env::var("PAGER").unwrap_or_else(|_| USUAL_PAGER.to_owned());
    if chosen.trim().is_empty() || chosen.trim() == "cat" {
        return None;
    }
    let mut words = chosen.split_whitespace();
    let mut command = Command::new(words.next()?);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", USUAL_OPTIONS);
    }
    command.spawn().ok()
}
