//! The groups of one partition: each word has one, and so do missing words. In a batch the group of a
//! row follows from its key in the dictionary, so that no row is hashed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::{Int32Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::lanes::count_keys;
use super::sums::{Rows, Sums};
use super::words::Words;

/// The groups, with the states of all aggregates.
pub(super) struct Groups {
    words: Arc<Words>,
    /// The code of each group; `None` for the group of missing words.
    codes: Vec<Option<u32>>,
    /// The group of each code, if it has one.
    places: Vec<Option<usize>>,
    /// The group of missing words.
    null: Option<usize>,
    sums: Vec<Box<dyn Sums>>,
    /// Whether an aggregate asks for the group of each row.
    are_asked_for: bool,
    /// The group of each row of a batch.
    of_rows: Vec<usize>,
}

impl Groups {
    pub(super) fn new(words: Arc<Words>, sums: Vec<Box<dyn Sums>>) -> Self {
        Self {
            words,
            codes: Vec::new(),
            places: Vec::new(),
            null: None,
            are_asked_for: sums.iter().any(|sums| sums.needs_groups()),
            sums,
            of_rows: Vec::new(),
        }
    }

    /// Adds the rows of a batch, whose words are those of `column`.
    pub(super) fn add(&mut self, column: &ArrayRef, batch: &RecordBatch) -> Result<()> {
        let mut of_rows = std::mem::take(&mut self.of_rows);
        of_rows.clear();
        let counts = match keys(column) {
            Some((keys, values)) => self.by_keys(keys, values, &mut of_rows)?,
            None => self.by_codes(column, &mut of_rows)?,
        };
        let rows = Rows {
            groups: &of_rows,
            counts: &counts,
            number: self.codes.len(),
        };
        for sums in &mut self.sums {
            sums.add(batch, &rows)?;
        }
        self.of_rows = of_rows;
        Ok(())
    }

    /// Fills in the group of each row, if they are asked for, and gives the rows of each group.
    fn by_keys(
        &mut self,
        keys: &[i32],
        values: &ArrayRef,
        of_rows: &mut Vec<usize>,
    ) -> Result<Vec<(usize, i64)>> {
        let codes = self.words.codes(values)?;
        let counts = count_keys(keys, codes.len());
        // A word that no row of the batch has gets no group.
        let groups = codes
            .iter()
            .zip(&counts)
            .map(|(&code, &count)| match count {
                0 => usize::MAX,
                _ => self.group(code),
            });
        let groups: Vec<usize> = groups.collect();
        if self.are_asked_for {
            of_rows.extend(keys.iter().map(|&key| groups[key as usize]));
        }
        let counted = groups.into_iter().zip(counts);
        Ok(counted.filter(|(_, count)| *count > 0).collect())
    }

    fn by_codes(
        &mut self,
        column: &ArrayRef,
        of_rows: &mut Vec<usize>,
    ) -> Result<Vec<(usize, i64)>> {
        let codes = self.words.encode(column)?;
        of_rows.extend(codes.iter().map(|code| match code {
            Some(code) => self.group(code),
            None => self.null_group(),
        }));
        let mut counts = vec![0; self.codes.len()];
        of_rows.iter().for_each(|&group| counts[group] += 1);
        Ok(counts.into_iter().enumerate().collect())
    }

    fn group(&mut self, code: u32) -> usize {
        let place = code as usize;
        if let Some(&Some(group)) = self.places.get(place) {
            return group;
        }
        if self.places.len() <= place {
            self.places.resize(place + 1, None);
        }
        let group = self.codes.len();
        self.places[place] = Some(group);
        self.codes.push(Some(code));
        group
    }

    fn null_group(&mut self) -> usize {
        if let Some(group) = self.null {
            return group;
        }
        self.null = Some(self.codes.len());
        self.codes.push(None);
        self.codes.len() - 1
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let of_codes = self.codes.capacity() * size_of::<Option<u32>>();
        of_codes + self.sums.iter().map(|sums| sums.size()).sum::<usize>()
    }

    /// The states of all groups in the columns of `schema`; there are no groups afterwards.
    pub(super) fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch> {
        let codes = UInt32Array::from(std::mem::take(&mut self.codes));
        self.places.clear();
        self.null = None;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(codes)];
        for sums in &mut self.sums {
            columns.extend(sums.take()?);
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// The keys and the words of a dictionary in which each row has a word.
fn keys(column: &ArrayRef) -> Option<(&[i32], &ArrayRef)> {
    let column = column.as_dictionary_opt::<Int32Type>()?;
    let has_all = column.keys().null_count() == 0 && column.values().null_count() == 0;
    has_all.then(|| (&**column.keys().values(), column.values()))
}
