//! The recorder's messages to the person at the terminal or the log.

use std::fmt;

use soakbox_cli::Program;

/// The recorder, with the prefix of its messages.
pub const PROGRAM: Program = Program {
    prefix: "soakbox-recorder: ",
};

/// Writes one line to stderr. Where that is closed or full, the recording goes on.
pub fn line(text: fmt::Arguments<'_>) {
    PROGRAM.message(text);
}
