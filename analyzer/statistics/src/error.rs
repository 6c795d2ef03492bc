//! What this package refuses, in plain words. It never panics and never prints.

/// Why a calculation was refused before it began.
///
/// Data that are merely too few or too noisy are no error: they make a result inconclusive.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An option lies outside the range in which the method means anything.
    #[error("{name} is {value}: it must be {must}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What was given.
        value: f64,
        /// The allowed range in words.
        must: &'static str,
    },
    /// Two inputs that belong together differ in length.
    #[error("{left} has {left_length} entries and {right} has {right_length}: they must be equal")]
    Length {
        /// Name of the first input.
        left: &'static str,
        /// Its length.
        left_length: usize,
        /// Name of the second input.
        right: &'static str,
        /// Its length.
        right_length: usize,
    },
    /// A comparison was asked of no runs at all.
    #[error("{side} has no runs: give at least one recording")]
    NoRuns {
        /// `base` or `candidate`.
        side: &'static str,
    },
    /// Runs cannot be paired because the sides have different numbers of them.
    #[error("pairing needs as many base runs as candidate runs: got {base} and {candidate}")]
    Unpaired {
        /// Runs of the base.
        base: usize,
        /// Runs of the candidate.
        candidate: usize,
    },
}

/// `Ok` when `value` lies in `low..=high` (never for NaN).
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
