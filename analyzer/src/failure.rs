//! What a person reads when something cannot be done: the thing, the reason, the next step. Nothing else is printed
//! for a failure, and no failure is a panic.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

/// Exit code of usage and runtime errors.
pub const EXIT_FAILURE: u8 = 2;

/// `Result` with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it is about: a path, `query`, an option.
    pub thing: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The reader of our output went away; nothing is to be said.
    pub silent: bool,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(thing: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self {
            thing: one_line(&thing.to_string()),
            reason: one_line(&reason.to_string()),
            hint: None,
            silent: false,
        }
    }

    /// About a path.
    pub fn path(path: &Path, reason: impl fmt::Display) -> Self {
        Self::new(path.display(), reason)
    }

    /// The same, with the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    /// Writing the output failed. A closed pipe (`… | head`) is no failure to speak of.
    pub fn output(thing: impl fmt::Display, error: &std::io::Error) -> Self {
        let mut failure = Self::new(thing, plain_io(error));
        failure.silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        failure
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if self.silent {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {self}");
        ExitCode::from(EXIT_FAILURE)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.thing, self.reason)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// An I/O error without Rust's `(os error 2)`.
pub fn plain_io(error: &std::io::Error) -> String {
    let text = error.to_string();
    lower_start(text.split(" (os error").next().unwrap_or_default())
}

/// Others' sentences as ours begin: in lower case, unless the first word is in capitals.
pub fn lower_start(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        crate::sql::explain(&error)
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(text, error) => {
                let mut failure = Self::new("output", text);
                failure.silent = error.kind() == std::io::ErrorKind::BrokenPipe;
                failure
            }
            other => Self::new("result", other),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
