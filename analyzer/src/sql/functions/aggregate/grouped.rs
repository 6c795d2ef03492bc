//! The accumulator of `GROUP BY`: a histogram for each group. Partitions exchange encoded
//! histograms.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, LargeBinaryBuilder};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::super::histogram::Histogram;
use super::Call;
use super::answer::encoded;
use super::input::{Row, Rows, failed};

#[derive(Debug)]
pub(in crate::sql::functions) struct Grouped {
    call: Call,
    groups: Vec<Histogram>,
    heap_bytes: usize,
    /// Room for the buckets of a sketch.
    buckets: Vec<(i16, u64)>,
}

impl Grouped {
    pub(in crate::sql::functions) fn new(call: Call) -> Self {
        Self {
            call,
            groups: Vec::new(),
            heap_bytes: 0,
            buckets: Vec::new(),
        }
    }

    /// Changes the histogram of a group, with room for buckets.
    fn change(
        &mut self,
        group: usize,
        change: impl FnOnce(&mut Histogram, &mut Vec<(i16, u64)>) -> Result<()>,
    ) -> Result<()> {
        let histogram = &mut self.groups[group];
        let before = histogram.heap_bytes();
        change(histogram, &mut self.buckets)?;
        self.heap_bytes += histogram.heap_bytes();
        self.heap_bytes -= before;
        Ok(())
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
        let Call { name, input, .. } = self.call;
        let rows = Rows::of(input, name, values)?;
        if let Rows::Values(values) = rows
            && values.null_count() == 0
            && opt_filter.is_none()
        {
            for (&value, &group) in values.values().iter().zip(group_indices) {
                self.heap_bytes += self.groups[group].add(value);
            }
            return Ok(());
        }
        for (row, &group) in group_indices.iter().enumerate() {
            match rows.row(row, name, opt_filter)? {
                None => {}
                Some(Row::Value(value, 1)) => self.heap_bytes += self.groups[group].add(value),
                Some(row) => self.change(group, |histogram, buckets| {
                    row.add_to(histogram, name, buckets)
                })?,
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        Ok(self.call.answer.of(groups.iter()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take(emit_to);
        Ok(vec![encoded(groups.iter(), false)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups
            .resize_with(total_num_groups, Histogram::default);
        let name = self.call.name;
        let states = values[0].as_binary::<i64>();
        for (state, &group) in states.iter().zip(group_indices) {
            let Some(state) = state else { continue };
            self.change(group, |histogram, buckets| {
                let merged = histogram.merge(state, buckets);
                merged.map_err(|refused| failed(name, refused))
            })?;
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Call { name, input, .. } = self.call;
        let rows = Rows::of(input, name, values)?;
        let (mut builder, mut bytes) = (LargeBinaryBuilder::new(), Vec::new());
        let mut buckets = Vec::new();
        for row in 0..rows.len() {
            bytes.clear();
            if let Some(row) = rows.row(row, name, opt_filter)? {
                let mut histogram = Histogram::default();
                row.add_to(&mut histogram, name, &mut buckets)?;
                histogram.encode(&mut bytes);
            }
            builder.append_value(&bytes);
        }
        Ok(vec![Arc::new(builder.finish())])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Histogram>()
            + self.heap_bytes
            + self.buckets.capacity() * size_of::<(i16, u64)>()
    }
}
