//! The accumulator of a query without groups, and of window frames that only grow.

use arrow::array::{ArrayRef, AsArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::super::histogram::Histogram;
use super::Call;
use super::input::{Rows, failed};

#[derive(Debug)]
pub(in crate::sql::functions) struct Single {
    call: Call,
    histogram: Histogram,
    /// Room for the buckets of a sketch.
    buckets: Vec<(i16, u64)>,
}

impl Single {
    pub(in crate::sql::functions) fn new(call: Call) -> Self {
        Self {
            call,
            histogram: Histogram::default(),
            buckets: Vec::new(),
        }
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Call { name, input, .. } = self.call;
        let rows = Rows::of(input, name, values)?;
        if let Rows::Values(values) = rows {
            values.iter().flatten().for_each(|value| {
                self.histogram.add(value);
            });
            return Ok(());
        }
        for row in 0..rows.len() {
            if let Some(row) = rows.row(row, name, None)? {
                row.add_to(&mut self.histogram, name, &mut self.buckets)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.call.answer.of([&self.histogram].into_iter());
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.histogram.heap_bytes()
            + self.buckets.capacity() * size_of::<(i16, u64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut bytes = Vec::new();
        self.histogram.encode(&mut bytes);
        Ok(vec![ScalarValue::LargeBinary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states[0].as_binary::<i64>().iter().flatten() {
            self.histogram
                .merge(state, &mut self.buckets)
                .map_err(|refused| failed(self.call.name, refused))?;
        }
        Ok(())
    }
}
