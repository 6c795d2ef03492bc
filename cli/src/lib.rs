//! The parts of a command line that both programs share: parsing and one-line errors, answers on
//! stdout, messages on stderr that never panic, and safe display of text from outside.
//!
//! It has no knowledge of recordings, and no command: those are in the programs.

pub mod answer;
mod escape;
mod failure;
mod format;
pub mod message;
mod program;
mod usage;
mod user_text;

pub use escape::{escaped, escaped_json, escaped_lines, escaped_path};
pub use failure::{EXIT_FAILURE, Failure, Result, error_chain, plain_io_error};
pub use format::Format;
pub use program::{Program, STYLES};
pub use user_text::user_text;
