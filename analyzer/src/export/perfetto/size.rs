//! Whether a recording fits into a trace: a program that shows one has all of it in memory.

use arrow::array::RecordBatch;
use soakbox_cli::{Failure, Result};

use crate::export::columns::{Columns, number};
use crate::units::{count, duration};

/// How much a trace would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    operations: u64,
    counts: u64,
    /// First and last finish, ns UTC.
    range: Option<(i64, i64)>,
}

impl Size {
    /// From the row of its query.
    ///
    /// # Errors
    /// Where the columns are not those of the query.
    pub fn of(batches: &[RecordBatch]) -> Result<Self> {
        let mut size = Self::default();
        for batch in batches {
            let columns = Columns(batch);
            let one = |name: &str| -> Result<Option<i64>> {
                let column = columns.numbers(name)?;
                Ok((!column.is_empty()).then(|| number(&column, 0)).flatten())
            };
            let rows = |number: Option<i64>| number.and_then(|rows| u64::try_from(rows).ok());
            size.operations += rows(one("rows_of_log")?).unwrap_or(0);
            size.counts += rows(one("rows_of_counts")?).unwrap_or(0);
            size.range = one("first_ns")?.zip(one("last_ns")?).or(size.range);
        }
        Ok(size)
    }

    /// # Errors
    /// Where it is more than `most`, with what would be little enough.
    pub fn check(self, most: u64) -> Result<()> {
        let all = self.operations.saturating_add(self.counts);
        if all <= most {
            return Ok(());
        }
        let reason = format!(
            "a trace has at most {} operations and rows of counts, and these are {}",
            count(most),
            count(all)
        );
        let (first_ns, last_ns) = self.range.unwrap_or_default();
        let length_ns = last_ns.saturating_sub(first_ns).max(0) as f64;
        // With a reserve, since operations are not evenly distributed.
        let enough_ns = length_ns * 0.8 * most as f64 / all as f64;
        Err(Failure::new("perfetto", reason).hint(format!(
            "about {} fit: choose them with --from and --to, or some operations with --operation; \
             --limit allows more",
            duration(enough_ns)
        )))
    }
}
