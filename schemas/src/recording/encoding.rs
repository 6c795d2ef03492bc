//! How rows become Parquet pages, for every program that writes a segment: encodings, compression,
//! row groups. The choice depends on a column's type and unit, never on its table; the measurements
//! behind it are in `docs/decisions/segment-encodings.md`.

use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;

/// Most rows of a row group, which bounds the memory of a writer.
pub const ROW_GROUP_ROWS: usize = 256 * 1024;

/// How one column is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Delta encoding with statistics of pages, for the column that rows are in order of: times.
    Time,
    /// Delta encoding, for numbers of similar size that seldom repeat: durations, CPU times. It packs
    /// them as closely as byte stream split, which DuckDB before 2.0 cannot read.
    Delta,
    /// One after the other, without statistics: histograms.
    Plain,
    /// Dictionary encoding, for few different values or long runs: names, ids, codes.
    Dictionary,
}

fn kind(name: &str, data_type: &DataType) -> Kind {
    match data_type {
        DataType::Timestamp(..) => Kind::Time,
        DataType::Int64 if name.ends_with("_ns") => Kind::Delta,
        DataType::Binary => Kind::Plain,
        _ => Kind::Dictionary,
    }
}

/// The writer's options for rows of `schema`; `sorted` is true if they are in order of the first
/// column.
pub fn options(schema: &SchemaRef, sorted: bool) -> ArrowWriterOptions {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
        builder = encode_column(builder, field.name(), field.data_type());
    }
    if sorted {
        builder = builder.set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]));
    }
    ArrowWriterOptions::new()
        .with_properties(builder.build())
        // Without Arrow's own copy of the schema readers use the plain Parquet types: strings, UTC
        // timestamps.
        .with_skip_arrow_metadata(true)
}

fn encode_column(
    builder: WriterPropertiesBuilder,
    name: &str,
    data_type: &DataType,
) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(name);
    match kind(name, data_type) {
        Kind::Time => builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            // A reader skips pages of the time column by their statistics.
            .set_column_statistics_enabled(column, EnabledStatistics::Page),
        Kind::Delta => builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
        Kind::Plain => builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None),
        Kind::Dictionary => builder.set_column_dictionary_enabled(column, true),
    }
}

/// The columns of `schema` alone: its metadata goes to the footer as key-value pairs.
pub fn plain(schema: &Schema) -> SchemaRef {
    Schema::new(schema.fields().clone()).into()
}
