//! SQL on a recording: a DataFusion session with its tables, views and functions, and the queries
//! that run on it. No other folder uses DataFusion.

pub mod builtin;
mod catalog;
pub mod columns;
mod depth;
mod describe;
mod explain;
mod files;
pub mod functions;
mod journal_rows;
mod origin;
mod progress;
pub mod queries;
mod run_periods;
mod schemas;
mod scope;
mod session;
mod statements;
mod stoppable;
mod table;
mod top_rows;
mod user_file;
mod views;
mod word_groups;

pub use catalog::SCHEMA;
pub use progress::{Progress, Running};
pub use scope::Scope;
pub use session::{MEMORY_BYTES, Query, Session, SessionRecording};
pub use statements::Statements;
pub use user_file::UserFile;
