//! Writes the stream of a payload for batches whose columns all have a fixed width, as those of
//! `operation_log` have: an Arrow IPC stream that any reader of Arrow reads. What differs from
//! Arrow's own writer is the compressor, and that there is no bitmap where no value is missing.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Int32Type, Int64Type, Schema, TimestampNanosecondType};
use arrow::error::ArrowError;
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    write_message,
};
use arrow::ipc::{
    BodyCompressionBuilder, BodyCompressionMethod, Buffer, CompressionType, FieldNode,
    MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder,
};

use super::pack;
use super::payload::PREFIX_BYTES;

/// Alignment of messages and buffers.
const ALIGNMENT: usize = 8;
/// The end of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Whether [`write`] can write columns of these types.
pub(super) fn is_flat(batch: &RecordBatch) -> bool {
    batch.columns().iter().all(|column| {
        let is_word = || column.as_dictionary_opt::<Int32Type>().is_some();
        values(column).is_some() || column.as_boolean_opt().is_some() || is_word()
    })
}

/// Appends the stream with `batch`.
///
/// # Errors
/// Where Arrow cannot encode the schema or the dictionaries, or a column is not flat.
pub(super) fn write(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?
        .try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let generator = IpcDataGenerator::default();
    let mut tracker = DictionaryTracker::new(false);
    let schema = batch.schema_ref();
    let schema = generator.schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    write_message(&mut *out, schema, &options)?;
    // Without rows there are dictionaries all the same.
    let mut context = IpcWriteContext::default();
    let empty = batch.slice(0, 0);
    let (dictionaries, _) = generator.encode(&empty, &mut tracker, &options, &mut context)?;
    for dictionary in dictionaries {
        write_message(&mut *out, dictionary, &options)?;
    }
    let mut body = Body::default();
    for column in batch.columns() {
        body.add(column).ok_or_else(|| {
            let data_type = column.data_type();
            ArrowError::InvalidArgumentError(format!("a column of {data_type} is not flat"))
        })?;
    }
    write_message(&mut *out, body.message(batch.num_rows()), &options)?;
    out.extend_from_slice(&END);
    Ok(())
}

/// The buffers of a batch, and where each is.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    buffers: Vec<Buffer>,
    nodes: Vec<FieldNode>,
}

impl Body {
    /// `None` where the column is not flat.
    fn add(&mut self, column: &ArrayRef) -> Option<()> {
        let nulls = column.null_count();
        let node = FieldNode::new(column.len() as i64, nulls as i64);
        self.nodes.push(node);
        match column.nulls().filter(|_| nulls > 0) {
            Some(validity) => self.add_bits(validity.inner()),
            None => self.add_buffer(&[]),
        }
        if let Some(values) = values(column) {
            self.add_buffer(values);
        } else if let Some(truths) = column.as_boolean_opt() {
            self.add_bits(truths.values());
        } else {
            let words = column.as_dictionary_opt::<Int32Type>()?;
            self.add_buffer(words.keys().values().inner());
        }
        Some(())
    }

    fn add_bits(&mut self, bits: &BooleanBuffer) {
        self.add_buffer(&bits.sliced());
    }

    fn add_buffer(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        if !bytes.is_empty() {
            let prefix = bytes.len() as i64;
            self.bytes.extend_from_slice(&prefix.to_le_bytes());
            pack::compress(bytes, &mut self.bytes);
            if self.bytes.len() - start > PREFIX_BYTES + bytes.len() {
                self.bytes.truncate(start);
                self.bytes.extend_from_slice(&(-1i64).to_le_bytes());
                self.bytes.extend_from_slice(bytes);
            }
        }
        let length = self.bytes.len() - start;
        self.buffers.push(Buffer::new(start as i64, length as i64));
        let padded = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(padded, 0);
    }

    fn message(self, rows: usize) -> EncodedData {
        // The builder is that of Arrow's own version of flatbuffers.
        let mut builder = IpcSchemaEncoder::new().schema_to_fb(&Schema::empty());
        builder.reset();
        let compression = {
            let mut compression = BodyCompressionBuilder::new(&mut builder);
            compression.add_method(BodyCompressionMethod::BUFFER);
            compression.add_codec(CompressionType::LZ4_FRAME);
            compression.finish()
        };
        let buffers = builder.create_vector(&self.buffers);
        let nodes = builder.create_vector(&self.nodes);
        let batch = {
            let mut batch = RecordBatchBuilder::new(&mut builder);
            batch.add_length(rows as i64);
            batch.add_nodes(nodes);
            batch.add_buffers(buffers);
            batch.add_compression(compression);
            batch.finish().as_union_value()
        };
        let mut message = MessageBuilder::new(&mut builder);
        message.add_version(MetadataVersion::V5);
        message.add_header_type(MessageHeader::RecordBatch);
        message.add_bodyLength(self.bytes.len() as i64);
        message.add_header(batch);
        let message = message.finish();
        builder.finish(message, None);
        EncodedData {
            ipc_message: builder.finished_data().to_vec(),
            arrow_data: self.bytes,
        }
    }
}

/// The values of a column of numbers or times.
fn values(column: &ArrayRef) -> Option<&[u8]> {
    match column.data_type() {
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().values().inner()),
        DataType::Timestamp(..) => {
            let times = column.as_primitive_opt::<TimestampNanosecondType>()?;
            Some(times.values().inner())
        }
        _ => None,
    }
}
