//! One change of a series: the type of the result. `changes` finds it.

use crate::series::change_points::States;

/// The ways in which a series can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The level moved and stayed.
    Step,
    /// One point lies far from the points before it and after it.
    Outlier,
    /// From here on the level rises or falls steadily.
    Drift,
    /// The last one or two points are far from those before: too few to tell a step from an
    /// outlier.
    New,
}

impl ChangeKind {
    /// The word in `soakbox.changes/1`.
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Step => "step",
            ChangeKind::Outlier => "outlier",
            ChangeKind::Drift => "drift",
            ChangeKind::New => "new",
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
    /// The mean before a step, from the previous change on, or the end of the drift that leads to
    /// it; the median of the points around an outlier, or before new ones; the fitted value at the
    /// start of a drift.
    pub before: f64,
    /// The mean after a step, up to the next change, or the start of the drift that follows it; the
    /// value of an outlier; the mean of new points; the fitted value at the end of a drift.
    pub after: f64,
    /// (after − before) / |before|, so that its sign is that of the difference; `None` when `before`
    /// is 0.
    pub change: Option<f64>,
    /// P-value: the probability that stationary noise shows such a change anywhere in the part of
    /// the series that was searched.
    pub p: f64,
}

/// The changes of one series, and what is not among them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesChanges {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The levels of a series that moves between the same few again and again: such moves are no
    /// changes.
    pub states: Option<States>,
    /// How many changes were found but are smaller than asked for, moves between states included.
    pub left_out: usize,
}

/// The smallest change that is reported. A change must reach both minima; 0 is no minimum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeastChange {
    /// |after − before| / |before|; a level of 0 before the change reaches any minimum.
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
