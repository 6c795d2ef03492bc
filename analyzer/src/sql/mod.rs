//! The recording as SQL: a DataFusion session with its tables, views and functions, and queries run on it.

pub mod columns;
pub mod functions;
mod live;
mod origin;
pub mod queries;
mod session;
mod table;

pub use session::{Session, explain};
