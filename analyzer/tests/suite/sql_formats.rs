//! The formats of `sql`: each one is read back, hostile text stays text, and files are written as a
//! whole or not at all.

use std::fs;
use std::fs::File;

use crate::program::{Place, analyzer, json, printed, refused};
use arrow::array::{AsArray, RecordBatch};
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use soakbox_testing::{ForeignTexts, HOSTILE_TEXTS, Soak, concat};

const QUERY: &str = "SELECT operation, count(*) AS n, quantiles(duration_ns, 0.5, 1) AS both, \
                     min(finished_at) AS first, max(return_value) AS nothing, \
                     avg(CAST(success AS INT)) AS good FROM operation_log GROUP BY operation ORDER BY operation";

#[test]
fn text_formats_print_all_values() {
    let place = Place::new();
    Soak::default().seal(place.path());
    for format in ["tsv", "ndjson", "markdown"] {
        let output = printed(&["sql", place.text(), QUERY, "--format", format]);
        insta::assert_snapshot!(format!("sql_{format}"), output);
    }
    let none = [
        "sql",
        place.text(),
        "SELECT pid FROM operation_log WHERE pid < 0",
        "--format",
    ];
    for (format, output) in [
        ("csv", "pid\n"),
        ("tsv", "pid\n"),
        ("ndjson", ""),
        ("markdown", "| pid |\n| ---: |\n"),
    ] {
        assert_eq!(
            printed(&[&none[..], &[format]].concat()),
            output,
            "{format}"
        );
    }
}

/// The rows of a file in a binary format.
fn read(path: &str) -> RecordBatch {
    let file = File::open(path).unwrap();
    let batches: Vec<RecordBatch> = if path.ends_with(".parquet") {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect()
    } else if path.ends_with(".arrow") {
        FileReader::try_new(file, None)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    } else {
        StreamReader::try_new(file, None)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    concat(&batches)
}

#[test]
fn binary_formats_are_read_back_with_every_row() {
    let place = Place::new();
    let recording = place.seal("recording", 1, 1.0);
    let query = "SELECT * FROM operation_log ORDER BY finished_at, operation, tid, duration_ns";
    let rows = json(&["sql", &recording, query, "--format", "json"]);
    for ending in ["parquet", "arrow", "arrows"] {
        let file = place.path().join(format!("rows.{ending}"));
        let file = file.to_str().unwrap();
        assert_eq!(printed(&["sql", &recording, query, "-o", file]), "");
        let batch = read(file);
        assert_eq!(batch.num_rows(), 60 * 70);
        let names = batch
            .column_by_name("operation")
            .unwrap()
            .as_string::<i32>();
        assert_eq!(
            names.value(17),
            rows[17]["operation"].as_str().unwrap(),
            "{ending}"
        );
        let mut json = arrow::json::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, arrow::json::writer::JsonArray>(Vec::new());
        json.write(&batch).unwrap();
        json.finish().unwrap();
        let read: serde_json::Value = serde_json::from_slice(&json.into_inner()).unwrap();
        assert!(read == rows, "{ending}: other values");
        // Nested and missing values, and a result without rows.
        printed(&["sql", &recording, QUERY, "-o", file]);
        assert_eq!(read_columns(file), 6);
        printed(&[
            "sql",
            &recording,
            "SELECT * FROM operation_log WHERE pid < 0",
            "-o",
            file,
        ]);
        let empty = File::open(file).unwrap();
        if ending == "arrow" {
            assert_eq!(FileReader::try_new(empty, None).unwrap().num_batches(), 0);
        }
    }
    // To stdout, as a pipe.
    let output = analyzer(&["sql", &recording, QUERY, "--format", "arrow-stream"]);
    let mut reader = StreamReader::try_new(&output.stdout[..], None).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().num_rows(), 2);
}

fn read_columns(path: &str) -> usize {
    let batch = read(path);
    assert_eq!(batch.num_rows(), 2);
    batch.num_columns()
}

#[test]
fn a_binary_file_holds_one_result() {
    let place = Place::new();
    let recording = place.seal("recording", 1, 1.0);
    let file = place.path().join("rows.parquet");
    let file = file.to_str().unwrap();
    let line = refused(&["sql", &recording, "SELECT 1; SELECT 2", "-o", file]);
    assert!(
        line.contains("--format parquet: holds one result"),
        "{line}"
    );
    assert!(!fs::exists(file).unwrap());
}

#[test]
fn a_file_is_written_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let recording = place.seal("recording", 1, 1.0);
    let file = place.path().join("rows.csv");
    fs::write(&file, "earlier").unwrap();
    let path = file.to_str().unwrap();
    let failing = "SELECT 1 AS a; SELECT 1 / (pid - pid) FROM operation_log";
    assert_eq!(
        analyzer(&["sql", &recording, failing, "-o", path])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
    // A second name would keep the earlier content: the file is overwritten, at the end.
    fs::hard_link(&file, place.path().join("other.csv")).unwrap();
    assert_eq!(
        analyzer(&["sql", &recording, failing, "-o", path])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
    printed(&["sql", &recording, "SELECT 1 AS a", "-o", path]);
    assert_eq!(
        fs::read_to_string(place.path().join("other.csv")).unwrap(),
        "a\n1\n"
    );
    let left = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(left, 3, "a partial file was left");
}

#[test]
fn hostile_text_adds_no_line_no_cell_and_no_escape() {
    for hostile in HOSTILE_TEXTS {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("recording");
        ForeignTexts::all(hostile).seal(&root);
        let root = root.to_str().unwrap();
        let query = "SELECT text, host FROM annotations WHERE kind = 'note'";
        let run = |format: &str| printed(&["sql", root, query, "--format", format]);
        let tsv = run("tsv");
        let cells: Vec<Vec<&str>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
        let shown = hostile
            .replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\r', "\\r");
        assert_eq!(cells, [["text", "host"], [&*shown, &*shown]]);
        let markdown = run("markdown");
        assert_eq!(markdown.lines().count(), 3, "{markdown}");
        assert!(
            !markdown.contains(['\u{1b}', '<', '\u{202e}']),
            "{markdown}"
        );
        let cells = markdown.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 9, "{markdown}");
        let lines = run("ndjson");
        assert_eq!(lines.lines().count(), 1);
        let row: serde_json::Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(row["text"], hostile);
        let file = place.path().join("rows.parquet");
        printed(&["sql", root, query, "-o", file.to_str().unwrap()]);
        let batch = read(file.to_str().unwrap());
        assert_eq!(batch.column(0).as_string::<i32>().value(0), hostile);
    }
}
