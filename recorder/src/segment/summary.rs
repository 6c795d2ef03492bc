//! Number, first and last time, and order of a segment's rows, kept so that they need not be read
//! again.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use soakbox_schemas::recording::Extent;

/// Sums up the rows of one segment in the order of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Number of rows.
    pub rows: u64,
    /// Earliest time, ns UTC; meaningless without rows.
    pub first_at_ns: i64,
    /// Latest time, ns UTC; meaningless without rows.
    pub last_at_ns: i64,
    /// Whether the rows are in order of time.
    pub sorted: bool,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            rows: 0,
            first_at_ns: i64::MAX,
            last_at_ns: i64::MIN,
            sorted: true,
        }
    }
}

impl Summary {
    /// The same in the form of a footer; `None` without rows.
    pub fn extent(&self) -> Option<Extent> {
        (self.rows > 0).then_some(Extent {
            rows: self.rows,
            first_at_ns: self.first_at_ns,
            last_at_ns: self.last_at_ns,
            sorted: self.sorted,
        })
    }

    /// Adds the rows of `batch`, which follow those so far. `false`, and nothing is added, where
    /// the first column, which is the time of a row in every table, is not a timestamp.
    pub fn add(&mut self, batch: &RecordBatch) -> bool {
        let first = batch.columns().first();
        let Some(times) =
            first.and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>())
        else {
            return false;
        };
        for &time in times.values() {
            // The latest so far is the last one, as long as all are in order.
            self.sorted &= time >= self.last_at_ns;
            self.first_at_ns = self.first_at_ns.min(time);
            self.last_at_ns = self.last_at_ns.max(time);
        }
        self.rows += times.len() as u64;
        true
    }
}
