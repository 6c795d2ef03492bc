//! Durations per window, from the histograms of a recording's windows.

use super::shown::{Shown, span};
use crate::chart::{Bucket, Heatmap, OperationHeat};
use crate::figures::{DurationsOf, OperationWindows, Reading};
use soakbox_schemas::tables::histogram::{SparseHistogram, representative};

/// The chart of these operations of a recording that was read for a timeline; `None` without rows.
pub fn heatmap(reading: &Reading, shown: &Shown) -> Option<Heatmap> {
    let range = reading.coverage.range?;
    let operations = shown.operations.iter().map(|name| {
        let found = OperationWindows::of(name, range, &reading.runs);
        let windows = found
            .windows
            .iter()
            .map(|(at, window)| (*at, buckets(&window.histogram())))
            .filter(|(_, buckets)| !buckets.is_empty());
        OperationHeat {
            name: name.clone(),
            window_ns: found.width_ns,
            windows: windows.collect(),
            of_finished: found.durations_of == DurationsOf::Finished,
        }
    });
    Some(Heatmap {
        recording: reading.recording.name(),
        span: span(reading, range),
        operations: operations.collect(),
        left_out: shown.left_out,
    })
}

/// The buckets of a histogram, in the order of durations.
pub(super) fn buckets(histogram: &SparseHistogram) -> Vec<Bucket> {
    let all = histogram.buckets().iter();
    all.map(|(key, count)| Bucket {
        ns: representative(*key),
        count: *count,
    })
    .collect()
}
