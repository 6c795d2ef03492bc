//! The analyzer: a recording in, numbers and pictures out. Data walks one way:
//! `recording` (files) → `sql` (tables) → `info`, `summary`, `windows` (typed figures) → `chart`, `report`, `output`.
//!
//! It never writes into a recording, never depends on `aya`, and names no column that `soakbox-schemas` does not have.

pub mod chart;
pub mod cli;
pub mod counting;
pub mod failure;
pub mod gaps;
pub mod info;
pub mod observed;
pub mod output;
pub mod recording;
pub mod report;
pub mod run;
pub mod sql;
pub mod summary;
pub mod warning;
pub mod windows;
