//! Times that an import made up: nothing over time is searched in them, no rate is compared, and every
//! reader says so; of a file with many intervals the course from one to the next is known.

use std::fs;

use serde_json::Value;

use crate::program::{Place, analyzer, json, printed, refused, text};

const MADE_UP: &str = "the times of the rows were made up by the import";

const WRK2: &str = include_str!("../data/wrk2.txt");

/// Imports a text and gives the recording.
fn import(place: &Place, format: &str, name: &str, content: &str, more: &[&str]) -> String {
    let file = place.path().join(format!("{name}.file"));
    let root = place.path().join(name).to_str().unwrap().to_owned();
    fs::write(&file, content).unwrap();
    let words = ["import", format, file.to_str().unwrap(), "-o", &root];
    printed(&[&words[..], more].concat());
    root
}

/// Durations in the order of the file, which are slower at its end, without times.
fn rows(slow: u64) -> String {
    let rows = (0..4_000u64).map(|row| {
        let noise = row * 2_654_435_761 % 1_000;
        let slow = if row > 2_000 { slow } else { 0 };
        format!("{}\n", 100_000 + 50 * noise + slow)
    });
    format!("ns\n{}", rows.collect::<String>())
}

/// An answer of Prometheus with buckets at each 15 s: 100 operations in each step, of which `slow` are above
/// 0.1 s.
fn answer(steps: usize, slow: fn(usize) -> u64) -> String {
    let series = |bound: &str, per_step: &dyn Fn(usize) -> u64| {
        let mut sum = 0;
        let values: Vec<String> = (0..=steps)
            .map(|step| {
                sum += per_step(step);
                format!("[{},\"{sum}\"]", 1_795_507_200 + 15 * step)
            })
            .collect();
        let values = values.join(",");
        format!(r#"{{"metric":{{"job":"api","le":"{bound}"}},"values":[{values}]}}"#)
    };
    let all = [
        series("0.1", &|step| 100 - slow(step)),
        series("0.2", &|_| 100),
        series("+Inf", &|_| 100),
    ];
    let all = all.join(",");
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{all}]}}}}"#)
}

fn findings(root: &str) -> Vec<Value> {
    let answer = json(&["soak", root, "--format", "json"]);
    answer["findings"].as_array().unwrap().clone()
}

#[test]
fn nothing_over_time_is_searched_where_the_import_made_up_the_times() {
    let place = Place::new();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hdr/python.hlog");
    let log = fs::read_to_string(log).unwrap();
    let csv = &["--duration", "ns:ns"][..];
    for (root, times) in [
        (import(&place, "csv", "csv", &rows(90_000), csv), "made up"),
        (
            import(&place, "hdr", "hdr", &log, &["--unit", "us"]),
            "even",
        ),
        (import(&place, "wrk2", "wrk2", WRK2, &[]), "even"),
    ] {
        let info = json(&["info", &root, "--format", "json"]);
        assert_eq!(info["times"], serde_json::json!([times]));
        let all = findings(&root);
        assert!(all.len() > 5, "{all:?}");
        for one in all {
            assert_eq!(one["status"], "inconclusive", "{one}");
            assert_eq!(one["reason"], MADE_UP, "{one}");
        }
        let changes = json(&["changes", &root, "--format", "json"]);
        for series in changes["series"].as_array().unwrap() {
            assert_eq!(series["changes"], serde_json::json!([]), "{series}");
            assert_eq!(series["not_searched"], MADE_UP, "{series}");
        }
        let table = printed(&["changes", &root]);
        assert_eq!(table, format!("  4 series not searched: {MADE_UP}\n"));
        let table = printed(&["soak", &root]);
        assert!(table.starts_with("INCONCLUSIVE: none of "), "{table}");
        let page = place.path().join(format!("{times}.html"));
        let page = page.to_str().unwrap();
        printed(&["report", &root, "-o", page]);
        let page = fs::read_to_string(page).unwrap();
        let hidden = page.split("What the data cannot show").last().unwrap();
        assert!(hidden.to_lowercase().contains(MADE_UP));
    }
}

#[test]
fn a_reason_that_many_searches_share_is_read_once() {
    let place = Place::new();
    let cells = |row: u64, operation: u64| {
        let ns = 100_000 + 50 * (row * 2_654_435_761 % 1_000);
        format!("{ns},job_{operation},{}\n", row.is_multiple_of(3))
    };
    let rows = (0..2_000_u64).flat_map(|row| (0..7).map(move |operation| cells(row, operation)));
    let content = format!("ns,name,ok\n{}", rows.collect::<String>());
    let columns = ["--duration=ns:ns", "--operation=name", "--success=ok"];
    let root = import(&place, "csv", "many", &content, &columns);
    let searches = findings(&root).len();
    assert!(searches > 7 * 10, "{searches}");
    let sentence = |text: &str| {
        // The limits also have it once for the recording.
        let is_of_searches =
            |line: &&str| line.contains(MADE_UP) && !line.contains("nothing over time");
        let mut lines = text.lines().filter(is_of_searches);
        let line = lines.next().unwrap().to_owned();
        let others: Vec<&str> = lines.collect();
        assert_eq!(others, [""; 0], "{line}");
        for part in [
            format!("{searches} searches of "),
            // Seven operations, and the run.
            "job_0, job_1, job_2 and 5 more (".to_owned(),
            "drift".to_owned(),
        ] {
            assert!(line.replace('\\', "").contains(&part), "{line}");
        }
    };
    sentence(&printed(&["soak", &root]));
    let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let files = ["page.html", "summary.md", "tests.xml", "answer.json"].map(file);
    let [page, summary, tests, answer] = &files;
    printed(&[
        "report", &root, "-o", page, "-o", summary, "-o", tests, "-o", answer,
    ]);
    let [page, summary, tests, answer] = files
        .each_ref()
        .map(|file| fs::read_to_string(file).unwrap());
    let parts =
        |text: &str, at: &str| -> Vec<String> { text.split(at).map(str::to_owned).collect() };
    // The verdict has it, and so do the limits.
    for part in parts(&page, "What the data cannot show") {
        let lines = part.lines().filter(|line| line.starts_with("<li>"));
        sentence(&lines.collect::<Vec<_>>().join("\n"));
    }
    assert!(!page.contains(&format!("<td class=\"text\">{MADE_UP}</td>")));
    for part in parts(&summary, "What the data cannot show") {
        sentence(&part);
    }
    sentence(&tests);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["findings"].as_array().unwrap().len(), searches);
}

#[test]
fn rates_are_compared_where_the_length_of_the_run_is_known_only() {
    let place = Place::new();
    let csv = &["--duration", "ns:ns"][..];
    let [a, b] = ["a", "b"].map(|name| import(&place, "csv", name, &rows(0), csv));
    let [c, d] =
        ["c", "d"].map(|name| import(&place, "wrk2", name, WRK2, &["--operation", "=get"]));
    for (base, candidate, has_rates) in [(a, b, false), (c, d, true)] {
        let words = ["compare", &base, "--against", &candidate];
        let compared = |more: &[&str]| text(&analyzer(&[&words[..], more].concat()).stdout);
        let answer: Value = serde_json::from_str(&compared(&["--format", "json"])).unwrap();
        let effects = answer["effects"].as_array().unwrap();
        let metrics: Vec<&str> = effects
            .iter()
            .map(|effect| effect["metric"].as_str().unwrap())
            .collect();
        assert!(metrics.contains(&"duration_p50"), "{metrics:?}");
        assert_eq!(metrics.contains(&"rate"), has_rates, "{metrics:?}");
        let table = compared(&[]);
        assert_eq!(table.contains(MADE_UP), !has_rates, "{table}");
    }
}

#[test]
fn no_rate_is_shown_where_the_length_of_the_run_is_not_known() {
    let place = Place::new();
    let every = ["--duration=ns:ns", "--every=3ms"];
    for (root, has_rates) in [
        (import(&place, "csv", "csv", &rows(0), &every[..1]), false),
        (import(&place, "csv", "every", &rows(0), &every), false),
        (import(&place, "wrk2", "wrk2", WRK2, &[]), true),
    ] {
        let summary = json(&["summary", &root, "--format", "json"]);
        let reason = summary.get("no_rates").and_then(Value::as_str);
        assert_eq!(reason, (!has_rates).then_some(MADE_UP), "{summary}");
        assert_eq!(summary["observed_s"].is_number(), has_rates, "{summary}");
        let operations = summary["operations"].as_array().unwrap();
        assert_eq!(operations.len(), 1, "{summary}");
        assert_eq!(
            operations[0]["rate_per_s"].is_number(),
            has_rates,
            "{summary}"
        );
        assert!(operations[0]["p50_ns"].is_number(), "{summary}");
        let table = printed(&["summary", &root]);
        assert_eq!(table.contains("/s"), has_rates, "{table}");
        assert_eq!(
            table.contains(&format!("{MADE_UP}: no rate is known")),
            !has_rates,
            "{table}"
        );
        let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let [page, summary] = ["page.html", "page.md"].map(file);
        printed(&["report", &root, "-o", &page, "-o", &summary]);
        let [page, summary] = [page, summary].map(|file| fs::read_to_string(file).unwrap());
        assert_eq!(page.contains(" /s</td>"), has_rates);
        assert_eq!(page.contains("Throughput"), has_rates);
        let not_drawn = format!("Not drawn: {MADE_UP}, so that nothing over time is known.");
        assert_eq!(page.contains(&not_drawn), !has_rates);
        assert_eq!(page.contains("<svg"), has_rates);
        assert_eq!(summary.contains(" /s |"), has_rates, "{summary}");
        let chart = ["chart", "throughput", &root, "-o", &file("chart.svg")];
        match has_rates {
            true => drop(printed(&chart)),
            false => assert!(refused(&chart).contains(&format!("no rate is known: {MADE_UP}"))),
        }
    }
}

#[test]
fn a_reference_without_times_is_refused_and_a_history_without_lengths_has_no_rates() {
    let place = Place::new();
    let of = |name: &str, slow: u64, every: &str| {
        let columns = ["--duration=ns:ns", "--operation==get", every];
        import(&place, "csv", name, &rows(slow), &columns)
    };
    let (a, b) = (of("a", 0, "--every=1ms"), of("b", 9_000, "--every=3ms"));
    let few = import(&place, "wrk2", "few", WRK2, &["--operation", "=get"]);
    let at_times = |name: &str, seed: u64| {
        let rows = (0..4_000).map(|row| (row, row * 2_654_435_761 % (997 + seed)));
        let rows = rows.map(|(row, noise)| format!("{row},{}\n", 100_000 + 50 * noise));
        let content = format!("at,ns\n{}", rows.collect::<String>());
        let columns = ["--duration=ns:ns", "--finished-at=at:s", "--operation==get"];
        import(&place, "csv", name, &content, &columns)
    };
    let (timed, later) = (at_times("timed", 0), at_times("later", 6));
    for (reference, is_known) in [(&a, false), (&few, false), (&timed, true)] {
        let asked = ["soak", &timed, "--reference", reference];
        match is_known {
            true => drop(printed(&asked)),
            false => {
                let line = refused(&asked);
                assert!(
                    line.contains(MADE_UP) && line.contains(reference.as_str()),
                    "{line}"
                );
                assert!(
                    line.contains("hint: --reference is a run with known times"),
                    "{line}"
                );
            }
        }
    }
    let file = place.path().join("good.sbl");
    let file = file.to_str().unwrap();
    printed(&["baseline", "create", &a, &b, "-o", file]);
    let runs = json(&["baseline", "show", file, "--format", "json"])["runs"].clone();
    for run in runs.as_array().unwrap() {
        let metrics = run["operations"][0]["metrics"].as_array().unwrap();
        let names: Vec<&str> = metrics
            .iter()
            .map(|one| one["metric"].as_str().unwrap())
            .collect();
        assert!(
            names.contains(&"duration_p50") && !names.contains(&"rate"),
            "{names:?}"
        );
    }
    let table = printed(&["baseline", "show", file]);
    assert!(
        table.contains(&format!("{MADE_UP}: no rate is known")),
        "{table}"
    );
    // The rates of the runs that are compared are known; those of the history are not.
    let words = [
        "compare",
        &timed,
        "--against",
        &later,
        "--history",
        file,
        "--format=json",
    ];
    let answer: Value = serde_json::from_str(&text(&analyzer(&words).stdout)).unwrap();
    assert_eq!(answer["history"]["runs"], 2, "{answer}");
    assert_eq!(answer["history"]["no_rates"], MADE_UP, "{answer}");
    let table = text(&analyzer(&words[..6]).stdout);
    assert!(
        table.contains(&format!(", but for rates of some: {MADE_UP}")),
        "{table}"
    );
    let scope = |metric: &str| {
        let effects = answer["effects"].as_array().unwrap().iter();
        let mut found = effects.filter(|effect| effect["metric"] == metric);
        found.next().unwrap()["scope"].clone()
    };
    assert_eq!(
        [scope("duration_p50"), scope("rate")],
        ["runs", "pair"],
        "{answer}"
    );
}

#[test]
fn a_page_of_what_cannot_be_compared_begins_with_words_and_draws_no_quantile() {
    let place = Place::new();
    let file = place.path().join("page.html");
    let columns = ["--duration=ns:ns", "--operation==get", "--every=1ms"];
    let of = |name: &str, content: &str| import(&place, "csv", name, content, &columns);
    let many = rows(0);
    let few: String = many
        .lines()
        .take(12)
        .map(|row| format!("{row}\n"))
        .collect();
    let asked = [("few", few, false), ("many", many, true)];
    for (name, content, is_drawn) in asked {
        let [base, candidate] = ["a", "b"].map(|side| of(&format!("{name}-{side}"), &content));
        let path = file.to_str().unwrap();
        printed(&["report", &candidate, "--against", &base, "-o", path]);
        let page = fs::read_to_string(&file).unwrap();
        assert_eq!(page.contains("Shift of the quantiles"), is_drawn, "{name}");
        let words = "</strong> Operation get: no duration could be compared";
        assert_eq!(page.contains(words), !is_drawn, "{name}");
    }
}

#[test]
fn the_course_from_one_interval_to_the_next_is_searched_where_there_are_many() {
    let place = Place::new();
    let import = |name: &str, text: &str| {
        import(
            &place,
            "prometheus",
            name,
            text,
            &["--unit", "s", "--operation", "job"],
        )
    };
    let changes = |root: &str| -> Vec<(String, String)> {
        let answer = json(&["changes", root, "--format", "json"]);
        let mut all = Vec::new();
        for series in answer["series"].as_array().unwrap() {
            assert_eq!(series["not_searched"], Value::Null, "{series}");
            for change in series["changes"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                all.push((text(&series["name"]), text(&change["kind"])));
            }
        }
        all
    };
    // A load that stays the same has no course within its intervals either.
    let steady = import("steady", &answer(240, |_| 20));
    assert_eq!(changes(&steady), []);
    for one in findings(&steady) {
        assert_ne!(one["status"], "found", "{one}");
        // The rows are even: whether their number repeats is not known.
        let is_even = one["kind"] == "period" && one["subject"] == "api rate";
        assert_eq!(one["reason"] == MADE_UP, is_even, "{one}");
    }
    let slower = import(
        "slower",
        &answer(240, |step| if step > 120 { 70 } else { 20 }),
    );
    let found = changes(&slower);
    assert!(
        found.contains(&("api duration_p50".to_owned(), "step".to_owned())),
        "{found:?}"
    );
    // Few intervals show no course.
    let few = import("few", &answer(20, |_| 20));
    for one in findings(&few) {
        assert_eq!(one["reason"], MADE_UP, "{one}");
    }
}
