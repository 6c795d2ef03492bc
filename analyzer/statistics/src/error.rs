//! The errors of this package. It never panics and never prints.

use std::time::Duration;

/// Why a calculation was refused before it began.
///
/// Too few or too noisy data are not an error: they make a result inconclusive.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An option lies outside the range in which the method means anything.
    #[error("{name} is {}: it must be {must}", shown(*.value))]
    Option {
        /// Its name for the caller, for instance `threshold`.
        name: &'static str,
        /// The value that was given.
        value: f64,
        /// The allowed range, in words that continue "it must be".
        must: &'static str,
    },
    /// Two inputs that belong together differ in length.
    #[error("{left} has {left_length} entries and {right} has {right_length}: they must be equal")]
    Length {
        /// Name of the first input.
        left: &'static str,
        /// Number of its entries.
        left_length: usize,
        /// Name of the second input.
        right: &'static str,
        /// Number of its entries.
        right_length: usize,
    },
    /// One side of a comparison is empty.
    #[error("{side} has no runs: give at least one recording")]
    NoRuns {
        /// `base` or `candidate`.
        side: &'static str,
    },
    /// Runs cannot be paired because the two sides differ in their number.
    #[error("pairing needs as many base runs as candidate runs: got {base} and {candidate}")]
    Unpaired {
        /// Number of base runs.
        base: usize,
        /// Number of candidate runs.
        candidate: usize,
    },
    /// Two runs of one side have the same pair number.
    #[error(
        "two {side} runs are numbered as those of pair {pair}: a pair has one run of each side"
    )]
    TwiceInPair {
        /// `base` or `candidate`.
        side: &'static str,
        /// The number.
        pair: u64,
    },
    /// Runs that are compared were cut into windows of different lengths.
    #[error("runs have windows of {first:?} and of {second:?}: they must have the same length")]
    WindowLengths {
        /// Length of the windows of one run.
        first: Duration,
        /// Length of the windows of another one.
        second: Duration,
    },
}

/// With an exponent where it would have many digits.
fn shown(value: f64) -> String {
    match value.abs() >= 1e7 && value.is_finite() {
        true => format!("{value:e}"),
        false => value.to_string(),
    }
}

/// `Ok` when `value` lies in `low..=high`. NaN is always refused.
pub(crate) fn within(
    name: &'static str,
    value: f64,
    low: f64,
    high: f64,
    must: &'static str,
) -> Result<(), Error> {
    if value >= low && value <= high {
        Ok(())
    } else {
        Err(Error::Option { name, value, must })
    }
}
