//! The windows of one operation in one run, in order of time, with gaps as missing windows.

use super::{Window, WindowLength};

/// Windows of equal length, from the begin of the run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The length of each window.
    pub length: WindowLength,
    /// The windows that the run fills; `None` where a part was not observed.
    pub windows: Vec<Option<Window>>,
}

impl Series {
    /// Whether a window has more than 0 of that number.
    pub fn any(&self, number: fn(&Window) -> u64) -> bool {
        self.windows.iter().flatten().any(|w| number(w) > 0)
    }

    /// That number of each window; NaN where the window is missing.
    pub fn column(&self, number: fn(&Window) -> u64) -> Vec<f64> {
        let windows = self.windows.iter().map(Option::as_ref);
        windows
            .map(|window| window.map_or(f64::NAN, |w| number(w) as f64))
            .collect()
    }

    /// The same run in windows of `length`: neighbours are merged. Windows at the end that do not
    /// fill a longer one are left out, and a longer window with a missing part is missing. Where
    /// `length` is not longer, nothing changes.
    #[must_use]
    pub fn merged_to(self, length: WindowLength) -> Self {
        let parts = self.length.parts_of(length);
        if parts == 1 {
            return self;
        }
        let whole = self.windows.chunks_exact(parts);
        let windows = whole.map(|parts| {
            let mut merged = parts[0].clone()?;
            for part in &parts[1..] {
                merged.merge(part.as_ref()?);
            }
            Some(merged)
        });
        Self {
            length,
            windows: windows.collect(),
        }
    }

    /// The sums over all windows that are not missing.
    pub fn total(&self) -> Window {
        let mut total = Window::default();
        for window in self.windows.iter().flatten() {
            total.merge(window);
        }
        total
    }

    /// Operations with a row, in windows that are not missing.
    pub fn count(&self) -> u64 {
        self.windows
            .iter()
            .flatten()
            .map(|window| window.count)
            .sum()
    }
}
