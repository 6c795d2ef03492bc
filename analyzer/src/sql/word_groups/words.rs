//! The words of one column of a query and their codes, which are the same in all batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray, UInt32Array,
};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err};

/// The words of one column of a query, each with its code.
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    codes: HashMap<Box<str>, u32>,
    words: Vec<Box<str>>,
}

impl Known {
    fn code(&mut self, word: &str) -> u32 {
        if let Some(code) = self.codes.get(word) {
            return *code;
        }
        let code = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.codes.insert(word.into(), code);
        self.words.push(word.into());
        code
    }
}

impl Words {
    /// The codes of a dictionary column; null stays null.
    pub(super) fn encode(&self, column: &dyn Array) -> Result<UInt32Array> {
        let Some(column) = column.as_any_dictionary_opt() else {
            return internal_err!("{} is no dictionary", column.data_type());
        };
        let nulls = column.logical_nulls();
        if column.values().is_empty() {
            return Ok(UInt32Array::new_null(column.len()));
        }
        let codes = self.codes(column.values())?;
        let codes = column.normalized_keys().into_iter().map(|key| codes[key]);
        Ok(UInt32Array::new(codes.collect(), nulls))
    }

    /// The code of each value of a dictionary.
    pub(super) fn codes(&self, values: &ArrayRef) -> Result<Vec<u32>> {
        let Some(values) = values.as_string_opt::<i32>() else {
            return internal_err!("{} are no words", values.data_type());
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(values
            .iter()
            .map(|word| word.map_or(0, |word| known.code(word)))
            .collect())
    }

    /// The words of these codes.
    pub(super) fn decode(&self, codes: &UInt32Array) -> Result<ArrayRef> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = StringArray::from_iter_values(&known.words);
        let keys: Int32Array = codes.unary(|code| i32::try_from(code).unwrap_or(i32::MAX));
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
            keys,
            Arc::new(words),
        )?))
    }
}

/// Whether a column of this type has words that can get codes.
pub(super) fn has_words(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(_, values) if **values == DataType::Utf8)
}
