//! Questions about a soak test as a whole: does it leak, does it drift, did it reach a steady
//! state?
//!
//! It uses the results of `series` and `math`. It does not compare builds.

pub(crate) mod cycle;
pub(crate) mod finding;
pub(crate) mod growth;
pub(crate) mod leak;
pub(crate) mod limit;
pub(crate) mod lives;
pub(crate) mod sawtooth;
pub(crate) mod spikes;
pub(crate) mod steady_state;
pub(crate) mod swings;
pub(crate) mod trend;
