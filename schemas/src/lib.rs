//! The contract between the kernel side, the recorder and the analyzer: nothing else is shared.
//!
//! Without features this is a `no_std` core (`event`, `control`, `counters`, `durations`, `histogram`,
//! `marker`, `observation`, `target_cpu`) that the kernel side compiles too; feature `arrow` adds the tables' columns, the
//! recording's layout and the journal codec, and feature `parquet` the encoding of segments. Only this
//! crate names columns, footer keys and files.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod control;
pub mod counters;
pub mod durations;
pub mod event;
pub mod histogram;
pub mod marker;
pub mod observation;
pub mod target_cpu;

#[cfg(feature = "arrow")]
pub mod journal;
#[cfg(feature = "arrow")]
pub mod recording;
#[cfg(feature = "arrow")]
pub mod tables;
