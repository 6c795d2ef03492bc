//! The accumulator of window frames that slide: what leaves the frame is taken out again. The
//! extremes of the frame are exact, so that it keeps those of each of its rows.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::Accumulator;
use soakbox_schemas::tables::histogram::{encode, key};

use super::super::histogram::{Refused, decoded, quantiles};
use super::answer::item;
use super::input::{Row, Rows, failed};
use super::{Answer, Call};

#[derive(Debug)]
pub(in crate::sql::functions) struct Sliding {
    call: Call,
    counts: BTreeMap<i16, u64>,
    total: u64,
    /// The smallest value of each row of the frame, and how many rows have it.
    least: BTreeMap<i64, u64>,
    /// The largest value of each row.
    most: BTreeMap<i64, u64>,
    /// Room for the buckets of a sketch.
    buckets: Vec<(i16, u64)>,
}

impl Sliding {
    pub(in crate::sql::functions) fn new(call: Call) -> Self {
        Self {
            call,
            counts: BTreeMap::new(),
            total: 0,
            least: BTreeMap::new(),
            most: BTreeMap::new(),
            buckets: Vec::new(),
        }
    }

    /// Adds the rows, or takes them out.
    fn change(&mut self, values: &[ArrayRef], enters: bool) -> Result<()> {
        let Call { name, input, .. } = self.call;
        let rows = Rows::of(input, name, values)?;
        for row in 0..rows.len() {
            let Some(row) = rows.row(row, name, None)? else {
                continue;
            };
            let extremes = match row {
                Row::Value(value, weight) => {
                    self.buckets.clear();
                    self.buckets.push((key(value), weight));
                    Some(((value, value), weight))
                }
                Row::Sketch(bytes) => {
                    decoded(bytes, &mut self.buckets).map_err(|refused| failed(name, refused))?
                }
            };
            let Some(((min, max), weight)) = extremes else {
                continue;
            };
            let total = match enters {
                true => self.total.checked_add(weight),
                false => self.total.checked_sub(weight),
            };
            self.total = total.ok_or_else(|| failed(name, Refused::TooMany))?;
            for &(key, count) in &self.buckets {
                change(&mut self.counts, key, count, enters);
            }
            change(&mut self.least, min, 1, enters);
            change(&mut self.most, max, 1, enters);
        }
        Ok(())
    }
}

/// Adds to a count, or takes from it; no count is 0.
fn change<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, by: u64, enters: bool) {
    if enters {
        *counts.entry(key).or_insert(0) += by;
        return;
    }
    if let Some(count) = counts.get_mut(&key) {
        *count = count.saturating_sub(by);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(values, true)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(values, false)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let least = self.least.first_key_value().map(|(least, _)| *least);
        let most = self.most.last_key_value().map(|(most, _)| *most);
        let extremes = least.zip(most);
        self.buckets.clear();
        let counts = self.counts.iter().map(|(key, count)| (*key, *count));
        self.buckets.extend(counts);
        let read = |levels: &[f64]| {
            extremes.map(|extremes| quantiles(&self.buckets, self.total, extremes, levels))
        };
        Ok(match &self.call.answer {
            Answer::Quantile(level) => {
                ScalarValue::Int64(read(&[*level]).and_then(|found| found.first().copied()))
            }
            Answer::Quantiles(levels) => match read(levels) {
                Some(found) => {
                    let found = found
                        .into_iter()
                        .map(|value| ScalarValue::Int64(Some(value)));
                    let found: Vec<ScalarValue> = found.collect();
                    let list = ScalarValue::new_list(&found, item().data_type(), true);
                    ScalarValue::List(list)
                }
                None => ScalarValue::new_null_list(item().data_type().clone(), true, 1),
            },
            Answer::Sketch => ScalarValue::LargeBinary(extremes.map(|_| {
                let mut bytes = Vec::new();
                encode(extremes, self.buckets.iter().copied(), &mut bytes);
                bytes
            })),
        })
    }

    fn size(&self) -> usize {
        // A node of a tree has 11 entries and is at least half full.
        let of_rows = (self.least.len() + self.most.len()) * 32;
        size_of_val(self) + of_rows + self.counts.len() * 32 + self.buckets.capacity() * 16
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_impl_err!("{}: a frame has no state", self.call.name)
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        not_impl_err!("{}: frames are not merged", self.call.name)
    }
}
