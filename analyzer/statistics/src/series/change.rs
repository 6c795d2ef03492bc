//! One change of a series: the type of the result. `changes` finds it.

/// The ways in which a series can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The level moved and stayed.
    Step,
    /// One point lies far from the points before it and after it.
    Outlier,
    /// From here on the level rises or falls steadily.
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
    /// First point of the new level, 0-based, among all points given, missing ones included.
    pub index: usize,
    /// The time of that point; its index when no times were given.
    pub time: f64,
    /// The kind of the change.
    pub kind: ChangeKind,
    /// The mean before a step, from the previous change on; the median of the points around an
    /// outlier; the fitted value at the start of a drift.
    pub before: f64,
    /// The mean after a step, up to the next change; the value of an outlier; the fitted value at
    /// the end of a drift.
    pub after: f64,
    /// after / before − 1; `None` when `before` is 0.
    pub change: Option<f64>,
    /// P-value: the probability that stationary noise shows such a change anywhere in the part of
    /// the series that was searched.
    pub p: f64,
}

/// The smallest change that is reported. A change must reach both minima; 0 is no minimum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeastChange {
    /// |after / before − 1|; a level of 0 before the change reaches any minimum.
    pub relative: f64,
    /// |after − before|, in the data's unit.
    pub absolute: f64,
}

impl LeastChange {
    pub(crate) fn is_reached(&self, before: f64, after: f64) -> bool {
        let size = (after - before).abs();
        size >= self.absolute && size >= self.relative * before.abs()
    }
}
