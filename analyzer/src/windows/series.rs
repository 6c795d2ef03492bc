//! The windows of one operation in one run, in order of time, with gaps as missing windows.

use std::borrow::Cow;

use serde::Serialize;

use super::{Window, WindowLength};
use crate::recording::TimeRange;

/// The operations that durations are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DurationsOf {
    /// Those with a row.
    #[default]
    Rows,
    /// All that finished, also those without a row: by the kernel's histogram. Single windows of a
    /// series may have those with a row, where the kernel's are missing.
    Finished,
}

/// Windows of equal length, from the begin of the run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The length of each window.
    pub length: WindowLength,
    /// The windows that the run fills; `None` where a part was not observed.
    pub windows: Vec<Option<Window>>,
}

impl Series {
    /// Whether `number` is above 0 in any window.
    pub fn any(&self, number: fn(&Window) -> u64) -> bool {
        self.windows.iter().flatten().any(|w| number(w) > 0)
    }

    /// `number` of each window; NaN where the window is missing.
    pub fn column(&self, number: fn(&Window) -> u64) -> Vec<f64> {
        let windows = self.windows.iter().map(Option::as_ref);
        windows
            .map(|window| window.map_or(f64::NAN, |w| number(w) as f64))
            .collect()
    }

    /// Makes each window missing that a range overlaps; the first window begins at `begin_ns`.
    /// Gives the number of windows that were there before.
    pub fn leave_out(&mut self, begin_ns: i64, ranges: &[TimeRange]) -> usize {
        let length = self.length.ns();
        let mut left_out = 0;
        for range in ranges.iter().filter(|range| range.length_ns() > 0) {
            let first = range.first_ns.saturating_sub(begin_ns).max(0) / length;
            let last = (range.last_ns.saturating_sub(begin_ns) - 1).div_euclid(length);
            for index in first..=last {
                let window = usize::try_from(index)
                    .ok()
                    .and_then(|i| self.windows.get_mut(i));
                let Some(window) = window else { break };
                left_out += usize::from(window.take().is_some());
            }
        }
        left_out
    }

    /// The same run in windows of `length`: neighbours are merged. Windows at the end that do not
    /// fill a longer one are left out, and a longer window with a missing part is missing. Where
    /// `length` is not longer, nothing changes.
    #[must_use]
    pub fn merged_to(self, length: WindowLength) -> Self {
        match self.length.parts_of(length) {
            1 => self,
            _ => self.merged(length).into_owned(),
        }
    }

    /// As [`merged_to`](Self::merged_to), without a copy of the shorter windows.
    pub fn merged(&self, length: WindowLength) -> Cow<'_, Self> {
        let parts = self.length.parts_of(length);
        if parts == 1 {
            return Cow::Borrowed(self);
        }
        let whole = self.windows.chunks_exact(parts);
        let windows = whole.map(|parts| {
            let mut merged = parts[0].clone()?;
            for part in &parts[1..] {
                merged.merge(part.as_ref()?);
            }
            Some(merged)
        });
        Cow::Owned(Self {
            length,
            windows: windows.collect(),
        })
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
        self.sum(|window| window.count)
    }

    /// Operations with a duration, in windows that are not missing.
    pub fn timed(&self) -> u64 {
        self.sum(|window| window.of_finished().timed)
    }

    /// The operations whose durations the windows have.
    pub fn durations_of(&self) -> DurationsOf {
        match self.windows.iter().flatten().any(|w| w.finished.is_some()) {
            true => DurationsOf::Finished,
            false => DurationsOf::Rows,
        }
    }

    /// The sum of `number` over all windows that are not missing.
    pub fn sum(&self, number: fn(&Window) -> u64) -> u64 {
        let windows = self.windows.iter().flatten();
        windows.map(number).fold(0, u64::saturating_add)
    }

    /// Number of windows that are missing.
    pub fn missing(&self) -> usize {
        self.windows
            .iter()
            .filter(|window| window.is_none())
            .count()
    }
}
