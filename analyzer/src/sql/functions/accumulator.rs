//! The two accumulators that DataFusion needs for an aggregate: one for a whole table, one for many
//! groups at once. Both hold histograms; partitions exchange encoded histograms.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, Int64Builder, LargeBinaryBuilder,
    ListBuilder,
};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::histogram::Histogram;

/// The quantiles that are read from the histogram at the end.
#[derive(Clone, Debug)]
pub(super) enum QuantileLevels {
    /// `quantile`: one value.
    One(f64),
    /// `quantiles`: a list.
    Many(Vec<f64>),
}

impl QuantileLevels {
    /// Type of an element of the list that `quantiles` returns.
    pub(super) fn item() -> Arc<Field> {
        Arc::new(Field::new_list_field(DataType::Int64, true))
    }

    fn evaluate(&self, groups: &[Histogram]) -> ArrayRef {
        match self {
            QuantileLevels::One(level) => {
                let mut values = Int64Builder::with_capacity(groups.len());
                for group in groups {
                    values.append_option(group.quantiles(&[*level]).map(|found| found[0]));
                }
                Arc::new(values.finish())
            }
            QuantileLevels::Many(levels) => {
                let mut lists = ListBuilder::new(Int64Builder::new()).with_field(Self::item());
                for group in groups {
                    let found = group.quantiles(levels);
                    lists.append_option(found.map(|values| values.into_iter().map(Some)));
                }
                Arc::new(lists.finish())
            }
        }
    }
}

fn states<'a>(groups: impl IntoIterator<Item = &'a Histogram>) -> ArrayRef {
    let (mut builder, mut bytes) = (LargeBinaryBuilder::new(), Vec::new());
    for group in groups {
        bytes.clear();
        group.encode(&mut bytes);
        builder.append_value(&bytes);
    }
    Arc::new(builder.finish())
}

fn decode(state: &dyn Array, row: usize) -> Result<Option<Histogram>> {
    if state.is_null(row) {
        return Ok(None);
    }
    let bytes = state.as_binary::<i64>().value(row);
    let histogram = Histogram::decode(bytes);
    histogram
        .map(Some)
        .ok_or_else(|| DataFusionError::Internal("a quantile's state is damaged".to_owned()))
}

/// Whether a row counts: it is neither null nor filtered out.
fn counted(values: &Int64Array, filter: Option<&BooleanArray>, row: usize) -> bool {
    values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The accumulator of a query without groups, and of window functions.
#[derive(Debug)]
pub(super) struct Single {
    pub(super) histogram: Histogram,
    pub(super) levels: QuantileLevels,
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<Int64Type>();
        for value in values.iter().flatten() {
            self.histogram.add(value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.levels.evaluate(std::slice::from_ref(&self.histogram));
        ScalarValue::try_from_array(&values, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.histogram.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut bytes = Vec::new();
        self.histogram.encode(&mut bytes);
        Ok(vec![ScalarValue::LargeBinary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            if let Some(other) = decode(&states[0], row)? {
                self.histogram.merge(&other);
            }
        }
        Ok(())
    }
}

/// The accumulator of `GROUP BY`.
#[derive(Debug)]
pub(super) struct Grouped {
    groups: Vec<Histogram>,
    heap_bytes: usize,
    levels: QuantileLevels,
}

impl Grouped {
    pub(super) fn new(levels: QuantileLevels) -> Self {
        Self {
            groups: Vec::new(),
            heap_bytes: 0,
            levels,
        }
    }

    fn change(&mut self, group: usize, change: impl FnOnce(&mut Histogram)) {
        let histogram = &mut self.groups[group];
        let before = histogram.heap_bytes();
        change(histogram);
        self.heap_bytes += histogram.heap_bytes();
        self.heap_bytes -= before;
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Histogram> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= taken.iter().map(Histogram::heap_bytes).sum::<usize>();
        taken
    }
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups
            .resize_with(total_num_groups, Histogram::default);
        let values = values[0].as_primitive::<Int64Type>();
        if values.null_count() == 0 && opt_filter.is_none() {
            for (&value, &group) in values.values().iter().zip(group_indices) {
                self.heap_bytes += self.groups[group].add(value);
            }
            return Ok(());
        }
        for (row, &group) in group_indices.iter().enumerate() {
            if counted(values, opt_filter, row) {
                self.heap_bytes += self.groups[group].add(values.value(row));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        Ok(self.levels.evaluate(&groups))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take(emit_to);
        Ok(vec![states(&groups)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups
            .resize_with(total_num_groups, Histogram::default);
        for (row, &group) in group_indices.iter().enumerate() {
            if let Some(other) = decode(&values[0], row)? {
                self.change(group, |histogram| histogram.merge(&other));
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<Int64Type>();
        let (mut builder, mut bytes) = (LargeBinaryBuilder::new(), Vec::new());
        for row in 0..values.len() {
            bytes.clear();
            if counted(values, opt_filter, row) {
                let mut histogram = Histogram::default();
                histogram.add(values.value(row));
                histogram.encode(&mut bytes);
            }
            builder.append_value(&bytes);
        }
        Ok(vec![Arc::new(builder.finish())])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Histogram>() + self.heap_bytes
    }
}
