//! The recorder: watches operations through eBPF and streams them into crash-safe Parquet files.
//!
//! Data flows one way: `binary` (a file's bytes → addresses) → `kernel` → `source` → `segment`. It
//! never depends on the analyzer or on DataFusion.

mod access;
pub mod binary;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod costs;
pub mod fence;
pub mod host;
pub mod interleave;
pub mod kernel;
pub mod limits;
pub mod memory;
pub mod message;
pub mod plan;
pub mod probe;
pub mod process;
pub mod random;
pub mod resolve;
pub mod run;
pub mod sample;
pub mod segment;
pub mod source;
