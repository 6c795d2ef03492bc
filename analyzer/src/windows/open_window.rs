//! The window that rows are being added to: its histogram has a cell per bucket, so that a row
//! costs one increment.

use soakbox_schemas::histogram::{BUCKETS, bucket};
use soakbox_schemas::tables::histogram;

use super::Window;
use super::fold::Row;

/// Bits of a word of the bitmap.
const WORD: usize = u64::BITS as usize;

/// More operations than this are moved elsewhere, so that the cells can count them.
const MOST_COUNTED: u64 = 1 << 30;

/// A window with a histogram of cells.
#[derive(Clone, Debug)]
pub(super) struct OpenWindow {
    sums: Window,
    cells: Box<[u32; BUCKETS]>,
    /// A bit for each bucket that has an operation.
    used: [u64; BUCKETS.div_ceil(WORD)],
    extremes: Option<(i64, i64)>,
}

impl OpenWindow {
    pub(super) fn new() -> Self {
        Self {
            sums: Window::default(),
            cells: Box::new([0; BUCKETS]),
            used: [0; BUCKETS.div_ceil(WORD)],
            extremes: None,
        }
    }

    /// Whether a cell may soon be too small for its number.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.sums.count > MOST_COUNTED
    }

    #[inline]
    pub(super) fn add(&mut self, row: &Row) {
        let weight = row.weight;
        let times = |value: u64| value.saturating_mul(weight);
        let sums = &mut self.sums;
        sums.count = sums.count.saturating_add(weight);
        sums.duration_ns = sums.duration_ns.saturating_add(times(row.duration_ns));
        let measured = [
            (&mut sums.with_cpu, &mut sums.cpu_ns, row.cpu_ns),
            (
                &mut sums.with_memory,
                &mut sums.memory_bytes,
                row.memory_bytes,
            ),
            (&mut sums.with_bytes, &mut sums.bytes, row.bytes),
        ];
        for (number, sum, value) in measured {
            if let Some(value) = value {
                *number = number.saturating_add(weight);
                *sum = sum.saturating_add(times(value));
            }
        }
        if let Some(success) = row.success {
            sums.with_outcome = sums.with_outcome.saturating_add(weight);
            let failures = if success { 0 } else { weight };
            sums.failures = sums.failures.saturating_add(failures);
        }
        let duration = row.duration_ns.min(i64::MAX as u64);
        let index = bucket(duration);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.cells[index] = self.cells[index].saturating_add(weight);
        self.used[index / WORD] |= 1 << (index % WORD);
        let duration = duration.cast_signed();
        let (min, max) = self.extremes.unwrap_or((duration, duration));
        self.extremes = Some((min.min(duration), max.max(duration)));
    }

    /// The window so far; it is empty afterwards.
    pub(super) fn take(&mut self) -> Window {
        let mut window = std::mem::take(&mut self.sums);
        let Some(extremes) = self.extremes.take() else {
            return window;
        };
        let mut counts = Vec::new();
        for (index, word) in self.used.iter_mut().enumerate() {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let cell = index * WORD + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let count = std::mem::take(&mut self.cells[cell]);
                counts.push((cell as i16, u64::from(count)));
            }
        }
        histogram::encode(Some(extremes), counts, &mut window.durations);
        window.durations.shrink_to_fit();
        window
    }
}
