//! `export perfetto`, `openmetrics` and `hdr`: each row is in the file, whatever its name, and the file
//! has the form that its readers expect. `notebooks/check_exports.py` reads such files by other programs.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use soakbox_testing::Soak;

use crate::export::{names, seal_rows};
use crate::import_csv::Noise;
use crate::program::{Place, analyzer, json, printed, text};
use crate::seed::drawn;
use crate::shell::{Step, on_terminal};

/// The fields of a protocol buffer, in order: number, and its value or its bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Result<u64, &[u8]>)> {
    fn number(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let digit = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(digit & 0x7f) << shift;
            if digit < 0x80 {
                return value;
            }
        }
        panic!("a number without an end");
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        match key & 7 {
            0 => all.push((key >> 3, Ok(number(&mut bytes)))),
            2 => {
                let length = number(&mut bytes) as usize;
                all.push((key >> 3, Err(&bytes[..length])));
                bytes = &bytes[length..];
            }
            other => panic!("wire type {other}"),
        }
    }
    all
}

fn one<'a>(all: &[(u64, Result<u64, &'a [u8]>)], field: u64) -> Option<Result<u64, &'a [u8]>> {
    all.iter()
        .find(|(number, _)| *number == field)
        .map(|(_, value)| *value)
}

type Slice = (String, i64, i64);

/// The slices of a trace, as a reader pairs begins and ends; and the names of its tracks.
fn slices(trace: &[u8]) -> (Vec<Slice>, Vec<String>) {
    let mut names = BTreeMap::new();
    let (mut events, mut tracks) = (Vec::new(), Vec::new());
    for (place, (field, packet)) in fields(trace).into_iter().enumerate() {
        assert_eq!(field, 1);
        let packet = fields(packet.unwrap_err());
        if let Some(Err(interned)) = one(&packet, 12) {
            for (_, name) in fields(interned)
                .into_iter()
                .filter(|(field, _)| *field == 2)
            {
                let name = fields(name.unwrap_err());
                let text = String::from_utf8(one(&name, 2).unwrap().unwrap_err().to_vec());
                names.insert(one(&name, 1).unwrap().unwrap(), text.unwrap());
            }
        }
        if let Some(Err(track)) = one(&packet, 60)
            && let Some(Err(name)) = one(&fields(track), 2)
        {
            tracks.push(String::from_utf8(name.to_vec()).unwrap());
        }
        if let Some(Err(event)) = one(&packet, 11) {
            let event = fields(event);
            let number = |field| one(&event, field).map(Result::unwrap);
            let at = one(&packet, 8).unwrap().unwrap();
            events.push((
                at,
                place,
                number(9).unwrap(),
                number(11).unwrap(),
                number(10),
            ));
        }
    }
    events.sort_unstable();
    let (mut open, mut found) = (BTreeMap::<u64, Vec<(u64, String)>>::new(), Vec::new());
    for (at, _, kind, track, name) in events {
        match kind {
            1 => open
                .entry(track)
                .or_default()
                .push((at, names[&name.unwrap()].clone())),
            2 => {
                let (begin, name) = open.get_mut(&track).and_then(Vec::pop).unwrap();
                found.push((name, begin as i64, at as i64));
            }
            _ => {}
        }
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    found.sort();
    (found, tracks)
}

fn exported(place: &Place, format: &str, more: &[&str]) -> Vec<u8> {
    let output = analyzer(&[&["export", format, place.text()][..], more].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

#[test]
fn each_operation_is_a_slice_of_a_trace_also_where_operations_overlap() {
    let place = Place::new();
    let rows = seal_rows(&place, &mut Noise(drawn()), 2_000);
    let trace = exported(&place, "perfetto", &[]);
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
    let rows = rows.as_array().unwrap().iter();
    let mut expected: Vec<Slice> = rows
        .map(|row| {
            let at = number(row, "at");
            let name = row["operation"].as_str().unwrap().replace('\0', "\u{fffd}");
            (name, at - number(row, "duration_ns"), at)
        })
        .collect();
    expected.sort();
    let (found, tracks) = slices(&trace);
    assert!(found == expected, "slices are not the rows");
    // Some overlap on their thread.
    assert!(tracks.iter().any(|name| name == "plain 2"), "{tracks:?}");
    assert!(tracks.iter().any(|name| name == "memory"), "{tracks:?}");
}

#[test]
fn gaps_and_counts_have_tracks() {
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let (found, tracks) = slices(&exported(
        &place,
        "perfetto",
        &["--operation", "traffic_control"],
    ));
    let gaps: Vec<_> = found
        .iter()
        .filter(|(name, ..)| name.starts_with("gap: "))
        .collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].2 - gaps[0].1, 10_000_000_000);
    assert!(tracks.contains(&"gaps".to_owned()) && tracks.contains(&"annotations".to_owned()));
    assert!(tracks.contains(&"traffic_control: lost".to_owned()));
    assert!(
        tracks.iter().all(|name| !name.starts_with("rule_refresh")),
        "{tracks:?}"
    );
}

/// The labels of a sample by name, its value and its time; the name of the metric.
fn sample(line: &str) -> (&str, BTreeMap<&str, String>, f64, f64) {
    let (name, mut rest) = line.split_once('{').unwrap();
    let mut labels = BTreeMap::new();
    while !rest.starts_with('}') {
        let (label, quoted) = rest.trim_start_matches(',').split_once("=\"").unwrap();
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        loop {
            let (at, letter) = letters.next().unwrap();
            match letter {
                '"' => {
                    rest = &quoted[at + 1..];
                    break;
                }
                '\\' => value.push(match letters.next().unwrap().1 {
                    'n' => '\n',
                    other => other,
                }),
                other => value.push(other),
            }
        }
        labels.insert(label, value);
    }
    let (value, at) = rest[1..].trim_start().split_once(' ').unwrap();
    (name, labels, value.parse().unwrap(), at.parse().unwrap())
}

#[test]
fn samples_grow_are_in_order_and_add_up_to_the_rows() {
    let place = Place::new();
    let rows = seal_rows(&place, &mut Noise(drawn()), 2_000);
    let samples = text(&exported(&place, "openmetrics", &["--every", "500ms"]));
    assert!(samples.ends_with("\n# EOF\n"));
    let mut last = BTreeMap::<_, (f64, f64)>::new();
    for line in samples
        .split('\n')
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (name, labels, value, at) = sample(line);
        let is_gauge = name.ends_with("memory_bytes");
        let key = (
            name.to_owned(),
            labels["operation"].clone(),
            labels.get("le").cloned(),
        );
        if let Some((earlier, less)) = last.insert(key, (at, value)) {
            assert!(at > earlier && (is_gauge || value >= less), "{line}");
        }
    }
    let rows = rows.as_array().unwrap();
    for name in names() {
        let name = name.replace('\0', "\u{fffd}");
        let same =
            |row: &&Value| row["operation"].as_str().unwrap().replace('\0', "\u{fffd}") == name;
        let of_name: Vec<&Value> = rows.iter().filter(same).collect();
        let found = |metric: &str, le: Option<&str>| {
            let key = (metric.to_owned(), name.clone(), le.map(str::to_owned));
            last.get(&key).map(|(_, value)| *value)
        };
        let duration =
            |metric: &str, le| found(&format!("soakbox_operation_duration_seconds_{metric}"), le);
        let count = of_name.len() as f64;
        assert_eq!(duration("count", None), Some(count), "{name:?}");
        assert_eq!(duration("bucket", Some("+Inf")), Some(count));
        let below = of_name
            .iter()
            .filter(|row| row["duration_ns"].as_u64().unwrap() <= 1_000);
        assert_eq!(
            duration("bucket", Some("1e-06")),
            Some(below.count() as f64)
        );
        let failures = of_name.iter().filter(|row| row["success"] == false).count() as f64;
        assert_eq!(
            found("soakbox_operation_failures_total", None),
            Some(failures)
        );
        let bytes: u64 = of_name.iter().filter_map(|row| row["bytes"].as_u64()).sum();
        assert_eq!(
            found("soakbox_operation_data_bytes_total", None),
            Some(bytes as f64)
        );
    }
    // Within a gap there is no sample.
    let place = Place::new();
    Soak::incomplete().seal(place.path());
    let samples = text(&exported(&place, "openmetrics", &["--every", "1s"]));
    let start = "soakbox_operations_finished_total{operation=\"rule_refresh\"";
    let times = samples
        .lines()
        .filter(|line| line.starts_with(start))
        .map(|line| sample(line).3);
    let times: Vec<f64> = times.collect();
    let gaps = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|more| *more > 1.0);
    // The first sample after the gap has one before it, which is at its end.
    assert_eq!(gaps.collect::<Vec<_>>(), [10.0]);
}

#[test]
fn a_log_of_histograms_is_imported_with_the_same_percentiles() {
    let place = Place::new();
    let rows = seal_rows(&place, &mut Noise(drawn()), 2_000);
    let out = Place::new();
    let (log, root) = (out.path().join("log"), out.path().join("run"));
    fs::write(&log, exported(&place, "hdr", &["--every", "2s"])).unwrap();
    let root = root.to_str().unwrap();
    printed(&[
        "import",
        "hdr",
        log.to_str().unwrap(),
        "-o",
        root,
        "--unit",
        "ns",
    ]);
    let query =
        "SELECT operation, CAST(finished_at AS BIGINT) - 1 AS at, duration_ns FROM operation_log";
    let found = json(&["sql", root, query, "--format", "json"]);
    let sorted = |rows: &Value, name: fn(&str) -> String| {
        let mut all = BTreeMap::<(String, i64), Vec<i64>>::new();
        for row in rows.as_array().unwrap() {
            let window = row["at"].as_i64().unwrap() / 2_000_000_000;
            let key = (name(row["operation"].as_str().unwrap()), window);
            all.entry(key)
                .or_default()
                .push(row["duration_ns"].as_i64().unwrap());
        }
        all.values_mut().for_each(|values| values.sort_unstable());
        all
    };
    // A tag with % and digits for what a tag cannot have.
    let tag = |name: &str| {
        let is_plain = |letter: &char| {
            !matches!(letter, ',' | '%') && !letter.is_whitespace() && !letter.is_control()
        };
        let escaped = |letter: char| {
            let bytes = letter.to_string().into_bytes();
            bytes
                .iter()
                .map(|byte| format!("%{byte:02X}"))
                .collect::<String>()
        };
        let tag: String = name
            .chars()
            .map(|letter| {
                if is_plain(&letter) {
                    letter.to_string()
                } else {
                    escaped(letter)
                }
            })
            .collect();
        if tag.is_empty() { "%".to_owned() } else { tag }
    };
    let (found, expected) = (sorted(&found, str::to_owned), sorted(&rows, tag));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (key, values) in &expected {
        assert_eq!(found[key].len(), values.len(), "{key:?}");
        for (found, value) in found[key].iter().zip(values) {
            assert!(
                found.abs_diff(*value) <= (*value / 1000 + 1) as u64,
                "{found} {value}"
            );
        }
    }
}

#[test]
fn on_a_terminal_no_name_acts() {
    let place = Place::new();
    seal_rows(&place, &mut Noise(drawn()), 300);
    for format in ["csv", "openmetrics", "hdr"] {
        let steps = [Step::Expect("exported 300 rows")];
        let Some(shown) = on_terminal(&["export", format, place.text()], &[], &steps) else {
            return;
        };
        assert!(!shown.contains("\u{1b}[31m"), "{format}");
        assert!(
            !shown.contains('\u{202e}') && !shown.contains('\u{9b}'),
            "{format}"
        );
    }
    let steps = [Step::Expect("is binary, and the output is a terminal")];
    on_terminal(&["export", "perfetto", place.text()], &[], &steps);
}
