//! The recorder: watches operations through eBPF and streams them into crash-safe Parquet files.
//!
//! Data walks one way: `target` (what is observed, resolved to addresses) → `kernel` → `source` → `segment`. It never
//! depends on the analyzer or on DataFusion.

pub mod kernel;
