//! What is written is what was given, with the limits that Parquet's own writer has for the same
//! rows, and the pages of times are found by their limits.

use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use proptest::prelude::*;
use soakbox_schemas::recording::encoding::{self, ROW_GROUP_ROWS};

use super::*;
use crate::segment::row_group::RowGroups;

fn schema() -> SchemaRef {
    let word = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let fields = vec![
        Field::new("at", time, false),
        Field::new("number", DataType::Int64, false),
        Field::new("optional", DataType::Int64, true),
        Field::new("duration_ns", DataType::Int64, true),
        Field::new("word", word, true),
        Field::new("truth", DataType::Boolean, true),
        Field::new("histogram", DataType::Binary, true),
        Field::new("text", DataType::Utf8, true),
    ];
    Arc::new(Schema::new(fields))
}

/// One row: a time, and a value for each kind of column.
type Row = (i64, Option<i64>);

fn batch(rows: &[Row]) -> RecordBatch {
    let times = rows.iter().map(|row| row.0);
    let values = || rows.iter().map(|row| row.1);
    let words = StringArray::from(vec!["unused", "refresh", "", "lookup"]);
    let keys: Int32Array = values()
        .map(|value| value.map(|value| value.rem_euclid(3) as i32 + 1))
        .collect();
    let texts = values().map(|value| value.map(|value| format!("{}", value % 50)));
    let texts: Vec<Option<String>> = texts.collect();
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(Int64Array::from_iter_values(
                values().map(|value| value.unwrap_or(-1)),
            )),
            Arc::new(values().collect::<Int64Array>()),
            Arc::new(values().collect::<Int64Array>()),
            Arc::new(DictionaryArray::try_new(keys, Arc::new(words)).unwrap()),
            Arc::new(
                values()
                    .map(|value| value.map(|value| value % 3 == 0))
                    .collect::<BooleanArray>(),
            ),
            Arc::new(
                texts
                    .iter()
                    .map(|text| text.as_deref().map(str::as_bytes))
                    .collect::<BinaryArray>(),
            ),
            Arc::new(texts.iter().cloned().collect::<StringArray>()),
        ],
    )
    .unwrap()
}

fn written(batches: &[RecordBatch]) -> Bytes {
    let mut groups = RowGroups::new(Vec::new(), schema(), false).unwrap();
    for batch in batches {
        groups.write(batch).unwrap();
    }
    Bytes::from(groups.finish([]).unwrap())
}

fn written_by_arrow(batches: &[RecordBatch]) -> Bytes {
    let options = encoding::options(&schema(), false);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    Bytes::from(writer.into_inner().unwrap())
}

/// All rows of a file, words as texts, and its footer.
fn read(file: &Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let reader =
        ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap();
    let metadata = reader.metadata().clone();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(&schema, &batches).unwrap(), metadata)
}

/// The rows of a file as the analyzer reads them: words as dictionaries, and some rows skipped.
fn read_in_part(file: &Bytes, schema: SchemaRef, skipped: usize, read: usize) -> Vec<RecordBatch> {
    let options = ArrowReaderOptions::new().with_schema(schema);
    let reader =
        ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap();
    let rows = reader.metadata().file_metadata().num_rows() as usize;
    let mut selectors = Vec::new();
    let mut at = 0;
    while at < rows {
        let skip = skipped.min(rows - at);
        let select = read.min(rows - at - skip);
        selectors.extend([RowSelector::skip(skip), RowSelector::select(select)]);
        at += skip + select;
    }
    let reader = reader.with_row_selection(RowSelection::from(selectors));
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// The rows of `batches`, as a reader of Parquet sees them.
fn plain(batches: &[RecordBatch], schema: SchemaRef) -> RecordBatch {
    let all = concat_batches(&self::schema(), batches).unwrap();
    let columns = all.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap());
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// Times of the rows from `start` on, as many as `length`.
fn times(rows: &RecordBatch, start: usize, length: usize) -> &[i64] {
    let times = rows.column(0).as_primitive::<TimestampNanosecondType>();
    &times.values()[start..start + length]
}

fn check(batches: &[RecordBatch]) {
    let file = written(batches);
    let (rows, metadata) = read(&file);
    assert_eq!(rows, plain(batches, rows.schema()));
    let by_arrow = written_by_arrow(batches);
    for (skipped, some) in [(0, 1_000), (37, 11), (19_000, 3_000)] {
        let part = read_in_part(&file, schema(), skipped, some);
        let expected = read_in_part(&by_arrow, schema(), skipped, some);
        assert_eq!(plain(&part, rows.schema()), plain(&expected, rows.schema()));
    }
    let (expected, by_arrow) = read(&by_arrow);
    assert_eq!(rows, expected);
    assert_eq!(metadata.num_row_groups(), by_arrow.num_row_groups());
    let mut start = 0;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let expected = by_arrow.row_group(index);
        assert_eq!(group.num_rows(), expected.num_rows());
        for (column, expected) in group.columns().iter().zip(expected.columns()) {
            assert_eq!(column.statistics(), expected.statistics(), "{column:?}");
            assert_eq!(column.num_values(), expected.num_values());
        }
        let page_index = metadata.column_index().unwrap();
        let ColumnIndexMetaData::INT64(limits) = &page_index[index][0] else {
            panic!("times have limits by page");
        };
        let offsets = &metadata.offset_index().unwrap()[index][0];
        let pages = offsets.page_locations();
        for (page, location) in pages.iter().enumerate() {
            let first = location.first_row_index as usize;
            let next = pages.get(page + 1).map(|next| next.first_row_index);
            let end = next.unwrap_or(group.num_rows()) as usize;
            let times = times(&rows, start + first, end - first);
            assert_eq!(limits.min_value(page), times.iter().min());
            assert_eq!(limits.max_value(page), times.iter().max());
        }
        start += group.num_rows() as usize;
    }
}

/// Values of one shape, as many as wanted.
fn values() -> impl Strategy<Value = Vec<Option<i64>>> {
    prop_oneof![
        any::<Option<i64>>().prop_map(|one| vec![one]),
        proptest::collection::vec(proptest::option::of(0i64..5), 1..60),
        proptest::collection::vec((0i64..3).prop_map(Some), 1..900),
        proptest::collection::vec(any::<i64>().prop_map(Some), 1..900),
        proptest::collection::vec(any::<Option<i64>>(), 1..900),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Batches of different shapes and sizes, whose pages do not end where batches do.
    #[test]
    fn rows_are_read_as_they_were_written_and_as_arrow_writes_them(
        parts in proptest::collection::vec((values(), 1usize..24_000, any::<i64>()), 1..5),
    ) {
        let batches = parts.iter().map(|(some, rows, at)| {
            let values = some.iter().copied().cycle().take(*rows);
            let times = (0..).map(|row: i64| at.wrapping_add(row * row));
            batch(&times.zip(values).collect::<Vec<Row>>())
        });
        check(&batches.collect::<Vec<_>>());
    }

    #[test]
    fn slices_of_batches_are_their_rows(
        some in values(),
        rows in 100usize..30_000,
        cuts in proptest::collection::vec(0.0..1.0f64, 1..4),
    ) {
        let values = some.iter().copied().cycle().take(rows);
        let whole = batch(&(0..).zip(values).collect::<Vec<Row>>());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| (cut * rows as f64) as usize).collect();
        cuts.extend([0, rows]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| whole.slice(cut[0], cut[1] - cut[0]));
        check(&parts.collect::<Vec<_>>());
    }
}

/// More rows than a row group, more different numbers than a dictionary, and then few again.
#[test]
fn a_dictionary_that_grows_too_large_is_left() {
    let rows = ROW_GROUP_ROWS + 30_000;
    let value = |row: usize| match row {
        row if row < 200_000 => (row % 3 > 0).then_some((row as i64).wrapping_mul(1 << 40)),
        _ => Some(1),
    };
    let rows: Vec<Row> = (0..rows).map(|row| (row as i64, value(row))).collect();
    let batches: Vec<RecordBatch> = rows.chunks(8_192).map(batch).collect();
    check(&batches);
}

/// A table of a later version may have columns of any type.
#[test]
fn columns_of_other_types_are_written_as_arrow_writes_them() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(1), Some(-7)]));
    let as_type = |data_type: DataType| cast(&numbers, &data_type).unwrap();
    let word = |key: DataType, word: DataType| {
        let texts = as_type(DataType::Utf8);
        cast(&texts, &DataType::Dictionary(Box::new(key), Box::new(word))).unwrap()
    };
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    let columns = [
        (
            "micros",
            as_type(DataType::Timestamp(TimeUnit::Microsecond, None)),
        ),
        (
            "nanos",
            as_type(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ),
        ("small", as_type(DataType::Int32)),
        ("real", as_type(DataType::Float64)),
        ("short_key", word(DataType::Int8, DataType::Utf8)),
        ("long_text", word(DataType::Int32, DataType::LargeUtf8)),
        ("word", word(DataType::Int32, DataType::Utf8)),
        ("list", as_type(list)),
        ("truth", as_type(DataType::Boolean)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut groups = RowGroups::new(Vec::new(), batch.schema(), false).unwrap();
    groups.write(&batch).unwrap();
    let options = encoding::options(&batch.schema(), false);
    let mut writer =
        ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    let (rows, metadata) = read(&Bytes::from(groups.finish([]).unwrap()));
    let (expected, by_arrow) = read(&Bytes::from(writer.into_inner().unwrap()));
    assert_eq!(rows, expected);
    let (group, expected) = (metadata.row_group(0), by_arrow.row_group(0));
    for (column, expected) in group.columns().iter().zip(expected.columns()) {
        assert_eq!(column.statistics(), expected.statistics(), "{column:?}");
    }
}

/// Different words end the row group, so that its dictionary is bounded.
#[test]
fn too_many_different_words_end_the_row_group() {
    let word = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = Arc::new(Schema::new(vec![Field::new("word", word, false)]));
    let mut groups = RowGroups::new(Vec::new(), schema.clone(), false).unwrap();
    let mut expected = Vec::new();
    for part in 0..30 {
        let words: Vec<String> = (0..1_000).map(|row| format!("{part}-{row:0>90}")).collect();
        expected.extend(words.clone());
        let keys = Int32Array::from_iter_values(0..1_000);
        let words = DictionaryArray::try_new(keys, Arc::new(StringArray::from(words))).unwrap();
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(words)]).unwrap();
        groups.write(&batch).unwrap();
    }
    let (rows, metadata) = read(&Bytes::from(groups.finish([]).unwrap()));
    let read: Vec<&str> = rows.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(read, expected);
    assert!(metadata.num_row_groups() > 1);
    for group in metadata.row_groups() {
        assert!(group.column(0).uncompressed_size() < 2 << 20);
    }
}
