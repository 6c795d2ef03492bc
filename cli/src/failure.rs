//! An error as a person reads it: the thing, the reason, the next step, in one line.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use crate::escape::{escaped, escaped_path};

/// Exit status of usage and runtime errors.
pub const EXIT_FAILURE: u8 = 2;

/// `Result` with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// Why something could not be done. Its texts are escaped and on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A path, `query`, an option; empty where the reason names it.
    thing: String,
    reason: String,
    hint: Option<String>,
    is_closed_pipe: bool,
    status: u8,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(thing: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self {
            thing: one_line(&thing.to_string()),
            reason: one_line(&reason.to_string()),
            hint: None,
            is_closed_pipe: false,
            status: EXIT_FAILURE,
        }
    }

    /// A failure about a path.
    pub fn path(path: &Path, reason: impl fmt::Display) -> Self {
        let mut failure = Self::new("", reason);
        failure.thing = escaped_path(path);
        failure
    }

    /// An error with all its causes; its text names the thing and may carry a hint.
    pub fn chain(error: &(dyn Error + 'static)) -> Self {
        Self::new("", error_chain(error))
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    /// The same failure of a thing that is named more closely.
    #[must_use]
    pub fn about(mut self, thing: impl fmt::Display) -> Self {
        self.thing = one_line(&thing.to_string());
        self
    }

    /// The same failure of a part of `whole`, which is named before it.
    #[must_use]
    pub fn within(mut self, whole: impl fmt::Display) -> Self {
        let whole = one_line(&whole.to_string());
        self.thing = match self.thing.is_empty() {
            true => whole,
            false => format!("{whole}: {}", self.thing),
        };
        self
    }

    /// The same failure with another exit status than 2.
    #[must_use]
    pub fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The exit status of a program that ends with it.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// An output could not be written. With a closed pipe (`… | head`) its reader has read enough,
    /// so that nothing is reported and the exit status is 0.
    pub fn output(thing: impl fmt::Display, error: &io::Error) -> Self {
        let mut failure = Self::new(thing, plain_io_error(error));
        failure.is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }

    /// Whether an output could not be written because its reader has closed the pipe.
    pub fn is_closed_pipe(&self) -> bool {
        self.is_closed_pipe
    }

    /// The reason, without thing and hint.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.thing.is_empty() {
            write!(f, "{}: ", self.thing)?;
        }
        write!(f, "{}", self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}

/// An error and its causes, `: ` between them, each text once.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line
}

/// An I/O error in lower case and without Rust's `(os error 2)`.
pub fn plain_io_error(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// Line breaks, which messages of libraries may have, become spaces; other control characters are
/// shown as escapes.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(['\n', '\r']).map(str::trim).collect();
    escaped(words.join(" ").trim()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_of_thing_reason_and_hint() {
        let failure = Failure::new("query", "ends\n  early\u{7}").hint("close the quote");
        assert_eq!(
            failure.to_string(),
            "query: ends early\\u{7}; hint: close the quote"
        );
        let path = Failure::path(Path::new("a\nb"), "is a directory");
        assert_eq!(path.to_string(), "a\\nb: is a directory");
        let part = path.within("list\n1");
        assert_eq!(part.to_string(), "list 1: a\\nb: is a directory");
    }

    #[test]
    fn only_a_closed_pipe_is_silent() {
        for (kind, silent) in [
            (io::ErrorKind::BrokenPipe, true),
            (io::ErrorKind::StorageFull, false),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            let failure = Failure::output("stdout", &kind.into());
            assert_eq!(failure.is_closed_pipe(), silent, "{kind}");
        }
    }

    #[test]
    fn io_errors_begin_in_lower_case_and_have_no_number() {
        let error = io::Error::from_raw_os_error(28);
        assert_eq!(plain_io_error(&error), "no space left on device");
        assert_eq!(plain_io_error(&io::Error::other("IPC ended")), "IPC ended");
    }

    #[test]
    fn a_cause_that_the_error_quotes_is_not_repeated() {
        #[derive(Debug)]
        struct Outer(&'static str, io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.1)
            }
        }
        let cause = || io::Error::other("no such map");
        assert_eq!(
            error_chain(&Outer("cannot load", cause())),
            "cannot load: no such map"
        );
        assert_eq!(
            error_chain(&Outer("load: no such map", cause())),
            "load: no such map"
        );
    }
}
