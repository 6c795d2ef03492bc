//! How long a query took, for `\timing`. Nothing else in the analyzer reads a clock.

use std::time::Instant;

/// A stopwatch that runs.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
