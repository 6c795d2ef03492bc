//! Recordings as windows: the same ones however the rows are spread over files.

use std::path::Path;

use soakbox_analyzer::figures::{Reading, Summary, Timeline};
use soakbox_analyzer::sql::Session;
use soakbox_analyzer::sql::columns::Columns;
use soakbox_analyzer::windows::{Cut, Run, Series, WindowLength};
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, Rows, Soak, concat};

fn runs(root: &Path, length: Option<WindowLength>) -> Vec<Run> {
    let shortest = length.unwrap_or(WindowLength::SHORTEST);
    cut(root, Cut::not_shorter(shortest))
}

fn cut(root: &Path, cut: Cut) -> Vec<Run> {
    Reading::open(root, false, cut).unwrap().runs
}

fn metrics(rows: &Rows) -> arrow::array::RecordBatch {
    OperationMetrics::batch(&rows.metrics.concat()).unwrap()
}

fn annotations(rows: &Rows) -> arrow::array::RecordBatch {
    Annotation::batch(&rows.annotations).unwrap()
}

const SOAK: Soak = Soak {
    seconds: 60,
    refreshes_per_second: 20,
    controls_per_second: 50,
    slowdown: 1.0,
    lost: 7,
    gap_at: Some(40),
    seed: 3,
    scale: 1.0,
    begin: 0,
    restart_every: None,
    decline: 0.0,
    stops_at: None,
};

#[test]
fn fewer_windows_are_those_of_the_shortest_length_merged() {
    for soak in [
        SOAK,
        Soak {
            seconds: 131,
            gap_at: None,
            stops_at: Some(90),
            ..SOAK
        },
        Soak {
            seconds: 200,
            gap_at: Some(63),
            ..SOAK
        },
    ] {
        let place = tempfile::tempdir().unwrap();
        soak.seal(place.path());
        let finest = &runs(place.path(), None)[0];
        for most in [1, 7, 64, 1024, 4096, 1 << 20] {
            let few = &cut(place.path(), Cut::at_most(most))[0];
            assert_eq!(few.identity, finest.identity);
            for (operation, series) in &few.operations {
                assert!(series.windows.len() <= most, "{most}");
                let merged = finest.operations[operation].merged(series.length);
                assert_eq!(*series, *merged, "{most}: {operation}");
            }
        }
    }
}

#[test]
fn files_in_any_number_and_order_give_the_same_windows() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let rows = SOAK.rows();
    // One file of each table.
    let mut recorder = Recorder::new(&at("one"));
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
    recorder.seal(Table::OPERATION_METRICS, &metrics(&rows));
    recorder.seal(Table::ANNOTATIONS, &annotations(&rows));
    // A file per second; the later seconds have the lower sequences.
    let mut recorder = Recorder::new(&at("many"));
    for batch in rows.log.iter().rev() {
        recorder.seal(Table::OPERATION_LOG, batch);
    }
    recorder.seal(Table::OPERATION_METRICS, &metrics(&rows));
    recorder.seal(Table::ANNOTATIONS, &annotations(&rows));
    // The second half is still in the journal of a recorder that runs.
    let mut recorder = Recorder::new(&at("journal"));
    recorder.seal(Table::OPERATION_LOG, &concat(&rows.log[..20]));
    recorder.journal(Table::OPERATION_LOG, &rows.log[20..]);
    recorder.seal(Table::OPERATION_METRICS, &metrics(&rows));
    recorder.journal(Table::ANNOTATIONS, &[annotations(&rows)]);
    for length in [None, Some(WindowLength::SECOND)] {
        let [one, many] = ["one", "many"].map(|name| runs(&at(name), length));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].operations, many[0].operations);
        let journal = &runs(&at("journal"), length)[0];
        for (operation, series) in &journal.operations {
            // Its last two seconds may not be complete.
            let whole = &one[0].operations[operation].windows;
            let seconds = 1_000_000_000 / series.length.ns() as usize;
            assert_eq!(whole.len() - series.windows.len(), 2 * seconds);
            assert_eq!(
                &whole[..series.windows.len()],
                series.windows,
                "{operation}"
            );
        }
    }
}

#[test]
fn each_second_has_its_rows_its_losses_and_its_gap() {
    let place = tempfile::tempdir().unwrap();
    SOAK.seal(place.path());
    let all = runs(place.path(), Some(WindowLength::SECOND));
    let (refresh, control) = (
        &all[0].operations["rule_refresh"],
        &all[0].operations["traffic_control"],
    );
    for (series, count, measured) in [(refresh, 20, 0), (control, 50, 50)] {
        assert_eq!(series.windows.len(), 60);
        for (second, window) in series.windows.iter().enumerate() {
            let Some(window) = window else {
                assert!((40..50).contains(&second));
                continue;
            };
            assert!(!(40..50).contains(&second));
            let lost = if measured > 0 && (20..25).contains(&second) {
                7
            } else {
                0
            };
            assert_eq!(
                (window.count, window.lost),
                (count, lost),
                "second {second}"
            );
            assert_eq!(
                (window.with_outcome, window.with_bytes),
                (measured, measured)
            );
            assert_eq!((window.with_cpu, window.with_memory), (count, count));
            assert_eq!(
                window.memory_bytes / count,
                (64 << 20) + second as u64 * 4096
            );
            assert_eq!(window.histogram().total(), count);
        }
    }
    // Shorter windows merge to the same ones, also where a loss was spread over them.
    let fine = runs(place.path(), None);
    for (operation, series) in &fine[0].operations {
        assert!(series.length < WindowLength::SECOND);
        let merged = series.clone().merged_to(WindowLength::SECOND);
        assert_eq!(merged, all[0].operations[operation], "{operation}");
    }
}

#[test]
fn each_recorder_has_a_run_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let quiet = Soak {
        lost: 0,
        gap_at: None,
        ..SOAK
    };
    SOAK.seal(place.path());
    let rows = quiet.rows();
    let mut other =
        Recorder::new(place.path()).with_uuid("11111111-2222-4333-8444-555555555555", "soak-2");
    other.seal(Table::OPERATION_LOG, &concat(&rows.log));
    other.seal(Table::OPERATION_METRICS, &metrics(&rows));
    other.seal(Table::ANNOTATIONS, &annotations(&rows));
    let all = runs(place.path(), Some(WindowLength::SECOND));
    let hosts: Vec<&str> = all.iter().map(|run| run.identity.host.as_str()).collect();
    assert_eq!(hosts, ["soak-1", "soak-2"]);
    let missing = |series: &Series| series.windows.iter().filter(|w| w.is_none()).count();
    let missing = all
        .iter()
        .map(|run| missing(&run.operations["rule_refresh"]));
    assert_eq!(
        missing.collect::<Vec<_>>(),
        [10, 0],
        "a gap is that of its own recorder"
    );
    let names: Vec<&str> = all.iter().map(|run| run.identity.name.as_str()).collect();
    assert!(
        names[0].ends_with("#0a1b2c3f") && names[1].ends_with("#11111111"),
        "{names:?}"
    );
}

#[test]
fn figures_of_whole_runs_and_the_windows_of_charts_are_the_answers_of_queries() {
    let place = tempfile::tempdir().unwrap();
    SOAK.seal(place.path());
    // Another recorder, whose last rows are in a journal.
    let later = Soak {
        begin: 25,
        slowdown: 3.0,
        seed: 4,
        ..SOAK
    };
    let rows = later.rows();
    let mut other =
        Recorder::new(place.path()).with_uuid("11111111-2222-4333-8444-555555555555", "soak-2");
    other.seal(Table::OPERATION_LOG, &concat(&rows.log[..30]));
    other.journal(Table::OPERATION_LOG, &rows.log[30..]);
    other.seal(Table::OPERATION_METRICS, &metrics(&rows));
    other.seal(Table::ANNOTATIONS, &annotations(&rows));
    let reading = Reading::open(place.path(), false, Timeline::CUT).unwrap();
    let session = Session::new(&reading.recording).unwrap();
    let query = |query: &str| {
        let found = session.collect(query).unwrap();
        Columns::new(&found).unwrap().unwrap()
    };

    let found = query(
        "SELECT operation, count(*) AS count, count(*) FILTER (WHERE success = false) AS failures,
             quantiles(duration_ns, 0.5, 0.9, 0.95, 0.99, 0.999) AS duration,
             max(duration_ns) AS max, avg(cpu_ns) AS cpu, avg(cpu_user_ns) AS user,
             avg(cpu_system_ns) AS system, avg(memory_bytes) AS memory, sum(bytes) AS bytes
         FROM operation_log GROUP BY operation ORDER BY operation",
    );
    let whole = Reading::open(place.path(), false, Cut::WHOLE).unwrap();
    let summary = Summary::of(&reading).operations;
    assert_eq!(summary, Summary::of(&whole).operations);
    assert_eq!(summary.len(), 2);
    for (row, figures) in summary.iter().enumerate() {
        let integer = |name: &str| found.integers(name).unwrap()[row];
        let mean = |name: &str| found.floats(name).unwrap()[row].map(|mean| mean.round() as i64);
        assert_eq!(found.texts("operation").unwrap()[row], figures.operation);
        assert_eq!(integer("count"), i64::try_from(figures.rows).ok());
        assert_eq!(Some(figures.count - figures.rows), figures.lost);
        assert_eq!(
            integer("failures").filter(|_| figures.failure_rate.is_some()),
            figures.failures.and_then(|n| i64::try_from(n).ok())
        );
        let durations = [
            figures.p50_ns,
            figures.p90_ns,
            figures.p95_ns,
            figures.p99_ns,
            figures.p999_ns,
        ];
        assert_eq!(
            found.lists("duration").unwrap()[row],
            durations.map(Option::unwrap)
        );
        assert_eq!(integer("max"), figures.max_ns);
        assert_eq!(mean("cpu"), figures.cpu_ns);
        assert_eq!(mean("user"), figures.cpu_user_ns);
        assert_eq!(mean("system"), figures.cpu_system_ns);
        assert_eq!(mean("memory"), figures.memory_bytes);
        assert_eq!(integer("bytes"), figures.bytes);
    }

    for timeline in Timeline::of(&reading, &[]).unwrap().operations {
        let (name, width) = (&timeline.operation, timeline.width_ns);
        let found = query(&format!(
            "SELECT at, count(*) AS count, quantiles(duration_ns, 0.5, 0.95, 0.99) AS duration
             FROM (SELECT date_bin(INTERVAL '{width} nanoseconds', finished_at) AS at, duration_ns
                   FROM operation_log WHERE operation = '{name}')
             GROUP BY at ORDER BY at"
        ));
        let windows = timeline.windows.iter();
        let windows: Vec<_> = windows
            .map(|one| {
                (
                    one.at_ns,
                    one.count,
                    vec![one.p50_ns, one.p95_ns, one.p99_ns],
                )
            })
            .collect();
        let times = found.times("at").unwrap().into_iter().flatten();
        let counts = found.counts("count").unwrap();
        let durations = found.lists("duration").unwrap();
        let queried: Vec<_> = times
            .zip(counts)
            .zip(durations)
            .map(|((at, count), durations)| (at, count, durations))
            .collect();
        assert_eq!(windows, queried, "{name}");
        assert_eq!(
            timeline.lost.values().sum::<u64>(),
            query(&format!(
                "SELECT sum(lost) AS lost FROM operation_metrics WHERE operation = '{name}'"
            ))
            .counts("lost")
            .unwrap()[0]
        );
    }
}
