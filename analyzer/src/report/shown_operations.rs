//! Which operations have charts of their own: those that finished most often, so that a page of many
//! operations is still read, and small.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::Side;
use crate::units::{count, plural};

/// Most charts and tables of operations on a page.
const MOST: usize = 16;

/// The operations that are shown.
pub(super) struct ShownOperations<'a> {
    /// By name.
    pub(super) names: Vec<&'a str>,
    /// How many others there are.
    left_out: usize,
}

impl<'a> ShownOperations<'a> {
    /// Those of all sides; the more sides, the fewer, since each has its own chart.
    pub(super) fn of(sides: &'a [Side]) -> Self {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for operation in sides.iter().flat_map(|side| &side.summary.operations) {
            let known = counts.entry(&operation.operation).or_default();
            *known = known.saturating_add(operation.count);
        }
        let mut names: Vec<(&str, u64)> = counts.into_iter().collect();
        names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let most = (MOST / sides.len().max(1)).max(1);
        let left_out = names.len().saturating_sub(most);
        names.truncate(most);
        let mut names: Vec<&str> = names.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        Self { names, left_out }
    }

    /// What is left out; nothing where all are shown.
    pub(super) fn note(&self) -> Markup {
        let (shown, left_out) = (self.names.len() as u64, self.left_out as u64);
        html! {
            @if left_out > 0 {
                p {
                    "These are the " (count(shown)) " " (plural(shown, "operation"))
                    " that finished most often. " (count(left_out)) " "
                    @if left_out == 1 { "other is" } @else { "others are" }
                    " left out here; `chart --operation NAME` draws any of them."
                } "\n"
            }
        }
    }
}
