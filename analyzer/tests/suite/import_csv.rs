//! `import csv`: each value of a file is read back exactly.

use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use serde_json::{Value, json as value};
use soakbox_analyzer::recording;
use soakbox_schemas::tables::Table;
use soakbox_testing::HOSTILE_TEXTS;

use crate::program::{Place, analyzer, json, printed, text};

/// A small generator with a fixed seed (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// 2026-11-24T08:00:00Z in seconds.
pub(crate) const START: u64 = 1_795_507_200;

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// Every column of a row but those that no file has, in the order of the times.
const ALL: &str = "SELECT CAST(finished_at AS BIGINT) AS at, \"interval\", operation, duration_ns, \
    memory_bytes, success, bytes FROM operation_log ORDER BY at";
const OTHERS: &str = "SELECT DISTINCT operation_type, sample_weight, source_type, pid, tid, cpu_ns, \
    cpu_user_ns, cpu_system_ns, memory_delta_bytes, return_value, goroutine, host FROM operation_log";

/// A file with 3,000 rows that are not in order of time, and its rows as `ALL` should give them.
fn all_columns(noise: &mut Noise) -> (String, Vec<Value>) {
    let mut lines = Vec::new();
    for row in 0..3_000 {
        let at = START * 1_000_000_000 + row * 40_000_007 + noise.below(1_000_000);
        let digits = 1 + noise.below(12) as u32;
        let duration = noise.below(10u64.pow(digits));
        let operation = HOSTILE_TEXTS[noise.below(HOSTILE_TEXTS.len() as u64) as usize];
        let outcomes = [
            ("true", value!(true)),
            ("FALSE", value!(false)),
            ("1", value!(true)),
            ("0", value!(false)),
            ("Yes", value!(true)),
            ("no", value!(false)),
            ("", Value::Null),
            ("NA", Value::Null),
        ];
        let (success, outcome) = &outcomes[noise.below(8) as usize];
        let memory = (noise.below(3) > 0).then(|| noise.below(1 << 40));
        let bytes = (noise.below(3) > 0).then(|| noise.below(1 << 20));
        let cell = |amount: Option<u64>| amount.map_or_else(String::new, |n| n.to_string());
        let line = format!(
            "x,{}.{:06},\"a\nb\",{},{}.{:09},{success},{},{}",
            duration / 1_000_000,
            duration % 1_000_000,
            quoted(operation),
            at / 1_000_000_000,
            at % 1_000_000_000,
            cell(memory),
            cell(bytes),
        );
        let expected = value!({
            "at": at,
            "interval": at / 1_000_000_000,
            "operation": operation,
            "duration_ns": duration,
            "memory_bytes": memory,
            "success": outcome,
            "bytes": bytes,
        });
        lines.push((line, expected));
    }
    let expected = lines.iter().map(|(_, row)| row.clone()).collect();
    // Any order of the rows gives the same table.
    for place in (1..lines.len()).rev() {
        lines.swap(place, noise.below(place as u64 + 1) as usize);
    }
    let mut text = "other,took,\"a,b\",\"what\"\"s\",finished,ok,rss,size\n".to_owned();
    for (line, _) in lines {
        text.push_str(&line);
        text.push('\n');
    }
    (text, expected)
}

fn times_of(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["at"].as_i64().unwrap()).collect()
}

/// The times of the only segment, in the order of its rows. Its footer tells that they are sorted.
fn times_in_file(root: &Path) -> Vec<i64> {
    let recording = recording::open(root, false).unwrap();
    let [segment] = &recording.segments(Table::OPERATION_LOG).collect::<Vec<_>>()[..] else {
        panic!("{} segments", recording.segments.len());
    };
    let mut times = Vec::new();
    let read = segment.batches(&["finished_at"], |batch| {
        let column = batch.column(0).as_primitive::<TimestampNanosecondType>();
        times.extend(column.values().iter().copied());
        Ok(())
    });
    read.unwrap();
    let extent = segment.extent.unwrap();
    assert_eq!(
        (extent.first_at_ns, extent.last_at_ns, extent.sorted),
        (times[0], times[times.len() - 1], true)
    );
    let provenance = segment.provenance();
    assert!(provenance.is_import() && provenance.observed.is_empty());
    assert_eq!(provenance.memory_method.as_deref(), Some("import"));
    times
}

#[test]
fn each_value_is_read_back_exactly_whatever_the_order_of_the_rows() {
    let place = Place::new();
    let (file, expected) = all_columns(&mut Noise(7));
    for (name, file) in [
        ("lf", file.clone()),
        ("crlf", format!("\u{feff}{}", file.replace('\n', "\r\n"))),
    ] {
        let path = place.path().join(name).with_extension("csv");
        fs::write(&path, file).unwrap();
        let root = place.path().join(name);
        let root = root.to_str().unwrap();
        let output = analyzer(&[
            "import",
            "csv",
            path.to_str().unwrap(),
            "-o",
            root,
            "--duration",
            "took:ms",
            "--finished-at",
            "finished:s",
            "--operation",
            "what\"s",
            "--success",
            "ok",
            "--memory",
            "rss",
            "--bytes",
            "size",
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
        let rows = json(&["sql", root, ALL, "--format", "json"]);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(&expected) {
            let mut row = row.clone();
            if name == "crlf" {
                // The ends of lines in the names were changed with all others.
                let operation = row["operation"].as_str().unwrap().replace("\r\n", "\n");
                row["operation"] = operation.into();
            }
            assert_eq!(&row, expected);
        }
        assert_eq!(times_in_file(Path::new(root)), times_of(&expected));
        let others = json(&["sql", root, OTHERS, "--format", "json"]);
        assert_eq!(
            others,
            value!([{
                "operation_type": 0, "sample_weight": 1, "source_type": null, "pid": null,
                "tid": null, "cpu_ns": null, "cpu_user_ns": null, "cpu_system_ns": null,
                "memory_delta_bytes": null, "return_value": null, "goroutine": null,
                "host": "unknown",
            }])
        );
    }
}

#[test]
fn units_forms_of_times_and_names_mean_what_they_are() {
    let place = Place::new();
    let file = place.path().join("some.csv");
    let file = file.to_str().unwrap();
    fs::write(
        file,
        "d,t,z\n1.5,1795507200.5,2026-11-24T09:00:00.5+01:00\n",
    )
    .unwrap();
    let rows = |name: &str, more: &[&str]| {
        let root = place.path().join(name);
        let root = root.to_str().unwrap();
        printed(&[&["import", "csv", file, "-o", root], more].concat());
        let query = "SELECT CAST(finished_at AS BIGINT) AS at, duration_ns AS d, operation AS o \
                     FROM operation_log";
        let rows = json(&["sql", root, query, "--format", "json"]);
        rows[0].clone()
    };
    let at = START * 1_000_000_000 + 500_000_000;
    for (unit, duration) in [
        ("ns", 2u64),
        ("us", 1_500),
        ("ms", 1_500_000),
        ("s", 1_500_000_000),
    ] {
        let column = format!("d:{unit}");
        let row = rows(
            unit,
            &[
                "--duration",
                &column,
                "--finished-at",
                "t:s",
                "--operation",
                "=a b",
            ],
        );
        assert_eq!(row, value!({"at": at, "d": duration, "o": "a b"}));
    }
    for (name, form, at) in [
        ("rfc3339", "z:rfc3339", at),
        ("t-ms", "t:ms", 1_795_507_200_500_000),
        ("t-us", "t:us", 1_795_507_200_500),
        ("t-ns", "t:ns", 1_795_507_201),
    ] {
        let row = rows(name, &["--duration", "d:s", "--finished-at", form]);
        assert_eq!(
            row,
            value!({"at": at, "d": 1_500_000_000, "o": "operation"})
        );
    }
    let row = rows(
        "every",
        &["--duration", "d:s", "--every", "0.25s", "--operation", "z"],
    );
    let name = "2026-11-24T09:00:00.5+01:00";
    assert_eq!(
        row,
        value!({"at": 250_000_000, "d": 1_500_000_000, "o": name})
    );
    assert_eq!(rows("default", &["--duration", "d:s"])["at"], 1_000_000);
}
