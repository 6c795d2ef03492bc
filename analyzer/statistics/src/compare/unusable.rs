//! Why a run cannot be used for a metric, and the runs of which that is true.

use crate::compare::verdict::Side;

/// Why a metric of a run cannot be compared, in the order in which the reasons of several runs are
/// listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unusable {
    /// No window of the run has this metric.
    NotMeasured,
    /// No operation finished in the run.
    NoOperations,
    /// Fewer windows than [`MIN_WINDOWS`](crate::MIN_WINDOWS).
    TooFewWindows,
    /// A value of 0 or below, of which no ratio can be taken.
    NotPositive,
    /// The other run of its pair cannot be used, or does not exist.
    NoPartner,
}

impl Unusable {
    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Unusable::NotMeasured => "not measured",
            Unusable::NoOperations => "no operation finished",
            Unusable::TooFewWindows => "too few windows to know their variance",
            Unusable::NotPositive => {
                "the value is not above 0, so a relative change has no meaning"
            }
            Unusable::NoPartner => "the other run of the pair cannot be used",
        }
    }
}

/// A run that was left out of the comparison of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableRun {
    /// Its side.
    pub side: Side,
    /// Its position on that side, from 0.
    pub run: usize,
    /// The name that the caller gave it; empty without one.
    pub name: String,
    /// Why it was left out.
    pub why: Unusable,
}
