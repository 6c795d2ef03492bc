//! Questions about one series of windows: warm-up, changes, outliers, periods, bursts of failures,
//! stops.
//!
//! Each file answers one question. Nothing here compares two runs.

pub(crate) mod bursts;
pub(crate) mod change;
pub(crate) mod change_points;
pub(crate) mod changes;
pub(crate) mod ends;
#[cfg(test)]
mod letters;
pub(crate) mod outages;
pub(crate) mod outliers;
pub(crate) mod periods;
pub(crate) mod stops;
pub(crate) mod warm_up;
