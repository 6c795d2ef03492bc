//! The analyzer: reads a recording and gives numbers and charts. Data flows one way: `recording`
//! (files) → `sql` (tables) → `figures` (typed numbers) → `output`, `chart`, `report`. `windows`
//! cuts the runs of a recording into windows, which `compare`, `baseline`, `changes` and `soak`
//! use. `commands` connects them, and all of them may use `units`.
//!
//! It never writes into a recording that it reads (`import` makes new ones), never depends on `aya`, and names no column that
//! `soakbox-schemas` does not have.

pub mod baseline;
pub mod changes;
pub mod chart;
pub mod cli;
mod commands;
pub mod compare;
pub mod figures;
pub mod file_series;
pub mod import;
pub mod output;
pub mod recording;
pub mod report;
pub mod run;
pub mod runs;
mod shell;
pub mod soak;
pub mod sql;
pub mod units;
pub mod windows;
