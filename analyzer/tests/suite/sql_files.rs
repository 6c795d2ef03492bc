//! Files as tables of `sql` (`--table`): what a query wrote is asked again, alone or with recordings.

use std::fs;

use crate::program::{Place, analyzer, json, printed, refused, text};
use serde_json::json;

fn sketches(place: &Place, name: &str, seed: u64) -> (String, String) {
    let recording = place.seal(name, seed, 1.0);
    let file = format!("{}/{name}.parquet", place.text());
    let query = "SELECT operation, date_trunc('minute', finished_at) AS minute, \
                 sketch(duration_ns) AS durations FROM operation_log GROUP BY operation, minute";
    printed(&["sql", &recording, "-o", &file, query]);
    (recording, file)
}

#[test]
fn saved_sketches_are_merged_and_give_the_quantiles_of_all_rows() {
    let place = Place::new();
    let (one, first) = sketches(&place, "one", 1);
    let (two, second) = sketches(&place, "it's two", 2);
    let tables = [format!("a={first}"), format!("b={second}")];
    let merged = "SELECT operation, quantiles(durations, 0.5, 0.99, 1) AS levels FROM \
                  (SELECT * FROM a UNION ALL SELECT * FROM b) GROUP BY operation ORDER BY operation";
    let format = ["--format", "json"];
    let of_files = json(
        &[
            &[
                "sql", "--table", &tables[0], "--table", &tables[1], "-c", merged,
            ][..],
            &format,
        ]
        .concat(),
    );
    let rows = "SELECT operation, quantiles(duration_ns, 0.5, 0.99, 1) AS levels FROM operation_log \
                GROUP BY operation ORDER BY operation";
    let of_rows = json(&[&["sql", &one, &two, "-c", rows][..], &format].concat());
    assert_eq!(of_files.as_array().unwrap().len(), 2);
    assert_eq!(of_files, of_rows);

    // With recordings, of which one, several or none has a name.
    let join = |log: &str| {
        format!(
            "SELECT count(DISTINCT a.operation) AS n FROM a JOIN {log} AS l ON a.operation = l.operation"
        )
    };
    let (as_one, as_two) = (format!("one={one}"), format!("two={two}"));
    for (recordings, log) in [
        (&[&*one][..], "operation_log"),
        (&["--as", &as_one], "operation_log"),
        (&["--as", &as_one, "--as", &as_two], "two.operation_log"),
    ] {
        let query = join(log);
        let arguments = [
            &["sql"][..],
            recordings,
            &["--table", &tables[0], &query],
            &format,
        ];
        assert_eq!(json(&arguments.concat()), json!([{"n": 2}]), "{log}");
    }
    let shown = printed(&["sql", "--table", &tables[0], "DESCRIBE a"]);
    assert!(shown.contains("durations"), "{shown}");
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let place = Place::new();
    let (recording, file) = sketches(&place, "one", 1);
    let at = |name: &str| format!("{}/{name}", place.text());
    fs::write(at("text.parquet"), "at,value\n1,2\n").unwrap();
    fs::write(at("empty.parquet"), "").unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len();
    fs::write(at("cut.parquet"), &bytes[..end - 20]).unwrap();
    let footer = u32::from_le_bytes(bytes[end - 8..end - 4].try_into().unwrap()) as usize;
    bytes[4..end - 8 - footer].fill(0xff);
    fs::write(at("pages.parquet"), &bytes).unwrap();
    for (table, reason) in [
        (format!("a={}", at("text.parquet")), "Parquet file"),
        (format!("a={}", at("empty.parquet")), "Parquet file"),
        (format!("a={}", at("cut.parquet")), "corrupt Parquet file"),
        (format!("a={}", at("pages.parquet")), "is damaged"),
        (
            format!("a={}", at("none.parquet")),
            "no such file or directory",
        ),
        (
            format!("a={recording}"),
            "is a directory, and --table takes a Parquet file",
        ),
        (
            format!("operation_log={file}"),
            "a table or a view of the recording has that name",
        ),
        (
            format!("mesh_metrics={file}"),
            "a table or a view of the recording has that name",
        ),
        ("a".to_owned(), "is not NAME=FILE"),
        ("a=".to_owned(), "FILE is missing"),
        (format!("A={file}"), "lower-case letters"),
    ] {
        let query = "SELECT merge(durations) FROM a";
        let line = refused(&["sql", &recording, "--table", &table, query]);
        assert!(line.contains(reason), "{table}: {line}");
    }
    let table = format!("a={file}");
    let twice = ["sql", "--table", &table, "--table", &table, "SELECT 1"];
    assert!(refused(&twice).contains("--table a: the name was given twice"));
    // Nothing but a flag opens a file.
    let output = analyzer(&["sql", &recording, &format!("SELECT * FROM '{file}'")]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
}
