//! Reads the stream of a payload as `encode` writes it: one schema, its dictionaries, one batch of
//! flat columns. Columns without a value are not decompressed at all. Anything else is left to
//! Arrow's reader. The caller has checked that all buffers are inside their messages, and catches
//! panics.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, RecordBatch, make_array, new_null_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::read_dictionary;
use arrow::ipc::{self, CompressionType, MessageHeader};

use super::lz4;
use super::payload::{PREFIX_BYTES, message};

#[cfg(test)]
mod tests;

/// The batch in `payload`; `None` where Arrow's reader has to decide.
pub(super) fn batch(payload: &Buffer) -> Option<RecordBatch> {
    let mut rest = payload.as_slice();
    let mut columns: Option<Columns> = None;
    while let Some((message, after)) = message(rest)? {
        let length = usize::try_from(message.bodyLength()).ok()?;
        let start = payload.len() - after.len();
        let body = payload.slice_with_length(start, length);
        match (message.header_type(), &mut columns) {
            (MessageHeader::Schema, None) => {
                columns = Some(Columns::of(message.header_as_schema()?)?);
            }
            (MessageHeader::DictionaryBatch, Some(columns)) => {
                let batch = message.header_as_dictionary_batch()?;
                let (schema, words) = (&columns.schema, &mut columns.words);
                read_dictionary(&body, batch, schema, words, &message.version()).ok()?;
            }
            (MessageHeader::RecordBatch, Some(columns)) => {
                return columns.read(&body, message.header_as_record_batch()?);
            }
            _ => return None,
        }
        rest = &after[length..];
    }
    None
}

/// What is known about the columns before their batch.
struct Columns {
    schema: SchemaRef,
    /// The dictionary of each column that has one.
    dictionaries: Vec<Option<i64>>,
    /// The words of each dictionary.
    words: HashMap<i64, ArrayRef>,
}

impl Columns {
    fn of(stored: ipc::Schema) -> Option<Self> {
        let schema: Schema = fb_to_schema(stored);
        let fields = stored.fields()?.iter();
        let dictionaries = fields.map(|field| Some(field.dictionary()?.id()));
        Some(Self {
            dictionaries: dictionaries.collect(),
            schema: Arc::new(schema),
            words: HashMap::new(),
        })
    }

    fn read(&self, body: &Buffer, batch: ipc::RecordBatch) -> Option<RecordBatch> {
        let rows = usize::try_from(batch.length()).ok()?;
        let compression = batch.compression()?.codec();
        if compression != CompressionType::LZ4_FRAME || self.schema.fields().is_empty() {
            return None;
        }
        let (mut nodes, mut buffers) = (batch.nodes()?.iter(), batch.buffers()?.iter());
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        for (field, dictionary) in self.schema.fields().iter().zip(&self.dictionaries) {
            let data_type = field.data_type();
            let node = nodes.next()?;
            let nulls = usize::try_from(node.null_count()).ok()?;
            if usize::try_from(node.length()).ok()? != rows || nulls > rows {
                return None;
            }
            let mut stored = || -> Option<Stored> { Stored::of(body, buffers.next()?) };
            let validity = stored()?;
            let values = match data_type {
                DataType::Utf8 | DataType::Binary => vec![stored()?, stored()?],
                DataType::Boolean | DataType::Dictionary(..) => vec![stored()?],
                _ if data_type.is_primitive() => vec![stored()?],
                _ => return None,
            };
            if nulls == rows
                && let Some(width) = data_type.primitive_width()
                && values[0].is_plausible()
                && values[0].length == rows.checked_mul(width)?
            {
                arrays.push(new_null_array(data_type, rows));
                continue;
            }
            let mut array = ArrayData::builder(data_type.clone())
                .len(rows)
                .null_count(nulls);
            if nulls > 0 {
                array = array.null_bit_buffer(Some(validity.read()?));
            }
            for buffer in values {
                array = array.add_buffer(buffer.read()?);
            }
            if let Some(id) = dictionary {
                array = array.add_child_data(self.words.get(id)?.to_data());
            }
            arrays.push(make_array(array.align_buffers(true).build().ok()?));
        }
        RecordBatch::try_new(self.schema.clone(), arrays).ok()
    }
}

/// A buffer as it is stored.
struct Stored {
    bytes: Buffer,
    compressed: bool,
    /// Its length when it is decompressed.
    length: usize,
}

impl Stored {
    fn of(body: &Buffer, place: &ipc::Buffer) -> Option<Self> {
        let start = usize::try_from(place.offset()).ok()?;
        let length = usize::try_from(place.length()).ok()?;
        let bytes = body.slice_with_length(start, length);
        if bytes.is_empty() {
            return Some(Self {
                bytes,
                compressed: false,
                length: 0,
            });
        }
        let prefix = bytes.first_chunk::<PREFIX_BYTES>()?;
        let decoded = i64::from_le_bytes(*prefix);
        let bytes = bytes.slice(PREFIX_BYTES);
        let length = match decoded {
            -1 => bytes.len(),
            _ => usize::try_from(decoded).ok()?,
        };
        Some(Self {
            bytes,
            compressed: decoded != -1,
            length,
        })
    }

    /// Whether so few bytes can have this length: no more memory is used than a true one needs.
    fn is_plausible(&self) -> bool {
        self.length / lz4::LARGEST_RATIO <= self.bytes.len()
    }

    fn read(self) -> Option<Buffer> {
        if self.compressed {
            lz4::decompress(&self.bytes, self.length).map(Buffer::from_vec)
        } else {
            Some(self.bytes)
        }
    }
}
