//! Windows that are collected one by one and merged where they become too many, so that the memory
//! for a run has a bound whatever its length.
//!
//! No metric is computed here.

use crate::error::{Error, within};
use crate::run::{Run, Window};
use std::time::Duration;

/// The most windows that a run keeps. More would cost memory and add no power.
const MOST: usize = 4096;
/// As many windows as a comparison of one run per side needs to find small changes.
const WANTED: f64 = 800.0;
/// The fewest operations per window that [`window_length`] aims at.
const OPERATIONS: f64 = 2.0;

/// The windows of one run of one operation, in order of time.
///
/// At most 4,096 are kept: then neighbours are merged and the windows become twice as long. A
/// merged window in which a part is missing is missing as a whole, since its rate would be that of
/// another length.
#[derive(Debug, Clone)]
pub struct Windows {
    length: Duration,
    /// Number of windows that were pushed for each that is kept.
    merged: usize,
    kept: Vec<Option<Window>>,
    /// The window that is not complete yet.
    open: Option<Window>,
    /// Number of windows that were pushed into `open`.
    in_open: usize,
}

impl Windows {
    /// No windows yet. Those that are pushed are `length` long.
    ///
    /// # Errors
    /// A length of 0.
    pub fn new(length: Duration) -> Result<Windows, Error> {
        let seconds = length.as_secs_f64();
        within("window", seconds, 1e-9, f64::MAX, "longer than 0")?;
        Ok(Windows::empty(length))
    }

    /// Adds the next window; `None` for a gap.
    pub fn push(&mut self, window: Option<Window>) {
        self.open = match (self.in_open, self.open.take(), window) {
            (0, _, window) => window,
            (_, Some(mut open), Some(window)) => {
                open.merge(&window, (self.in_open as f64, 1.0));
                Some(open)
            }
            _ => None,
        };
        self.in_open += 1;
        if self.in_open == self.merged {
            self.in_open = 0;
            let window = self.open.take();
            self.kept.push(window);
            if self.kept.len() == MOST {
                self.merge(2);
            }
        }
    }

    /// The length of a kept window.
    pub fn length(&self) -> Duration {
        self.length
            .saturating_mul(u32::try_from(self.merged).unwrap_or(u32::MAX))
    }

    /// Number of complete windows, including missing ones.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// True without a complete window.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Merges `factor` neighbours into one, so that runs of different lengths get windows of the
    /// same length. Windows that do not fill one at the end are not part of the run. A factor of 0
    /// or 1 changes nothing.
    pub fn merge(&mut self, factor: usize) {
        if factor < 2 {
            return;
        }
        let mut coarser = Windows {
            merged: factor,
            ..Windows::empty(self.length)
        };
        for window in self.kept.drain(..) {
            coarser.push(window);
        }
        // Windows that are left over begin the incomplete one.
        let open = match (coarser.in_open, self.in_open) {
            (0, _) => self.open.take(),
            (_, 0) => coarser.open.take(),
            _ => {
                let lengths = (coarser.in_open * self.merged, self.in_open);
                let parts = coarser.open.take().zip(self.open.take());
                parts.map(|(mut first, last)| {
                    first.merge(&last, (lengths.0 as f64, lengths.1 as f64));
                    first
                })
            }
        };
        self.in_open += coarser.in_open * self.merged;
        self.open = open;
        self.kept = coarser.kept;
        self.merged *= factor;
    }

    fn empty(length: Duration) -> Windows {
        Windows {
            length,
            merged: 1,
            kept: Vec::new(),
            open: None,
            in_open: 0,
        }
    }

    /// The run of the complete windows.
    ///
    /// # Errors
    /// As [`Run::from_windows`].
    pub fn into_run(self) -> Result<Run, Error> {
        Run::from_owned_windows(self.length(), self.kept)
    }
}

/// The length of the windows of runs that are compared: 800 windows in the shortest run, or as few
/// as have two operations each, and 1 s at most.
///
/// `span` is the length of the shortest run, and `operations` is the number of operations in the
/// run that has the fewest. Both runs of a comparison need the same length.
pub fn window_length(span: Duration, operations: u64) -> Duration {
    let windows = WANTED.min(operations as f64 / OPERATIONS).max(1.0);
    let length = span.as_secs_f64() / windows;
    Duration::from_secs_f64(length.clamp(1e-6, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::histogram::Histogram;
    use crate::metric::Metric;
    use proptest::prelude::*;

    fn window(count: u64) -> Window {
        Window {
            count,
            failures: count / 7,
            lost: count / 5,
            duration_ns: Some(count as f64 * 1e6),
            cpu_ns: Some(count as f64 * 1e5),
            memory_bytes: None,
            bytes: Some(count as f64),
            durations: Some(Histogram::from_values(&vec![1_000 + count; count as usize])),
        }
    }

    #[test]
    fn memory_has_a_bound_and_nothing_is_lost() {
        let mut windows = Windows::new(Duration::from_secs(1)).unwrap();
        let mut total = 0;
        for i in 0..100_000_u64 {
            windows.push(Some(window(1 + i % 9)));
            total += 1 + i % 9;
            assert!(windows.len() <= MOST);
        }
        assert_eq!(windows.length(), Duration::from_secs(32));
        assert_eq!(windows.len(), 100_000 / 32);
        let counted: u64 = windows.kept.iter().flatten().map(|w| w.count).sum();
        assert_eq!(counted, total);
        let run = windows.into_run().unwrap();
        let rate = crate::read(&run, &Metric::Rate, 0).unwrap();
        // 50 operations in 9 windows, lost ones included.
        assert!((rate.value - 50.0 / 9.0).abs() < 0.001, "{rate:?}");
        let mean = crate::read(&run, &Metric::DurationMean, 0).unwrap();
        assert!((mean.value - 1e6).abs() < 1e-3, "{mean:?}");
    }

    #[test]
    fn windows_are_as_short_as_the_operations_allow() {
        let length = |seconds, operations| window_length(Duration::from_secs(seconds), operations);
        assert_eq!(length(86_400, 1_000_000), Duration::from_secs(1));
        assert_eq!(length(60, 1_000_000), Duration::from_millis(75));
        assert_eq!(length(60, 400), Duration::from_millis(300));
        assert_eq!(length(60, 0), Duration::from_secs(1));
        assert_eq!(length(0, 10), Duration::from_micros(1));
    }

    proptest! {
        #[test]
        fn merging_is_the_same_in_any_steps(
            counts in proptest::collection::vec(proptest::option::weighted(0.9, 0u64..20), 0..200),
            first in 1usize..4, second in 1usize..4
        ) {
            let pushed = |merged: usize| {
                let mut windows = Windows::new(Duration::from_secs(1)).unwrap();
                windows.merge(merged);
                for count in &counts {
                    windows.push(count.map(window));
                }
                windows
            };
            let at_once = pushed(first * second);
            let mut later = pushed(1);
            later.merge(first);
            later.merge(second);
            prop_assert_eq!(at_once.length(), later.length());
            prop_assert_eq!(&at_once.kept, &later.kept);
            prop_assert_eq!((at_once.in_open, &at_once.open), (later.in_open, &later.open));
        }
    }
}
