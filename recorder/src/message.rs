//! The recorder's messages to the person at the terminal or the log.

use std::fmt;

/// What stands before each message.
pub const PREFIX: &str = "soakbox-recorder: ";

/// Writes one line to stderr. Where that is closed or full, the recording goes on.
pub fn line(text: fmt::Arguments<'_>) {
    soakbox_cli::message::line(format_args!("{PREFIX}{text}"));
}
