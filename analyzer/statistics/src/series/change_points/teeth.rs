//! A sawtooth: the level drifts one way and falls back, again and again. Its falls are no changes.

use super::Series;

/// This number of jumps makes teeth.
const FEWEST: usize = 3;
/// Points at an end of a stretch whose mean is its level there.
const NEAR: usize = 5;
/// The drift of a tooth takes back this share of the jumps at its ends.
const TAKEN_BACK: f64 = 0.5;

impl Series {
    /// True when most stretches between neighbouring jumps drift back what the jumps moved.
    pub(super) fn has_teeth(&self, splits: &[usize]) -> bool {
        if splits.len() < FEWEST {
            return false;
        }
        let length = self.values.len();
        let before = |at: usize| self.mean(at.saturating_sub(NEAR), at);
        let after = |at: usize| self.mean(at, (at + NEAR).min(length));
        let jump = |at: usize| after(at) - before(at);
        let teeth = splits.windows(2).filter(|stretch| {
            let (first, last) = (jump(stretch[0]), jump(stretch[1]));
            let drift = before(stretch[1]) - after(stretch[0]);
            let needed = TAKEN_BACK * first.abs().min(last.abs());
            first * last > 0.0 && drift * first < 0.0 && drift.abs() >= needed
        });
        2 * teeth.count() >= splits.len() - 1
    }
}
