//! `import` of files of other programs: Parquet is read back as it was written, and a file that ends in
//! the middle of a record leaves nothing.

use std::fs;

use serde_json::Value;

use crate::import_csv::{Noise, START};
use crate::import_refused::entries;
use crate::program::{Place, json, printed, refused};

const ALL: &str = "SELECT CAST(finished_at AS BIGINT) AS at, \"interval\", operation, duration_ns, \
    memory_bytes, success, bytes FROM operation_log ORDER BY at, operation";

fn rows(root: &str) -> Value {
    json(&["sql", root, ALL, "--format", "json"])
}

/// Imports a file with these options; gives the path of the recording.
fn import(place: &Place, format: &str, file: &str, root: &str, more: &[&str]) -> String {
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (file, root) = (at(file), at(root));
    printed(&[&["import", format, &file, "-o", &root], more].concat());
    root
}

#[test]
fn a_parquet_file_is_read_back_as_it_was_written() {
    let place = Place::new();
    let mut noise = Noise(11);
    let mut text = "at,took,op,ok,rss,size\n".to_owned();
    // More rows than are decoded at once.
    for row in 0..9_000 {
        let ok = ["true", "false", ""][noise.below(3) as usize];
        let op = ["get", "put \"x\"", "Größe\n"][noise.below(3) as usize].replace('"', "\"\"");
        let rss = noise.below(1 << 40).to_string();
        let rss = if noise.below(4) == 0 { "" } else { &rss };
        let at = START * 1_000_000_000 + row * 1_000_003;
        let (took, size) = (noise.below(1 << 40), noise.below(9));
        text.push_str(&format!("{at},{took},\"{op}\",{ok},{rss},{size}\n"));
    }
    fs::write(place.path().join("all.csv"), text).unwrap();
    let columns = |duration, at| {
        [
            "--duration",
            duration,
            "--finished-at",
            at,
            "--operation",
            "op",
            "--success",
            "ok",
            "--memory",
            "rss",
            "--bytes",
            "size",
        ]
    };
    let first = import(
        &place,
        "csv",
        "all.csv",
        "csv",
        &columns("took:ns", "at:ns"),
    );
    let expected = rows(&first);
    assert_eq!(expected.as_array().unwrap().len(), 9_000);
    let written = place.path().join("all.parquet");
    let written = written.to_str().unwrap();
    // Times as times, as numbers and as texts; names as they are and as a dictionary.
    let query = "SELECT finished_at AS at, CAST(finished_at AS BIGINT) AS at_ns, \
         CAST(finished_at AS VARCHAR) AS at_text, duration_ns AS took, \
         CAST(duration_ns AS DECIMAL(38, 3)) / 1000 AS took_us, arrow_cast(operation, \
         'Dictionary(Int32, Utf8)') AS op, success AS ok, memory_bytes AS rss, bytes AS size, \
         make_array(1) AS list FROM operation_log";
    printed(&["sql", &first, query, "-o", written]);
    for (root, duration, at) in [
        ("times", "took:ns", "at:rfc3339"),
        ("numbers", "took_us:us", "at_ns:ns"),
        ("texts", "took:ns", "at_text:rfc3339"),
    ] {
        let root = import(
            &place,
            "parquet",
            "all.parquet",
            root,
            &columns(duration, at),
        );
        assert_eq!(rows(&root), expected, "{root}");
    }
    let before = entries(place.path());
    let output = place.path().join("other");
    let output = output.to_str().unwrap();
    let import = |file: &str, more: &[&str]| {
        refused(&[&["import", "parquet", file, "-o", output], more].concat())
    };
    let bytes = fs::read(written).unwrap();
    let csv = place.path().join("all.csv");
    for (more, reason) in [
        (
            &["--duration", "took:ns", "--finished-at", "at:ns"][..],
            "at has times and no numbers",
        ),
        (&["--duration", "op:ns"], "row 1: the duration "),
        (&["--duration", "list:ns"], "list has lists"),
        (
            &["--duration", "nosuch:ns"],
            "has no column nosuch: it has at, at_ns, ",
        ),
    ] {
        let failure = import(written, more);
        assert!(failure.contains(reason), "{failure}");
    }
    let failure = import(csv.to_str().unwrap(), &["--duration", "took:ns"]);
    assert!(failure.contains("is no Parquet file"), "{failure}");
    assert_eq!(entries(place.path()), before);
    // Damaged files: each is read as a whole or refused with one line.
    let damaged = place.path().join("damaged.parquet");
    for _ in 0..40 {
        let mut bytes = bytes.clone();
        let at = noise.below(bytes.len() as u64) as usize;
        match noise.below(2) {
            0 => bytes.truncate(at),
            _ => bytes[at] ^= 1 << noise.below(8),
        }
        fs::write(&damaged, bytes).unwrap();
        let file = damaged.to_str().unwrap();
        let words = [
            &["import", "parquet", file, "-o", output][..],
            &columns("took:ns", "at:rfc3339"),
        ];
        let ended = crate::program::analyzer(&words.concat());
        let message = crate::program::text(&ended.stderr);
        match ended.status.code() {
            Some(0) => fs::remove_dir_all(output).unwrap(),
            Some(2) => assert!(
                message.starts_with("error: ") && message.lines().count() == 1,
                "{message}"
            ),
            other => panic!("{other:?}: {message}"),
        }
    }
}

#[test]
fn points_of_k6_and_results_of_vegeta_are_recordings_and_half_files_are_none() {
    let place = Place::new();
    let point = |second: u32, value: f64| {
        format!(
            r#"{{"metric":"http_req_duration","type":"Point","data":{{"time":"2026-11-24T08:00:{second:02}Z","value":{value},"tags":{{"name":"home","status":"200"}}}}}}"#
        ) + "\n"
    };
    let k6: String = (0..60).map(|second| point(second, 1.5)).collect();
    let result = |second: u64| {
        format!(
            "{},200,1500000,0,5,,,load,{second},GET,http://h/,\n",
            (START + second) * 1_000_000_000
        )
    };
    let vegeta: String = (0..60).map(result).collect();
    for (format, text, bytes) in [("k6", &k6, Value::Null), ("vegeta", &vegeta, 5.into())] {
        fs::write(place.path().join(format), text).unwrap();
        let root = import(&place, format, format, &format!("{format}-run"), &[]);
        let rows = rows(&root);
        assert_eq!(rows.as_array().unwrap().len(), 60);
        assert_eq!(rows[59]["duration_ns"], 1_500_000);
        assert_eq!(
            (&rows[59]["success"], &rows[59]["bytes"]),
            (&true.into(), &bytes)
        );
        // Every command takes it.
        printed(&["summary", &root]);
        let half = place.path().join("half");
        fs::write(&half, &text[..text.len() / 2 + 7]).unwrap();
        let before = entries(place.path());
        let output = place.path().join("none");
        let words = [
            "import",
            format,
            half.to_str().unwrap(),
            "-o",
            output.to_str().unwrap(),
        ];
        let failure = refused(&words);
        assert!(failure.contains("/half: line 31: "), "{failure}");
        assert_eq!(entries(place.path()), before);
        fs::write(
            &half,
            "{\"type\":\"Metric\",\"data\":{},\"metric\":\"x\"}\n",
        )
        .unwrap();
        refused(&words);
        fs::write(&half, [0x1f, 0x8b, 8]).unwrap();
        assert!(refused(&words).contains("is compressed with gzip"));
    }
}

#[test]
fn percentiles_of_imported_histograms_are_within_the_buckets_of_their_source() {
    let place = Place::new();
    let root = place.path().join("hdr");
    let root = root.to_str().unwrap();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hdr/python.hlog");
    printed(&["import", "hdr", log, "-o", root, "--unit", "us"]);
    // Each of the three seconds has each of the values 100 + 37 v µs twice, with v below 1,000.
    let query = "SELECT CAST(finished_at AS BIGINT) AS at, duration_ns AS d FROM operation_log \
        ORDER BY d";
    let rows = json(&["sql", root, query, "--format", "json"]);
    for second in START..START + 3 {
        let begin_ns = second * 1_000_000_000;
        let rows = rows.as_array().unwrap().iter();
        let of_second = rows.filter(|row| {
            let at = row["at"].as_u64().unwrap();
            at > begin_ns && at <= begin_ns + 1_000_000_000
        });
        let found: Vec<u64> = of_second.map(|row| row["d"].as_u64().unwrap()).collect();
        assert_eq!(found.len(), 2000);
        for (place, found) in found.into_iter().enumerate() {
            let value = (100 + 37 * (place as u64 / 2) + second - START) * 1000;
            // Three digits, and whole microseconds.
            assert!(
                found.abs_diff(value) <= value / 1000 + 500,
                "{place} {found} {value}"
            );
        }
    }
    printed(&["changes", root]);
    let before = entries(place.path());
    let output = place.path().join("none");
    let output = output.to_str().unwrap();
    let file = place.path().join("README");
    let words = |format| vec!["import", format, file.to_str().unwrap(), "-o", output];
    fs::write(&file, "no log\n").unwrap();
    let failure = refused(&[&words("hdr")[..], &["--unit", "us"]].concat());
    assert!(
        failure.contains("/README: line 1: the begin \"no log\" is no number"),
        "{failure}"
    );
    assert!(refused(&words("hdr")).contains("--unit"));
    let failure = refused(&words("fortio"));
    assert!(
        failure.contains("/README: is no JSON of fortio load (expected ident"),
        "{failure}"
    );
    fs::remove_file(&file).unwrap();
    assert_eq!(entries(place.path()), before);
}

#[test]
fn results_of_benchmarks_and_answers_of_prometheus_are_recordings() {
    let place = Place::new();
    let at = |name: &str| place.path().join(name);
    let bench = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/go-bench.txt");
    fs::copy(bench, at("go-bench")).unwrap();
    let sample = at("criterion/group/one/new");
    fs::create_dir_all(&sample).unwrap();
    let text = r#"{"sampling_mode":"Flat","iters":[1e3,1e3],"times":[5000000.0,7000000.0]}"#;
    fs::write(sample.join("sample.json"), text).unwrap();
    let jmh = r#"[{"benchmark":"A.b","mode":"avgt","primaryMetric":{"scoreUnit":"us/op","rawData":[[5,6,7]]}}]"#;
    fs::write(at("jmh"), jmh).unwrap();
    let values = r#"[[1795507200,"0.005"],[1795507215,"0.006"]]"#;
    let answer = format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"job":"api"}},"values":{values}}}]}}}}"#
    );
    fs::write(at("prometheus"), answer).unwrap();
    let line = |ms: u64, value: &str| {
        let kind = r#""metric_name":"latency","metric_kind":"gauge""#;
        format!(r#"{{"run_id":"x","time":{ms},"fetch_index":0,{kind},"value":{value}}}"#) + "\n"
    };
    let capture = line(START * 1000, "5.0") + &line(START * 1000 + 1, "7");
    fs::write(at("lading"), capture).unwrap();
    let spectrum = "Value Percentile TotalCount 1/(1-Percentile)\n 5.000 0.5 1 2.0\n 6.000 1.0 2 inf\n\
         #[Max = 6.000, Total count = 2]\n";
    let text = format!("Running 2s test @ http://h/\n{spectrum}  2 requests in 2.00s, 1KB read\n");
    fs::write(at("wrk2"), text).unwrap();
    for (format, more, operations, count, shortest) in [
        ("go-bench", &["--per", "1000"][..], 4, 16, None),
        ("criterion", &[], 1, 2, Some(5_000)),
        ("jmh", &[], 1, 3, Some(5_000)),
        (
            "prometheus",
            &["--unit", "s", "--operation", "job"],
            1,
            2,
            Some(5_000_000),
        ),
        ("wrk2", &[], 1, 2, Some(5_000_000)),
        (
            "lading",
            &["--metric", "latency", "--unit", "ms"],
            1,
            2,
            Some(5_000_000),
        ),
    ] {
        let root = import(&place, format, format, &format!("{format}-run"), more);
        let found = rows(&root);
        let found = found.as_array().unwrap();
        assert_eq!(found.len(), count, "{format}");
        let least = found
            .iter()
            .filter_map(|row| row["duration_ns"].as_u64())
            .min();
        if let Some(shortest) = shortest {
            assert_eq!(least, Some(shortest), "{format}");
        }
        let summary = json(&["summary", &root, "--format", "json"]);
        assert_eq!(
            summary["operations"].as_array().unwrap().len(),
            operations,
            "{format}"
        );
    }
    let before = entries(place.path());
    let output = at("none");
    let output = output.to_str().unwrap();
    fs::write(at("text"), "no results\n").unwrap();
    let file = at("text");
    for (format, more, reason) in [
        (
            "go-bench",
            &[][..],
            "/text: has no result of a benchmark; hint: `go test -bench",
        ),
        (
            "criterion",
            &[],
            "/text: line 1: is no JSON of Criterion (expected ident",
        ),
        ("jmh", &[], "/text: is no JSON of JMH (expected ident"),
        (
            "prometheus",
            &["--unit", "s"],
            "/text: is no JSON of Prometheus (expected ident",
        ),
        (
            "wrk2",
            &[],
            "/text: has no detailed percentile spectrum; hint: wrk2 -L",
        ),
    ] {
        let words = [
            &["import", format, file.to_str().unwrap(), "-o", output][..],
            more,
        ]
        .concat();
        let failure = refused(&words);
        assert!(failure.contains(reason), "{failure}");
        assert!(failure.contains("; hint: "), "{failure}");
        for (bytes, reason) in [
            (&b""[..], "/text: is empty"),
            (
                &b"\x1f\x8b\x08"[..],
                "/text: is compressed with gzip; hint: gzip -dc",
            ),
        ] {
            fs::write(&file, bytes).unwrap();
            let failure = refused(&words);
            assert!(failure.contains(reason), "{failure}");
        }
        fs::write(&file, "no results\n").unwrap();
    }
    fs::remove_file(&file).unwrap();
    // A sample file without a sample is not left out.
    let other = at("criterion/group/two/new");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("sample.json"), "").unwrap();
    let directory = at("criterion");
    let failure = refused(&[
        "import",
        "criterion",
        directory.to_str().unwrap(),
        "-o",
        output,
    ]);
    assert!(
        failure.contains("/criterion: group/two: is empty"),
        "{failure}"
    );
    let left = entries(place.path());
    assert_eq!(left.len(), before.len());
}
