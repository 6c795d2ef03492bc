//! What the command lines of both programs do alike: parse and report mistakes in one line, print
//! answers on stdout and messages on stderr without ever panicking, and show foreign text safely.
//!
//! It knows nothing about recordings. What a command does belongs to the program.

pub mod answer;
mod escape;
mod failure;
mod format;
pub mod message;
mod program;
mod usage;

pub use escape::{escaped, escaped_path};
pub use failure::{EXIT_FAILURE, Failure, Result, error_chain, plain_io_error};
pub use format::Format;
pub use program::{Program, STYLES};
