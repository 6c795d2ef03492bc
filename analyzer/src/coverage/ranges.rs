//! Ranges of time as sets of moments. Pure.

use crate::recording::TimeRange;

/// The same time as ranges that do not touch, in order.
pub(crate) fn merge(mut ranges: Vec<TimeRange>) -> Vec<TimeRange> {
    ranges.retain(|range| range.length_ns() > 0);
    joined(ranges)
}

/// As [`merge`], with ranges that have no length.
pub(super) fn joined(mut ranges: Vec<TimeRange>) -> Vec<TimeRange> {
    ranges.sort_by_key(|range| range.first_ns);
    let mut merged: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first_ns <= last.last_ns => *last = last.union(range),
            _ => merged.push(range),
        }
    }
    merged
}

/// The length of ranges together, ns.
pub(crate) fn length_ns(ranges: &[TimeRange]) -> i64 {
    let lengths = ranges.iter().map(|range| range.length_ns());
    lengths.fold(0, i64::saturating_add)
}
