//! `changes` and `soak` on columns of Parquet files that other programs wrote.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, StringDictionaryBuilder,
    StringViewArray, StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use crate::program::{Place, json, refused};

/// Nights of a history; the level doubles at [`STEP`].
const NIGHTS: i64 = 160;
const STEP: usize = 90;
/// The night without a number.
const MISSING: i64 = 40;
const DAY: i64 = 86_400;
/// 2026-01-01T00:00:00Z in seconds.
const FIRST: i64 = 1_767_225_600;

/// Writes the columns, `rows_per_group` to a row group.
fn write(path: &Path, columns: &[(&str, ArrayRef)], compression: Compression, rows: usize) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .iter()
            .map(|(name, column)| (*name, Arc::clone(column), true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(rows))
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The number of a night, in hundredths.
fn hundredths(night: i64) -> Option<i64> {
    let level = if night < STEP as i64 { 1_000 } else { 2_000 };
    (night != MISSING).then(|| level + night * 7919 % 101)
}

fn nights<T>(of: impl Fn(i64) -> T) -> impl Iterator<Item = T> {
    (0..NIGHTS).map(of)
}

fn asked(path: &Path, value: &str, time: &str) -> Value {
    json(&[
        "changes",
        "--parquet",
        path.to_str().unwrap(),
        "--value",
        value,
        "--time",
        time,
        "--format",
        "json",
    ])
}

#[test]
fn numbers_and_times_of_every_type_give_the_answer_of_the_csv_file() {
    let place = Place::new();
    let text = nights(|night| {
        let number = hundredths(night).map_or(String::new(), |number| number.to_string());
        format!("{},{number}\n", FIRST + night * DAY)
    });
    let csv = place.path().join("history.csv");
    fs::write(&csv, format!("at,n\n{}", text.collect::<String>())).unwrap();
    let expected = json(&[
        "changes",
        "--csv",
        csv.to_str().unwrap(),
        "--value",
        "n",
        "--time",
        "at",
        "--format",
        "json",
    ]);
    let expected = &expected["series"][0];
    assert_eq!(expected["changes"][0]["index"], STEP);

    let seconds = |scale: i64| nights(move |night| (FIRST + night * DAY) * scale);
    let decimals = nights(|night| hundredths(night).map(i128::from));
    let columns: [(&str, ArrayRef, f64); 5] = [
        (
            "int",
            Arc::new(Int64Array::from_iter(nights(hundredths))),
            1.0,
        ),
        (
            "unsigned",
            Arc::new(UInt32Array::from_iter(nights(|night| {
                hundredths(night).map(|number| number as u32)
            }))),
            1.0,
        ),
        (
            "float",
            Arc::new(Float32Array::from_iter(nights(|night| {
                hundredths(night).map(|number| number as f32)
            }))),
            1.0,
        ),
        (
            "double",
            Arc::new(Float64Array::from_iter_values(nights(|night| {
                hundredths(night).map_or(f64::NAN, |number| number as f64)
            }))),
            1.0,
        ),
        (
            "decimal",
            Arc::new(
                Decimal128Array::from_iter(decimals)
                    .with_precision_and_scale(20, 2)
                    .unwrap(),
            ),
            0.01,
        ),
    ];
    let date = |night: i64| i32::try_from(FIRST / DAY + night).unwrap();
    let day = |night: i64| {
        let (month, day) = (1 + night / 28, 1 + night % 28);
        format!("2026-{month:02}-{day:02}")
    };
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    nights(day).for_each(|text| words.append_value(text));
    let times: [(&str, ArrayRef, &str); 11] = [
        (
            "s",
            Arc::new(TimestampSecondArray::from_iter_values(seconds(1))),
            "2026-04-01T00:00:00",
        ),
        (
            "ms",
            Arc::new(
                TimestampMillisecondArray::from_iter_values(seconds(1_000)).with_timezone("UTC"),
            ),
            "2026-04-01T00:00:00Z",
        ),
        (
            "us",
            Arc::new(TimestampMicrosecondArray::from_iter_values(seconds(
                1_000_000,
            ))),
            "2026-04-01T00:00:00",
        ),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from_iter_values(seconds(
                1_000_000_000,
            ))),
            "2026-04-01T00:00:00",
        ),
        (
            "date",
            Arc::new(Date32Array::from_iter_values(nights(date))),
            "2026-04-01",
        ),
        (
            "date of 64 bits",
            Arc::new(Date64Array::from_iter_values(seconds(1_000))),
            "2026-04-01T00:00:00",
        ),
        (
            "number",
            Arc::new(Int64Array::from_iter_values(seconds(1))),
            "1775001600",
        ),
        (
            "text",
            Arc::new(StringArray::from_iter_values(nights(day))),
            "2026-04-07",
        ),
        ("word", Arc::new(words.finish()), "2026-04-07"),
        (
            "large text",
            Arc::new(LargeStringArray::from_iter_values(nights(day))),
            "2026-04-07",
        ),
        (
            "view",
            Arc::new(StringViewArray::from_iter_values(nights(day))),
            "2026-04-07",
        ),
    ];
    // Columns of other types are not read, wherever they are.
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![true; NIGHTS as usize]));
    let nested: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("int", DataType::Boolean, false)),
        Arc::clone(&flag),
    )]));
    let mut all: Vec<(&str, ArrayRef)> = vec![("flag", flag), ("nested", nested)];
    all.extend(
        times
            .iter()
            .map(|(name, column, _)| (*name, Arc::clone(column))),
    );
    all.extend(
        columns
            .iter()
            .map(|(name, column, _)| (*name, Arc::clone(column))),
    );
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for (index, (value, _, scale)) in columns.iter().enumerate() {
        let path = place.path().join(format!("{index}.parquet"));
        // The order of the columns in the file does not matter.
        all.rotate_left(index * 3 + 1);
        write(&path, &all, codecs[index % 4], [1, 7, 1000][index % 3]);
        for (time, _, text) in &times {
            let answer = asked(&path, value, time);
            let series = &answer["series"][0];
            assert_eq!(series["missing"], 1, "{value} {time}: {series}");
            let (found, wanted) = (&series["changes"], &expected["changes"]);
            assert_eq!(found.as_array().unwrap().len(), 1, "{value} {time}");
            assert_eq!(found[0]["index"], STEP);
            assert_eq!(found[0]["time"], *text, "{value} {time}");
            for level in ["before", "after"] {
                let wanted = wanted[0][level].as_f64().unwrap() * scale;
                let found = found[0][level].as_f64().unwrap();
                assert!((found / wanted - 1.0).abs() < 1e-6, "{value} {time}");
            }
        }
    }
}

#[test]
fn soak_judges_a_column_of_a_parquet_file() {
    let place = Place::new();
    let path = place.path().join("memory.parquet");
    let noise = |i: i64| (i * 7919 % 101) as f64 / 101.0;
    let columns: [(&str, ArrayRef); 2] = [
        (
            "rss",
            Arc::new(Float64Array::from_iter_values(
                (0..2_000).map(|i| 100.0 + i as f64 / 50.0 + noise(i)),
            )),
        ),
        (
            "at",
            Arc::new(TimestampSecondArray::from_iter_values(
                (0..2_000).map(|i| FIRST + 60 * i),
            )),
        ),
    ];
    write(&path, &columns, Compression::SNAPPY, 500);
    let path = path.to_str().unwrap();
    let answer = json(&[
        "soak",
        "--parquet",
        path,
        "--value",
        "rss",
        "--time",
        "at",
        "--limit",
        "200",
        "--format",
        "json",
    ]);
    let findings = answer["findings"].as_array().unwrap();
    let leak = findings.iter().find(|one| one["kind"] == "leak").unwrap();
    assert_eq!(leak["status"], "found", "{leak}");
    let slope = leak["slope_per_hour"].as_f64().unwrap();
    assert!((slope - 1.2).abs() < 0.05, "{leak}");
    assert!(
        refused(&["soak", "--parquet", path, "--value", "rss"])
            .contains("--time: is needed for the columns of a file")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_the_reason() {
    let place = Place::new();
    let count = 50_i64;
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    (0..count).for_each(|_| words.append_value("fast"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ms", Arc::new(Int64Array::from_iter_values(0..count))),
        ("build", Arc::new(words.finish())),
        (
            "passed",
            Arc::new(BooleanArray::from(vec![true; count as usize])),
        ),
        (
            "falling",
            Arc::new(Int64Array::from_iter_values((0..count).map(|i| 20 - i))),
        ),
        (
            "holes",
            Arc::new(Int64Array::from_iter(
                (0..count).map(|i| (i != 30).then_some(i)),
            )),
        ),
        (
            "endless",
            Arc::new(Float64Array::from_iter_values(
                (0..count).map(|i| if i == 7 { f64::INFINITY } else { 1.0 }),
            )),
        ),
        (
            "far",
            Arc::new(TimestampSecondArray::from_iter_values(
                (0..count).map(|_| i64::MAX),
            )),
        ),
    ];
    let good = place.path().join("good.parquet");
    write(&good, &columns, Compression::SNAPPY, 20);
    let none = place.path().join("none.parquet");
    let nothing: [(&str, ArrayRef); 1] = [("ms", Arc::new(Int64Array::from(Vec::<i64>::new())))];
    write(&none, &nothing, Compression::SNAPPY, 20);
    let bytes = fs::read(&good).unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = place.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let empty = file("empty.parquet", b"");
    let text = file("text.parquet", b"ms\n1\n2\n");
    let cut = file("cut.parquet", &bytes[..bytes.len() / 2]);
    let mut holed = bytes.clone();
    holed[4..bytes.len() / 3].fill(0xff);
    let holed = file("holed.parquet", &holed);
    let directory = place.path().to_owned();
    let missing = place.path().join("nosuch.parquet");
    let mut transcript = String::new();
    for (path, value, time) in [
        (&good, "MS", None),
        (&good, "build", None),
        (&good, "passed", None),
        (&good, "endless", None),
        (&good, "far", None),
        (&good, "ms", Some("passed")),
        (&good, "ms", Some("falling")),
        (&good, "ms", Some("holes")),
        (&good, "ms", Some("build")),
        (&good, "ms", Some("far")),
        (&none, "ms", None),
        (&empty, "ms", None),
        (&text, "ms", None),
        (&cut, "ms", None),
        (&directory, "ms", None),
        (&missing, "ms", None),
    ] {
        let mut case = vec![
            "changes",
            "--parquet",
            path.to_str().unwrap(),
            "--value",
            value,
        ];
        if let Some(time) = time {
            case.extend(["--time", time]);
        }
        transcript.push_str(&format!("$ {}\n{}\n", case.join(" "), refused(&case)));
    }
    let as_csv = ["changes", "--csv", good.to_str().unwrap(), "--value", "ms"];
    transcript.push_str(&format!("$ {}\n{}\n", as_csv.join(" "), refused(&as_csv)));
    insta::assert_snapshot!("changes_parquet_mistakes", place.plain(&transcript));
    // The words of the library differ by where the damage is.
    let damaged = ["changes", "--parquet", holed.to_str().unwrap(), "--value"];
    assert!(refused(&[&damaged[..], &["ms"]].concat()).contains("corrupt Parquet file"));
}
