//! Charts of every kind and of many shapes: one operation and twelve with long names, ten milliseconds
//! and a week, one point, none, equal values, zeros, gaps, huge values, forty changes, hostile texts.

mod comparisons;
mod over_time;

use soakbox_analyzer::chart::Chart;

/// A chart with the name of its shape.
pub(crate) type Sample = (String, Box<dyn Chart>);

/// 2026-11-24T08:00:00Z.
pub(crate) const START_NS: i64 = 1_795_507_200_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const WEEK: i64 = 7 * 86_400 * SECOND;

/// A text that would do harm if anything interpreted it, and that is long.
pub(crate) const HOSTILE: &str =
    "</title><script>alert(1)</script> \u{202e}gpj \u{1b}[31m & \"quoted\" 日本語 😀 ]]> <!-- -->";

/// All charts.
pub(crate) fn all() -> Vec<Sample> {
    [over_time::all(), comparisons::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// A name of an operation: `long` ones are longer than a chart is wide.
pub(crate) fn name(index: usize, long: bool) -> String {
    match (index, long) {
        (0, false) => "rule_refresh".to_owned(),
        (1, false) => "traffic_control".to_owned(),
        (index, false) => format!("operation_{index:02}"),
        (3, true) => HOSTILE.to_owned(),
        (index, true) => format!(
            "kmesh::daemon::controller::workload::processor::handle_addresses_with_remove_and_update::\
             {index:02}::<impl core::ops::FnOnce<(alloc::sync::Arc<Workload>,)>>::call_once"
        ),
    }
}

/// A number in [0, 1) that looks random, the same on every run.
pub(crate) fn noise(index: u64) -> f64 {
    let mut z = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
