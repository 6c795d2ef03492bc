//! Repeated trials on simulated data: each function counts how often something happens.
//!
//! `tests/simulation.rs` uses them too.

pub(crate) mod builds;
pub(crate) mod comparison;
pub(crate) mod heap;
pub(crate) mod process;
pub(crate) mod self_tests;
pub(crate) mod series;
pub(crate) mod service;
pub(crate) mod steps;
