//! `changes` on recordings and on CSV files.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use soakbox_testing::Soak;

use crate::program::{Place, json, printed, refused};
use crate::seed::drawn;

#[test]
fn a_recording_that_became_slower_has_a_step_at_that_time() {
    let place = Place::new();
    Soak {
        slowdown: 1.5,
        gap_at: Some(20),
        ..Soak::default()
    }
    .seal(place.path());
    let answer = json(&["changes", place.text(), "--format", "json"]);
    assert_eq!(answer["schema"], "soakbox.changes/1");
    let series = answer["series"].as_array().unwrap();
    let named = |name: &str| series.iter().find(|one| one["name"] == name).unwrap();
    let median = named("rule_refresh duration_p50");
    assert_eq!(
        (&median["unit"], median["changes"].as_array().unwrap().len()),
        (&"ns".into(), 1),
        "{median}"
    );
    assert!(median["missing"].as_u64().unwrap() > 0, "the gap");
    let step = &median["changes"][0];
    assert_eq!(step["kind"], "step");
    let change = step["change"].as_f64().unwrap();
    assert!((0.4..0.6).contains(&change), "{step}");
    // The soak became slower after 60 s; a point is less than 2 s long.
    let time = step["time"].as_str().unwrap();
    assert!(
        ("2026-11-24T08:00:55Z".."2026-11-24T08:01:05Z").contains(&time),
        "{time}"
    );
    let other = named("traffic_control duration_p50");
    assert_eq!(other["changes"], serde_json::json!([]));
    let table = printed(&[
        "changes",
        place.text(),
        "--operation",
        "rule_refresh",
        "--metric",
        "duration_p50",
    ]);
    assert!(table.contains("rule_refresh duration_p50  step"), "{table}");
    let least = [
        "changes",
        place.text(),
        "--metric",
        "duration_p50",
        "--least",
        "80%",
    ];
    let least = printed(&least);
    assert!(
        least.starts_with("  1 smaller change left out by --least\n  1 series without a change"),
        "{least}"
    );
}

/// 200 nightly values with noise, a missing one, an outlier and a step of 10% after 120.
fn nightly() -> String {
    let mut text = "date,commit,\"ms, median\"\n".to_owned();
    let mut noise = 1_u64;
    for night in 0..200 {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let unit = (noise >> 40) as f64 / (1_u64 << 24) as f64;
        let level = if night < 120 { 100.0 } else { 110.0 };
        let value = level + 3.0 * (unit - 0.5);
        let value = match night {
            50 => String::new(),
            80 => "150".to_owned(),
            _ => format!("{value:.3}"),
        };
        let (month, day) = (1 + night / 28, 1 + night % 28);
        text.push_str(&format!("2026-{month:02}-{day:02},c{night},{value}\n"));
    }
    text
}

#[test]
fn a_nightly_history_shows_its_step_and_its_outlier() {
    let place = Place::new();
    let file = place.path().join("nightly.csv");
    fs::write(&file, nightly()).unwrap();
    let file = file.to_str().unwrap();
    let asked = [
        "changes",
        "--csv",
        file,
        "--value",
        "ms, median",
        "--time",
        "date",
        "--format",
        "json",
    ];
    let answer = json(&asked);
    let series = &answer["series"][0];
    assert_eq!(
        (&series["points"], &series["missing"]),
        (&200.into(), &1.into())
    );
    let found: Vec<(u64, &str, &str)> = series["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["index"].as_u64().unwrap(),
                one["kind"].as_str().unwrap(),
                one["time"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [(80, "outlier", "2026-03-25"), (120, "step", "2026-05-09")]
    );
    insta::assert_snapshot!("changes_table", printed(&asked[..7]));
    // Without times only the order is known.
    let answer = json(&[
        "changes",
        "--csv",
        file,
        "--value",
        "ms, median",
        "--format",
        "json",
    ]);
    assert!(answer["series"][0]["changes"][1]["time"].is_null());
    assert_eq!(json(&asked), json(&asked));
}

#[test]
fn mistakes_get_one_clear_line() {
    let place = Place::new();
    let file = place.path().join("some.csv");
    fs::write(&file, "t,x\n1,5\n2,five\n").unwrap();
    let file = file.to_str().unwrap();
    let (root, missing) = (place.text(), "/nonexistent.csv");
    let empty = place.path().join("empty.csv");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let soak = Place::new();
    Soak {
        seconds: 5,
        ..Soak::default()
    }
    .seal(soak.path());
    let cases: &[&[&str]] = &[
        &["changes"],
        &["changes", root],
        &["changes", root, "--csv", file, "--value", "x"],
        &["changes", "--csv", file],
        &["changes", "--csv", missing, "--value", "x"],
        &["changes", "--csv", file, "--value", "y"],
        &["changes", "--csv", file, "--value", "x"],
        &["changes", "--csv", file, "--value", "t", "--time", "x"],
        &[
            "changes",
            "--csv",
            file,
            "--value",
            "t",
            "--false-alarm",
            "0.9",
        ],
        &["changes", "--csv", file, "--value", "t", "--least", "much"],
        &["changes", root, "--time", "t"],
        &["changes", soak.text(), "--operation", "nosuch"],
        &["changes", soak.text(), "--metric", "duration_p95"],
        &[
            "changes",
            soak.text(),
            "--operation",
            "rule_refresh",
            "--metric",
            "bytes_rate",
        ],
        &["changes", "--csv", root, "--value", "x"],
        &["changes", "--csv", empty, "--value", "x"],
        &["changes", "--csv", file, "--value", "z"],
    ];
    let mut transcript = String::new();
    for case in cases {
        transcript.push_str(&format!("$ {}\n{}\n", case.join(" "), refused(case)));
    }
    let transcript = soak.plain(&transcript).replace(root, "[DIR]");
    insta::assert_snapshot!("changes_mistakes", transcript);
}

#[test]
fn a_pipe_has_all_its_rows() {
    for rows in [60, 20_000, 200_000] {
        let mut text = "value\n".to_owned();
        let mut noise = 1_u64;
        for row in 0..rows {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            let level = if row >= rows / 2 { 20.0 } else { 10.0 };
            match row % 1_000 {
                7 => text.push('\n'),
                _ => text.push_str(&format!("{}\n", level + (noise >> 40) as f64 / 16e6)),
            }
        }
        let answers = ["-", "/dev/stdin"].map(|path| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
                .args([
                    "changes", "--csv", path, "--value", "value", "--format", "json",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = program.stdin.take().unwrap();
            let text = text.clone();
            let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
            let output = program.wait_with_output().unwrap();
            writer.join().unwrap().unwrap();
            serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
        });
        assert_eq!(answers[0], answers[1]);
        let series = &answers[0]["series"][0];
        assert_eq!(series["points"], rows);
        assert_eq!(series["missing"], (rows + 992) / 1_000);
        let index = series["changes"][0]["index"].as_i64().unwrap();
        assert!((index - i64::from(rows / 2)).abs() <= 2, "{series}");
    }
}

#[test]
fn a_step_from_0_and_one_of_small_numbers_can_be_read() {
    let place = Place::new();
    for (name, low, high, before, after, difference) in [
        ("zero", 0.0, 5.0, "0", "5.", "–"),
        ("tiny", 1e-5, 2e-5, "1.00e-5", "2.00e-5", "+100 %"),
    ] {
        let file = place.path().join(name);
        let mut text = "value\n".to_owned();
        for row in 0..200_u32 {
            let level = if row < 101 { low } else { high };
            let noise = 1.0 + f64::from(row * 7919 % 101) / 1e5;
            text.push_str(&format!("{}\n", level * noise));
        }
        fs::write(&file, text).unwrap();
        let asked = [
            "changes",
            "--csv",
            file.to_str().unwrap(),
            "--value",
            "value",
        ];
        let table = printed(&asked);
        let row = table.lines().nth(1).unwrap();
        let cells: Vec<&str> = row
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        let at = cells.iter().position(|cell| *cell == "101").unwrap();
        assert_eq!(cells[at + 2], before, "{table}");
        assert!(cells[at + 3].starts_with(after), "{table}");
        assert_eq!(cells[at + 4], difference, "{table}");
    }
}

/// The answer in words and in JSON for these values.
fn asked(place: &Place, values: &[f64], more: &[&str]) -> (String, serde_json::Value) {
    let file = place.path().join("values.csv");
    let lines: Vec<String> = values.iter().map(f64::to_string).collect();
    fs::write(&file, format!("v\n{}\n", lines.join("\n"))).unwrap();
    let mut words = vec!["changes", "--csv", file.to_str().unwrap(), "--value", "v"];
    words.extend(more);
    let table = printed(&words);
    words.extend(["--format", "json"]);
    (table, json(&words)["series"][0].clone())
}

#[test]
fn what_is_no_step_is_said_in_words() {
    let place = Place::new();
    let mut random = drawn();
    let mut noise = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        (random >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let mut around = |level: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..300).map(|i| level(i) + noise()).collect()
    };
    let back_and_forth = around(&|i| if i / 20 % 2 == 0 { 100.0 } else { 110.0 });
    let (table, series) = asked(&place, &back_and_forth, &[]);
    assert!(table.starts_with("  v moves between 2 levels ("), "{table}");
    assert!(
        table.ends_with("), 14 times: states rather than changes\n"),
        "{table}"
    );
    let states = &series["states"];
    assert_eq!(states["moves"], 14);
    for (level, expected) in [(0, 100.0), (1, 110.0)] {
        let level = states["levels"][level].as_f64().unwrap();
        assert!((level - expected).abs() < 0.2, "{states}");
    }
    let last = around(&|i| if i == 299 { 120.0 } else { 100.0 });
    let (table, series) = asked(&place, &last, &[]);
    assert!(table.contains("  new  "), "{table}");
    assert!(table.ends_with("  new: the last points are too few to tell a step from an outlier\n"));
    // By chance a step may be found before it.
    let last = series["changes"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["kind"], &series["states"]),
        (&"new".into(), &().into())
    );
    let risen = around(&|i| if i < 150 { -100.0 } else { -76.0 });
    let (table, series) = asked(&place, &risen, &["--least", "20%"]);
    assert!(
        table.contains("+24.0 %") || table.contains("+23.9 %") || table.contains("+24.1 %"),
        "{table}"
    );
    assert!(series["changes"][0]["change"].as_f64().unwrap() > 0.2);
    let (table, series) = asked(&place, &risen, &["--least", "30%"]);
    // By chance a second one may be found.
    let (number, plural) = match series["left_out"].as_u64().unwrap() {
        1 => (1, ""),
        number => (number, "s"),
    };
    assert!(number >= 1, "{series}");
    assert_eq!(
        table,
        format!("  {number} smaller change{plural} left out by --least\n")
    );
}
