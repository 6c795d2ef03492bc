//! One column of one row group of a segment: numbers, words or truths become pages of Parquet. What
//! Parquet's own writer of Arrow does for any type is done here for these, at a third of the time.
//! The choice between the encodings is not made here: `soakbox_schemas::recording::encoding` does.

mod bits;
mod dictionary;
mod page;
#[cfg(test)]
mod tests;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use page::{Page, Pages};

/// Rows of a page.
const PAGE_ROWS: usize = 20_000;
/// Bytes of a dictionary up to which it grows.
const DICTIONARY_BYTES: usize = 1 << 20;

/// A column of the row group that is being written.
pub(super) struct Chunk {
    values: Values,
    open: Open,
    pages: Pages,
    /// Smallest and largest number, where there is no dictionary that has them.
    limits: Option<(i64, i64)>,
}

/// The values of the open page, without nulls, and how they are encoded.
enum Values {
    Numbers(Vec<i64>),
    Dictionary(dictionary::Numbers, Vec<u32>),
    Words(dictionary::Words, Vec<u32>),
    Truths(BooleanBufferBuilder),
}

/// The rows of the open page.
struct Open {
    rows: usize,
    nulls: usize,
    validity: BooleanBufferBuilder,
}

impl Chunk {
    /// For the column `column` with values of `data_type`; `None` where Parquet's own writer has to
    /// write it.
    pub(super) fn of(
        column: &ColumnDescPtr,
        data_type: &DataType,
        properties: &WriterProperties,
    ) -> Option<Self> {
        let path = column.path();
        let dictionary = properties.dictionary_enabled(path);
        let by_page = properties.statistics_enabled(path) == EnabledStatistics::Page;
        let values = match (data_type, column.physical_type()) {
            (DataType::Int64 | DataType::Timestamp(TimeUnit::Nanosecond, _), Type::INT64) => {
                let differences = properties.encoding(path) == Some(Encoding::DELTA_BINARY_PACKED);
                match (dictionary, by_page) {
                    (true, false) => Values::Dictionary(dictionary::Numbers::new(), Vec::new()),
                    (false, _) if differences => Values::Numbers(Vec::new()),
                    _ => return None,
                }
            }
            (DataType::Dictionary(key, word), Type::BYTE_ARRAY)
                if (&**key, &**word) == (&DataType::Int32, &DataType::Utf8)
                    && dictionary
                    && !by_page =>
            {
                Values::Words(dictionary::Words::default(), Vec::new())
            }
            (DataType::Boolean, Type::BOOLEAN) if !by_page => {
                Values::Truths(BooleanBufferBuilder::new(0))
            }
            _ => return None,
        };
        if column.max_def_level() > 1 || column.max_rep_level() > 0 {
            return None;
        }
        // Differences are packed already; they may not become smaller.
        let packed = matches!(values, Values::Numbers(_));
        Some(Self {
            values,
            open: Open {
                rows: 0,
                nulls: 0,
                validity: BooleanBufferBuilder::new(0),
            },
            pages: Pages::new(column.clone(), by_page, packed),
            limits: None,
        })
    }

    /// Appends the rows of `array`.
    pub(super) fn write(
        &mut self,
        array: &ArrayRef,
        compressor: &mut Compressor<'static>,
    ) -> Result<()> {
        let mut start = 0;
        while start < array.len() {
            let rows = (array.len() - start).min(PAGE_ROWS - self.open.rows);
            let part = array.slice(start, rows);
            let nulls = part.nulls().filter(|nulls| nulls.null_count() > 0);
            self.open.append(rows, nulls);
            self.values.append(&part, nulls).ok_or_else(|| {
                ParquetError::General(format!("a column of {:?} changed", array.data_type()))
            })?;
            start += rows;
            if self.open.rows == PAGE_ROWS {
                self.end_page(compressor)?;
            }
        }
        if let Values::Dictionary(numbers, _) = &self.values
            && size_of_val(numbers.values()) > DICTIONARY_BYTES
        {
            self.leave_dictionary(compressor)?;
        }
        Ok(())
    }

    /// Whether the row group has to end: there are too many different words.
    pub(super) fn is_full(&self) -> bool {
        matches!(&self.values, Values::Words(words, _) if words.bytes() > DICTIONARY_BYTES)
    }

    /// The bytes of all pages, and what the footer has to have of them.
    pub(super) fn finish(
        mut self,
        compressor: &mut Compressor<'static>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        if self.open.rows > 0 {
            self.end_page(compressor)?;
        }
        self.end_dictionary(compressor)?;
        let nulls = Some(self.pages.nulls() as u64);
        let statistics = match &self.values {
            Values::Words(words, _) => {
                let limit = |word: Option<&String>| word.map(|word| ByteArray::from(&**word));
                let values = words.values();
                let (min, max) = (limit(values.iter().min()), limit(values.iter().max()));
                Statistics::byte_array(min, max, None, nulls, false)
            }
            Values::Truths(_) => {
                let truth = |number: i64| number != 0;
                let limits = self.limits.map(|(min, max)| (truth(min), truth(max)));
                let (min, max) = limits.unzip();
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::from(statistics.with_backwards_compatible_min_max(true))
            }
            Values::Numbers(_) | Values::Dictionary(..) => {
                let (min, max) = self.limits.unzip();
                let statistics = ValueStatistics::new(min, max, None, nulls, false);
                Statistics::from(statistics.with_backwards_compatible_min_max(true))
            }
        };
        self.pages.finish(statistics)
    }

    fn end_page(&mut self, compressor: &mut Compressor<'static>) -> Result<()> {
        let (encoding, limits) = (self.values.encoding(), self.values.limits());
        let mut bytes = Vec::new();
        if self.pages.is_nullable() {
            self.open.levels(&mut bytes);
        }
        self.values.end_page(&mut bytes);
        let (rows, nulls) = self.open.take();
        let page = Page {
            rows,
            nulls,
            limits,
            encoding,
        };
        self.widen(limits);
        self.pages.append(page, &bytes, compressor)
    }

    fn widen(&mut self, limits: Option<(i64, i64)>) {
        let both = self.limits.into_iter().chain(limits);
        self.limits = both.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    }

    /// Writes the rest of the column without the dictionary, which has become too large.
    fn leave_dictionary(&mut self, compressor: &mut Compressor<'static>) -> Result<()> {
        if self.open.rows > 0 {
            self.end_page(compressor)?;
        }
        self.end_dictionary(compressor)?;
        self.values = Values::Numbers(Vec::new());
        Ok(())
    }

    /// Writes the page of the dictionary, where there is one.
    fn end_dictionary(&mut self, compressor: &mut Compressor<'static>) -> Result<()> {
        let mut bytes = Vec::new();
        let values = match &self.values {
            Values::Dictionary(numbers, _) => {
                let values = numbers.values();
                for value in values {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                let limits = values.iter().min().zip(values.iter().max());
                let (count, limits) = (values.len(), limits.map(|(min, max)| (*min, *max)));
                self.widen(limits);
                count
            }
            Values::Words(words, _) => {
                for word in words.values() {
                    bytes.extend_from_slice(&(word.len() as u32).to_le_bytes());
                    bytes.extend_from_slice(word.as_bytes());
                }
                words.values().len()
            }
            Values::Numbers(_) | Values::Truths(_) => return Ok(()),
        };
        self.pages.set_dictionary(values, &bytes, compressor)
    }
}

impl Open {
    fn append(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        match nulls {
            None => self.validity.append_n(rows, true),
            Some(nulls) => {
                self.validity.append_buffer(nulls.inner());
                self.nulls += nulls.null_count();
            }
        }
        self.rows += rows;
    }

    /// Appends whether each row has a value.
    fn levels(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        let set = self.rows - self.nulls;
        bits::levels(self.validity.as_slice(), self.rows, set, bytes);
        let length = (bytes.len() - start - 4) as u32;
        bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The number of rows and of nulls, which are none afterwards.
    fn take(&mut self) -> (usize, usize) {
        self.validity.truncate(0);
        (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.nulls),
        )
    }
}

impl Values {
    /// Appends the values of `array` that are not among `nulls`; `None` where it has other ones
    /// than before.
    fn append(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) -> Option<()> {
        match self {
            Self::Numbers(values) => {
                for_each_stretch(numbers(array)?, nulls, |some| {
                    values.extend_from_slice(some)
                });
            }
            Self::Dictionary(dictionary, indexes) => {
                for_each_stretch(numbers(array)?, nulls, |some| {
                    dictionary.indexes(some, indexes);
                });
            }
            Self::Words(words, indexes) => {
                words.indexes(array.as_dictionary_opt::<Int32Type>()?, indexes)?;
            }
            Self::Truths(bits) => {
                let truths = array.as_boolean_opt()?.values();
                match nulls {
                    None => bits.append_buffer(truths),
                    Some(nulls) => {
                        for (start, end) in nulls.valid_slices() {
                            bits.append_buffer(&truths.slice(start, end - start));
                        }
                    }
                }
            }
        }
        Some(())
    }

    fn encoding(&self) -> Encoding {
        match self {
            Self::Numbers(_) => Encoding::DELTA_BINARY_PACKED,
            Self::Dictionary(..) | Self::Words(..) => Encoding::RLE_DICTIONARY,
            Self::Truths(_) => Encoding::PLAIN,
        }
    }

    /// Smallest and largest value of the page, where no dictionary has them.
    fn limits(&self) -> Option<(i64, i64)> {
        match self {
            Self::Numbers(values) => {
                let limits =
                    |(min, max): (i64, i64), value: &i64| (min.min(*value), max.max(*value));
                let first = *values.first()?;
                Some(values.iter().fold((first, first), limits))
            }
            Self::Truths(bits) => {
                let set = bits
                    .as_slice()
                    .iter()
                    .map(|byte| byte.count_ones() as usize);
                let set: usize = set.sum();
                (!bits.is_empty()).then_some((i64::from(set == bits.len()), i64::from(set > 0)))
            }
            Self::Dictionary(..) | Self::Words(..) => None,
        }
    }

    /// Appends the encoded values, of which there are none afterwards.
    fn end_page(&mut self, bytes: &mut Vec<u8>) {
        let (different, indexes) = match self {
            Self::Numbers(values) => {
                bits::differences(values, bytes);
                return values.clear();
            }
            Self::Truths(bits) => {
                bytes.extend_from_slice(bits.as_slice());
                return bits.truncate(0);
            }
            Self::Dictionary(dictionary, indexes) => (dictionary.values().len(), indexes),
            Self::Words(words, indexes) => (words.values().len(), indexes),
        };
        let width = bits::width(different.saturating_sub(1) as u64);
        bytes.push(width as u8);
        bits::hybrid(indexes, width, bytes);
        indexes.clear();
    }
}

/// The values of a column of numbers or times, nulls included.
fn numbers(array: &ArrayRef) -> Option<&[i64]> {
    let times = || array.as_primitive_opt::<TimestampNanosecondType>();
    match array.as_primitive_opt::<Int64Type>() {
        Some(numbers) => Some(numbers.values()),
        None => Some(times()?.values()),
    }
}

/// Calls `each` with the values between the nulls.
fn for_each_stretch(values: &[i64], nulls: Option<&NullBuffer>, mut each: impl FnMut(&[i64])) {
    match nulls {
        None => each(values),
        Some(nulls) => {
            for (start, end) in nulls.valid_slices() {
                each(&values[start..end]);
            }
        }
    }
}
