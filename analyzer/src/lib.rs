//! The analyzer: a recording in, numbers and pictures out. Data walks one way:
//! `recording` (files) → `sql` (tables) → `figures` (typed numbers) → `output`, `chart`, `report`,
//! and `commands` lead it through. `units` stands below all of them.
//!
//! It never writes into a recording, never depends on `aya`, and names no column that
//! `soakbox-schemas` does not have.

pub mod chart;
pub mod cli;
mod commands;
pub mod figures;
pub mod output;
pub mod recording;
pub mod report;
pub mod run;
pub mod sql;
pub mod units;
