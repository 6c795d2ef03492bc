//! The analyzer: reads a recording and gives numbers and charts. Data flows one way: `recording`
//! (files) → `windows` (its runs, cut into windows) → `figures` (typed numbers) → `output`,
//! `pictures` → `chart`, `report`. `compare`, `baseline`, `changes` and `soak` judge the windows, and
//! `sql` has the files as tables. `commands` connects them, and all of them may use `units`.
//!
//! It never writes into a recording that it reads (`import` makes new ones), never depends on `aya`,
//! and names no column that `soakbox-schemas` does not have.

pub mod baseline;
pub mod changes;
pub mod chart;
pub mod cli;
mod commands;
pub mod compare;
pub mod coverage;
pub mod export;
pub mod figures;
pub mod file_series;
mod hdr_histogram;
pub mod import;
pub mod output;
pub mod pictures;
pub mod recording;
pub mod report;
pub mod run;
pub mod runs;
mod shell;
pub mod soak;
pub mod sql;
pub mod units;
mod user_text;
pub mod windows;
