//! The different values of a column in one row group, in the order of their first row.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, DictionaryArray};
use arrow::datatypes::{ArrowNativeType, Int32Type};

/// A place without a value.
const FREE: u32 = u32::MAX;
/// Places at first; there are always at least twice as many as values.
const PLACES: usize = 64;
/// Spreads values that differ in few bits (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Different numbers, and the index of each.
#[derive(Debug)]
pub(super) struct Numbers {
    values: Vec<i64>,
    places: Vec<u32>,
    last: (i64, u32),
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self {
            values: Vec::new(),
            places: vec![FREE; PLACES],
            last: (0, FREE),
        }
    }

    /// In the order of their indexes.
    pub(super) fn values(&self) -> &[i64] {
        &self.values
    }

    /// Appends the index of each of `rows`, which is new where the value is.
    pub(super) fn indexes(&mut self, rows: &[i64], out: &mut Vec<u32>) {
        let Some(first) = rows.first() else { return };
        if rows.iter().fold(0, |all, value| all | (value ^ first)) == 0 {
            let index = self.index(*first);
            out.resize(out.len() + rows.len(), index);
            return;
        }
        out.extend(rows.iter().map(|value| self.index(*value)));
    }

    #[inline]
    fn index(&mut self, value: i64) -> u32 {
        if self.last.0 == value && self.last.1 != FREE {
            return self.last.1;
        }
        let mut place = self.place(value);
        let index = loop {
            let index = self.places[place];
            if index == FREE {
                break self.add(value, place);
            }
            if self.values[index as usize] == value {
                break index;
            }
            place = (place + 1) & (self.places.len() - 1);
        };
        self.last = (value, index);
        index
    }

    /// Where the search for a value starts.
    fn place(&self, value: i64) -> usize {
        let spread = value.cast_unsigned().wrapping_mul(SPREAD);
        (spread >> (u64::BITS - self.places.len().ilog2())) as usize
    }

    #[cold]
    fn add(&mut self, value: i64, place: usize) -> u32 {
        let index = self.values.len() as u32;
        self.values.push(value);
        self.places[place] = index;
        if self.values.len() * 2 > self.places.len() {
            let mut places = vec![FREE; self.places.len() * 2];
            std::mem::swap(&mut self.places, &mut places);
            for index in places.into_iter().filter(|index| *index != FREE) {
                let mut place = self.place(self.values[index as usize]);
                while self.places[place] != FREE {
                    place = (place + 1) & (self.places.len() - 1);
                }
                self.places[place] = index;
            }
        }
        index
    }
}

/// Different words, and the index of each.
#[derive(Debug, Default)]
pub(super) struct Words {
    values: Vec<String>,
    indexes: HashMap<String, u32>,
    /// Bytes of all words together.
    bytes: usize,
}

impl Words {
    /// In the order of their indexes.
    pub(super) fn values(&self) -> &[String] {
        &self.values
    }

    /// Bytes of all words together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the index of each row of `words` that has a word; `None` where its values are no text.
    pub(super) fn indexes(
        &mut self,
        words: &DictionaryArray<Int32Type>,
        out: &mut Vec<u32>,
    ) -> Option<()> {
        let texts = words.values().as_string_opt::<i32>()?;
        // Only words that have a row get an index.
        let mut known = vec![FREE; texts.len()];
        let keys = words.keys();
        let mut index = |key: i32| -> Option<u32> {
            let known = known.get_mut(key.as_usize())?;
            if *known == FREE {
                *known = self.index(texts.value(key.as_usize()));
            }
            Some(*known)
        };
        out.reserve(keys.len());
        match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => {
                for key in keys.values() {
                    out.push(index(*key)?);
                }
            }
            Some(nulls) => {
                for row in nulls.valid_indices() {
                    out.push(index(keys.value(row))?);
                }
            }
        }
        Some(())
    }

    fn index(&mut self, word: &str) -> u32 {
        if let Some(index) = self.indexes.get(word) {
            return *index;
        }
        let index = self.values.len() as u32;
        self.values.push(word.to_owned());
        self.indexes.insert(word.to_owned(), index);
        self.bytes += word.len() + size_of::<u32>();
        index
    }
}
