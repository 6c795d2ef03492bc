//! The formats of an answer that both programs have.

use clap::ValueEnum;

/// Format of an answer on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs, with a versioned schema
    Json,
}
