//! The operations that were lost, by operation, without the rows: most files show in their footers
//! that none was, so that their counts need not be read.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use soakbox_cli::Result;
use soakbox_schemas::counters::CounterValues;
use soakbox_schemas::tables::{LOSS_CAUSES, Table};

use super::columns::{Words, optional, value};
use super::counts::{OperationCounts, add_all};
use super::source::Source;
use crate::recording::{FOOTERS, Recording, loss_columns, on_all_cpus};

/// The finished operations and the losses, as [`LOSS_CAUSES`].
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    finished: u64,
    lost: [u64; LOSS_CAUSES.len()],
}

const OPERATION: &str = "operation";
const FINISHED: &str = "finished";

/// The operations with losses, by name: what finished and what was lost, and no other counts.
///
/// # Errors
/// Where a file cannot be read.
pub fn losses(recording: &Recording) -> Result<Vec<OperationCounts>> {
    let table = Table::OPERATION_METRICS;
    let segments = || recording.segments(table);
    let journals: Vec<_> = recording.journals(table).map(Source::Journal).collect();
    let has_losses = segments().any(|segment| segment.may_have_losses)
        || sums(&journals)?.values().any(Sums::has_losses);
    if !has_losses {
        return Ok(Vec::new());
    }
    let all: Vec<_> = segments().map(Source::Segment).chain(journals).collect();
    let lost = sums(&all)?.into_iter();
    let lost = lost.filter(|(_, sums)| sums.has_losses());
    let counts = lost.map(|(operation, sums)| OperationCounts {
        operation,
        counters: CounterValues {
            finished: sums.finished,
            ..CounterValues::default()
        },
        lost: LOSS_CAUSES.into_iter().zip(sums.lost).collect(),
        is_counted: true,
        ..OperationCounts::default()
    });
    Ok(counts.collect())
}

/// The sums of all files by operation.
fn sums(files: &[Source<'_>]) -> Result<BTreeMap<String, Sums>> {
    let columns: Vec<String> = loss_columns().skip(1).collect();
    let mut names = vec![OPERATION, FINISHED];
    names.extend(columns.iter().map(String::as_str));
    let of_file = |(): &mut (), file: &Source<'_>| -> Result<BTreeMap<String, Sums>> {
        let mut sums = BTreeMap::new();
        file.batches(&names, |batch| add(batch, &columns, &mut sums))?;
        Ok(sums)
    };
    let mut all: BTreeMap<String, Sums> = BTreeMap::new();
    for sums in on_all_cpus(files, FOOTERS, || (), of_file) {
        for (operation, sums) in sums? {
            all.entry(operation).or_default().add(&sums);
        }
    }
    Ok(all)
}

/// Adds the rows of a batch.
fn add(batch: &RecordBatch, losses: &[String], all: &mut BTreeMap<String, Sums>) -> Result<()> {
    let words = Words::of(batch, OPERATION)?;
    let finished = optional(batch, FINISHED)?;
    let losses = losses.iter().map(|name| optional(batch, name));
    let losses = losses.collect::<Result<Vec<_>>>()?;
    let mut sums = vec![Sums::default(); words.iter().count()];
    for row in 0..batch.num_rows() {
        let Some(sums) = words.word(row).and_then(|word| sums.get_mut(word)) else {
            continue;
        };
        let finished = value(finished.as_ref(), row).unwrap_or(0);
        sums.finished = sums.finished.saturating_add(finished);
        for (sum, column) in sums.lost.iter_mut().zip(&losses) {
            *sum = sum.saturating_add(value(column.as_ref(), row).unwrap_or(0));
        }
    }
    for (operation, sums) in words.iter().zip(&sums) {
        match all.get_mut(operation) {
            Some(known) => known.add(sums),
            None => drop(all.insert(operation.to_owned(), *sums)),
        }
    }
    Ok(())
}

impl Sums {
    fn has_losses(&self) -> bool {
        self.lost.iter().any(|lost| *lost > 0)
    }

    fn add(&mut self, more: &Self) {
        self.finished = self.finished.saturating_add(more.finished);
        add_all(&mut self.lost, &more.lost);
    }
}
