//! Every command works on an imported recording as on one of a recorder, and reads it as complete.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json as value};
use soakbox_analyzer::figures::Reading;
use soakbox_analyzer::windows::Cut;

use crate::import_csv::{Noise, START};
use crate::program::{Place, analyzer, json, printed, text};

/// A file with rows at every 10 ms of a minute; from half of it on they take `slowdown` times as
/// long.
fn minute(seed: u64, scale: f64, slowdown: f64) -> String {
    let mut noise = Noise(seed);
    let mut text = "at,us,name,rss\n".to_owned();
    for row in 0..6_000u64 {
        let at = START * 1_000 + row * 10;
        let late = if row >= 3_000 { slowdown } else { 1.0 };
        let unit = (0..4).map(|_| noise.below(1_000) as f64).sum::<f64>() / 4_000.0;
        let us = scale * late * (800.0 + 400.0 * unit);
        let name = if row % 3 == 0 { "put" } else { "get" };
        writeln!(
            text,
            "{at},{us:.3},{name},{}",
            (64 << 20) + noise.below(4096)
        )
        .unwrap();
    }
    text
}

fn import(place: &Path, name: &str, content: &str) -> String {
    let file = place.join(format!("{name}.csv"));
    fs::write(&file, content).unwrap();
    let root = place.join(name).to_str().unwrap().to_owned();
    let output = analyzer(&[
        "import",
        "csv",
        file.to_str().unwrap(),
        "-o",
        &root,
        "--duration",
        "us:us",
        "--finished-at",
        "at:ms",
        "--operation",
        "name",
        "--memory",
        "rss",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert_eq!(
        told,
        format!("imported 6,000 rows of 2 operations into {root}\n")
    );
    root
}

#[test]
fn every_command_reads_an_imported_recording_as_complete() {
    let place = Place::new();
    let root = import(place.path(), "run", &minute(1, 1.0, 1.5));
    let info = json(&["info", &root, "--format", "json"]);
    assert_eq!(info["sources"], value!(["import"]));
    assert_eq!(
        (&info["warnings"], &info["gaps"]),
        (&value!([]), &value!([]))
    );
    assert_eq!(info["identity_ok"], Value::Null);
    assert_eq!(info["tables"]["operation_log"]["rows"], 6_000);
    assert_eq!(
        (&info["from"], &info["to"]),
        (
            &value!("2026-11-24T08:00:00Z"),
            &value!("2026-11-24T08:00:59.990Z")
        )
    );
    assert!(printed(&["info", &root]).contains("source    import"));
    let summary = json(&["summary", &root, "--format", "json"]);
    assert_eq!(summary["complete"], true);
    let get = &summary["operations"][0];
    assert_eq!(
        (&get["operation"], &get["count"]),
        (&value!("get"), &value!(4_000))
    );
    assert_eq!(
        (&get["lost"], &get["finished"]),
        (&Value::Null, &Value::Null)
    );
    for cut in [Cut::WHOLE, Cut::at_most(100)] {
        let reading = Reading::open(Path::new(&root), false, cut).unwrap();
        assert!(reading.warnings.is_empty(), "{:?}", reading.warnings);
    }
    let count = "SELECT count(*) AS n FROM operation_log";
    let of_get = [
        "sql",
        &root,
        "--operation",
        "get",
        "-c",
        count,
        "--format",
        "csv",
    ];
    assert_eq!(
        printed(&of_get),
        "n\n4000\n",
        "nobody counted it, and it has rows"
    );

    let changes = json(&[
        "changes",
        &root,
        "--metric",
        "duration_p50",
        "--format",
        "json",
    ]);
    for series in changes["series"].as_array().unwrap() {
        assert_eq!(series["missing"], 0, "{series}");
        assert_eq!(series["changes"][0]["kind"], "step", "{series}");
        let time = series["changes"][0]["time"].as_str().unwrap();
        assert!(
            ("2026-11-24T08:00:29".."2026-11-24T08:00:31").contains(&time),
            "{time}"
        );
    }
    assert_eq!(changes["series"].as_array().unwrap().len(), 2);
    let soak = json(&["soak", &root, "--format", "json"]);
    assert_eq!(soak["schema"], "soakbox.soak/1");
    let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    printed(&["chart", &root, "-o", &file("chart.svg")]);
    assert!(
        fs::read_to_string(file("chart.svg"))
            .unwrap()
            .contains("get")
    );
    printed(&["report", &root, "-o", &file("report.html")]);
    assert!(
        fs::read_to_string(file("report.html"))
            .unwrap()
            .contains("import")
    );
}

#[test]
fn imported_runs_are_judged_as_recorded_ones() {
    let place = Place::new();
    let directory = |side: &str| {
        let path = place.path().join(side);
        fs::create_dir(&path).unwrap();
        path
    };
    let (base, slow, same) = (directory("base"), directory("slow"), directory("same"));
    for run in 0..4 {
        let name = format!("run-{run}");
        import(&base, &name, &minute(10 + run, 1.0, 1.0));
        import(&slow, &name, &minute(20 + run, 1.5, 1.0));
        import(&same, &name, &minute(30 + run, 1.0, 1.0));
    }
    let path = |directory: &Path| directory.to_str().unwrap().to_owned();
    let verdict = |base: &str, candidate: &Path| {
        let candidate = path(candidate);
        let output = analyzer(&["compare", base, "--against", &candidate, "--format", "json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            output.status.code(),
            answer["verdict"].as_str().unwrap().to_owned(),
            answer,
        )
    };
    let (code, word, answer) = verdict(&path(&base), &slow);
    assert_eq!((code, word.as_str()), (Some(1), "regressed"), "{answer}");
    let effects = answer["effects"].as_array().unwrap();
    for effect in effects {
        assert_eq!(effect["loss"]["fraction"], 0.0, "{effect}");
    }
    let (code, word, answer) = verdict(&path(&base), &same);
    assert_eq!((code, word.as_str()), (Some(0), "pass"), "{answer}");
    let file = place.path().join("base.baseline");
    printed(&[
        "baseline",
        "create",
        &path(&base),
        "-o",
        file.to_str().unwrap(),
    ]);
    let (code, word, answer) = verdict(file.to_str().unwrap(), &slow);
    assert_eq!((code, word.as_str()), (Some(1), "regressed"), "{answer}");
}
