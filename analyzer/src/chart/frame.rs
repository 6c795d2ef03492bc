//! What the panels of a picture have in common: where their plots begin and end, and how fine their lines are.

use super::canvas::{SIDE, SIZE};
use super::letters::width;
use super::marks;
use super::picture::Panel;

/// Space at the right of a plot, for half a label.
const RIGHT: i32 = 28;
/// Largest share of the width that the labels of the vertical axis take.
const MOST_LEFT: f64 = 0.4;
/// The same of labels at the right.
const MOST_RIGHT: f64 = 0.3;
/// Most points of all lines of a picture, so that the file is small.
const MOST_POINTS: usize = 12_000;

/// What the panels of a picture have in common.
pub(super) struct Frame {
    pub(super) width: i32,
    pub(super) left: i32,
    pub(super) right: i32,
    /// Most columns of a line, so that many lines together are few points.
    pub(super) columns: usize,
}

impl Frame {
    /// All plots begin at the same place.
    pub(super) fn of(panels: &[Panel], total: u32) -> Self {
        let labels = panels.iter().flat_map(|panel| &panel.y.ticks);
        let widest = labels
            .map(|(_, label)| width(label, SIZE))
            .fold(24.0, f64::max);
        let most = f64::from(total) * MOST_LEFT;
        let right = panels.iter().flat_map(|panel| &panel.right);
        let right = right.map(|(_, label)| width(label, SIZE) + 8.0);
        let right = right.fold(0.0, f64::max).min(f64::from(total) * MOST_RIGHT);
        Self {
            width: total as i32,
            left: SIDE + widest.min(most).ceil() as i32 + 8,
            right: RIGHT.max(right.ceil() as i32 + 8),
            columns: MOST_POINTS / 2 / panels.iter().map(marks::lines).sum::<usize>().max(1),
        }
    }

    /// Where plots end.
    pub(super) fn right(&self) -> i32 {
        self.width - self.right
    }

    pub(super) fn plot_width(&self) -> i32 {
        (self.right() - self.left).max(8)
    }
}
