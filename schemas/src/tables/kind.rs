//! The kinds of columns: for each, the Rust value that a row has, and how values become an Arrow
//! array. Integers are signed 64-bit ones (Spark and Trino have no unsigned integers); the names of
//! the kinds are those of `docs/format.md`.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, DictionaryArray, Int32Builder, Int64Builder,
    StringArray, StringBuilder, StringDictionaryBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use arrow::error::ArrowError;

/// One kind of column.
pub trait Kind {
    /// The value that a row has in a column of this kind.
    type Value;
    /// Collects values into an array.
    type Builder: Default;
    /// Its name in the documentation: time, number, boolean, word, text or histogram.
    const NAME: &'static str;
    /// Whether a value can be missing.
    const NULLABLE: bool = false;

    /// Its Arrow type.
    fn data_type() -> DataType;
    /// Adds a value.
    fn append(builder: &mut Self::Builder, value: &Self::Value);
    /// Adds a missing value.
    fn append_null(builder: &mut Self::Builder);
    /// The values so far; the builder is empty afterwards.
    ///
    /// # Errors
    /// Where Arrow refuses the values: a key without a word.
    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError>;
}

/// The value that a row has of a column of kind `K`.
pub type Value<K> = <K as Kind>::Value;

/// A moment: ns UTC.
#[derive(Debug)]
pub enum Time {}

impl Kind for Time {
    type Value = i64;
    type Builder = TimestampNanosecondBuilder;
    const NAME: &'static str = "time";

    fn data_type() -> DataType {
        DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &i64) {
        builder.append_value(*value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish().with_timezone("UTC")))
    }
}

/// A number that can be negative.
#[derive(Debug)]
pub enum Number {}

impl Kind for Number {
    type Value = i64;
    type Builder = Int64Builder;
    const NAME: &'static str = "number";

    fn data_type() -> DataType {
        DataType::Int64
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &i64) {
        builder.append_value(*value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// A number that is never negative. Values above 2^63 − 1 (292 years in nanoseconds) are stored as
/// 2^63 − 1.
#[derive(Debug)]
pub enum Count {}

impl Kind for Count {
    type Value = u64;
    type Builder = Int64Builder;
    const NAME: &'static str = "number";

    fn data_type() -> DataType {
        DataType::Int64
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &u64) {
        builder.append_value(clamp(*value));
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// True or false.
#[derive(Debug)]
pub enum Truth {}

impl Kind for Truth {
    type Value = bool;
    type Builder = BooleanBuilder;
    const NAME: &'static str = "boolean";

    fn data_type() -> DataType {
        DataType::Boolean
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &bool) {
        builder.append_value(*value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Text that is mostly different in each row.
#[derive(Debug)]
pub enum Text {}

impl Kind for Text {
    type Value = String;
    type Builder = StringBuilder;
    const NAME: &'static str = "text";

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn append(builder: &mut Self::Builder, value: &String) {
        builder.append_value(value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// A histogram in the encoding of [`histogram`](super::histogram).
#[derive(Debug)]
pub enum Histogram {}

impl Kind for Histogram {
    type Value = Vec<u8>;
    type Builder = BinaryBuilder;
    const NAME: &'static str = "histogram";

    fn data_type() -> DataType {
        DataType::Binary
    }

    fn append(builder: &mut Self::Builder, value: &Vec<u8>) {
        builder.append_value(value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Text that is the same in many rows, stored as a dictionary. `T` is the type of the value in a
/// row.
#[derive(Debug)]
pub struct Word<T = String>(PhantomData<T>);

impl<T: AsRef<str>> Kind for Word<T> {
    type Value = T;
    type Builder = StringDictionaryBuilder<Int32Type>;
    const NAME: &'static str = "word";

    fn data_type() -> DataType {
        word_type()
    }

    fn append(builder: &mut Self::Builder, value: &T) {
        builder.append_value(value);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// A word that a row names by its index in a list of words, which the builder of the column has.
#[derive(Debug)]
pub enum Key {}

impl Kind for Key {
    type Value = u16;
    type Builder = KeyBuilder;
    const NAME: &'static str = "word";

    fn data_type() -> DataType {
        word_type()
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &u16) {
        builder.keys.append_value(i32::from(*value));
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.keys.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        let words: ArrayRef = builder.words.clone();
        let keys = builder.keys.finish();
        Ok(Arc::new(DictionaryArray::try_new(keys, words)?))
    }
}

/// Collects the keys of a column of words.
#[derive(Debug)]
pub struct KeyBuilder {
    keys: Int32Builder,
    words: Arc<StringArray>,
}

impl KeyBuilder {
    /// For keys that are indexes of `words`.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            keys: Int32Builder::new(),
            words: Arc::new(StringArray::from_iter_values(words)),
        }
    }
}

impl Default for KeyBuilder {
    fn default() -> Self {
        Self::new([])
    }
}

/// A column of kind `K` in which values can be missing.
#[derive(Debug)]
pub struct Optional<K>(PhantomData<K>);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;
    type Builder = K::Builder;
    const NAME: &'static str = K::NAME;
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        K::data_type()
    }

    #[inline]
    fn append(builder: &mut Self::Builder, value: &Option<K::Value>) {
        match value {
            Some(value) => K::append(builder, value),
            None => K::append_null(builder),
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        K::append_null(builder);
    }

    fn finish(builder: &mut Self::Builder) -> Result<ArrayRef, ArrowError> {
        K::finish(builder)
    }
}

fn word_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

#[inline]
fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
