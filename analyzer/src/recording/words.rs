//! Whether a word is in a column of a recording. The statistics of a file often tell; otherwise its
//! column is read.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::file::statistics::Statistics;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::Table;

use super::{Recording, Segment};

impl Recording {
    /// Whether a row of the table has `word` in `column`.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn has_word(&self, table: Table, column: &str, word: &str) -> Result<bool> {
        let mut unknown = Vec::new();
        for segment in self.segments(table) {
            match by_statistics(segment, column, word) {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => unknown.push(segment),
            }
        }
        for journal in self.journals(table) {
            let mut is_there = false;
            journal.batches(|batch| {
                is_there |= has_word(batch, column, word)?;
                Ok(())
            })?;
            if is_there {
                return Ok(true);
            }
        }
        for segment in unknown {
            let mut is_there = false;
            segment.batches(&[column], |batch| {
                is_there = is_there || has_word(batch, column, word)?;
                Ok(())
            })?;
            if is_there {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What the statistics of a file tell; `None` where it may be in it.
fn by_statistics(segment: &Segment, column: &str, word: &str) -> Option<bool> {
    let metadata = segment.metadata.as_ref()?;
    let columns = metadata.file_metadata().schema_descr().columns();
    let Some(index) = columns.iter().position(|one| one.name() == column) else {
        return Some(false);
    };
    let mut is_outside = true;
    for group in metadata.row_groups() {
        let Some(Statistics::ByteArray(values)) = group.column(index).statistics() else {
            return None;
        };
        let (Some(least), Some(most)) = (values.min_bytes_opt(), values.max_bytes_opt()) else {
            return None;
        };
        let word = word.as_bytes();
        if (word == least && values.min_is_exact()) || (word == most && values.max_is_exact()) {
            return Some(true);
        }
        is_outside &= word < least || most < word;
    }
    is_outside.then_some(false)
}

fn has_word(batch: &RecordBatch, column: &str, word: &str) -> Result<bool> {
    let Some(values) = batch.column_by_name(column) else {
        return Ok(false);
    };
    let failed = |error| Failure::new(column, error);
    // Most words of a dictionary have a row, but not all of them must.
    if let Some(words) = values.as_any_dictionary_opt() {
        let texts = cast(words.values(), &DataType::Utf8).map_err(failed)?;
        let texts = texts.as_string::<i32>();
        let keys = words.normalized_keys();
        let mut used = keys
            .iter()
            .enumerate()
            .filter(|(row, _)| words.is_valid(*row));
        return Ok(used.any(|(_, key)| texts.value(*key) == word));
    }
    let texts = cast(values, &DataType::Utf8).map_err(failed)?;
    Ok(texts
        .as_string::<i32>()
        .iter()
        .flatten()
        .any(|text| text == word))
}
