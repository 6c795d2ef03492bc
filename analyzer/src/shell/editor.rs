//! The line editor, which is rustyline's: what it completes, colours and takes for ended, and how its
//! answers are read.

use std::borrow::Cow;

use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper};
use soakbox_cli::{Failure, Result, escaped, plain_io_error};

use super::commands::Command;
use super::names::Names;
use super::{highlight, history};
use crate::sql::Statements;

const PROMPT: &str = "soakbox> ";
/// What Tab types at the begin of a line.
const INDENT: &str = "    ";

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Statements or a command.
    Text(String),
    /// The text was given up with Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads texts of one or more lines from the terminal.
pub(super) struct Editor(rustyline::Editor<Assistant, DefaultHistory>);

impl Editor {
    /// An editor that completes these names.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub(super) fn new(names: Names, has_colours: bool) -> Result<Self> {
        let mut editor = rustyline::Editor::new().map_err(|error| failed(&error))?;
        editor.set_completion_type(CompletionType::List);
        editor.set_helper(Some(Assistant { names, has_colours }));
        history::load(&mut editor);
        Ok(Self(editor))
    }

    /// Reads one text, and adds it to the history.
    ///
    /// # Errors
    /// Where the terminal cannot be read.
    pub(super) fn read(&mut self) -> Result<Typed> {
        match self.0.readline(PROMPT) {
            Ok(text) => {
                history::add(&mut self.0, text.trim_end());
                Ok(Typed::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupted),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(error) => Failure::new("terminal", plain_io_error(error)),
        error => Failure::new("terminal", error),
    }
}

/// What the editor asks about a text.
struct Assistant {
    names: Names,
    has_colours: bool,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        text: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let text = &text[..cursor];
        if text.lines().last().unwrap_or_default().trim().is_empty() || text.ends_with('\n') {
            return Ok((cursor, vec![INDENT.to_owned()]));
        }
        let (start, mut names) = self.names.complete(text);
        // A name with an escape is not typed by anybody.
        names.retain(|name| escaped(name) == name.as_str());
        Ok((start, names))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, text: &'l str, _: usize) -> Cow<'l, str> {
        match self.has_colours {
            true => Cow::Owned(highlight::coloured(text)),
            false => Cow::Borrowed(text),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        // A letter may change the colour of the word before it; the cursor changes nothing.
        self.has_colours && kind != CmdKind::MoveCursor
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_ended = Command::parse(text).is_some() || Statements::of(text).rest.is_empty();
        Ok(match is_ended {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_a_word_and_indents_a_line() {
        let assistant = Assistant {
            names: Names {
                tables: vec!["operation_log".to_owned(), "operation_\u{1b}".to_owned()],
                ..Names::default()
            },
            has_colours: false,
        };
        let history = DefaultHistory::new();
        let complete = |text: &str| {
            let completed = assistant.complete(text, text.len(), &Context::new(&history));
            completed.unwrap()
        };
        let one = |text: &str| vec![text.to_owned()];
        assert_eq!(complete("FROM op"), (5, one("operation_log")));
        assert_eq!(complete("SELECT 1\n"), (9, one(INDENT)));
        assert_eq!(complete("SELECT 1\n  "), (11, one(INDENT)));
        assert_eq!(complete(""), (0, one(INDENT)));
    }
}
