//! One change of a series: the shape of the result, nothing about how it is found.

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The level moved and stayed.
    Step,
    /// One point lies apart from both its sides.
    Outlier,
    /// The level moves steadily from here on.
    Drift,
}

impl ChangeKind {
    /// The word in `soakbox.changes/1`.
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Step => "step",
            ChangeKind::Outlier => "outlier",
            ChangeKind::Drift => "drift",
        }
    }
}

/// One change of `soakbox.changes/1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// First point of the new regime, 0-based, among all points given (missing ones counted).
    pub index: usize,
    /// The time of that point; its index when no times were given.
    pub time: f64,
    /// Step, outlier or drift.
    pub kind: ChangeKind,
    /// Mean before the change; of a drift, the fitted value at its start.
    pub before: f64,
    /// Mean after it, up to the next change; the outlier's own value; of a drift, the fitted value at its end.
    pub after: f64,
    /// after / before − 1; `None` when `before` is 0.
    pub change: Option<f64>,
    /// Chance that stationary noise shows such a change anywhere in this stretch.
    pub p: f64,
}
