//! Steps between levels without noise: each stretch has one value.

use super::Series;

/// Shortest stretch of equal values that is a level.
pub(super) const SHORTEST: usize = 5;
/// More steps than this, all along a line, are a drift that is written in whole units.
const MOST_ALONG_A_LINE: usize = 8;

impl Series {
    /// The steps of a series in which every value is repeated at least five times in a row. `None`
    /// where one is not, and without any step.
    pub(super) fn exact_steps(&self) -> Option<Vec<usize>> {
        let mut splits = Vec::new();
        let mut begin = 0;
        for at in 1..=self.values.len() {
            let (before, here) = (self.values[at - 1], self.values.get(at));
            let rounding = 1e-12 * before.abs();
            if here.is_some_and(|here| (here - before).abs() <= rounding) {
                continue;
            }
            if at - begin < SHORTEST {
                return None;
            }
            begin = at;
            splits.push(at);
        }
        splits.pop();
        (!splits.is_empty() && !self.along_a_line(&splits)).then_some(splits)
    }

    /// True for many steps of which the line through all points misses none by more than the
    /// largest of them.
    fn along_a_line(&self, splits: &[usize]) -> bool {
        if splits.len() <= MOST_ALONG_A_LINE {
            return false;
        }
        let size = |at: &usize| (self.values[*at] - self.values[at - 1]).abs();
        let largest = splits.iter().map(size).fold(0.0, f64::max);
        let line = self.line(0, self.values.len());
        line.is_some_and(|(_, residuals)| residuals.iter().all(|r| r.abs() <= largest))
    }
}
