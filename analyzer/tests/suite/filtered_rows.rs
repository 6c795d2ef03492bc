//! Recordings with rules that leave rows out (`min=`, `only=failures`, `sample=1/N`): numbers, outcomes and
//! durations are those of all operations, as the kernel counted them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use serde_json::Value;
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, Soak, concat};

use crate::program::{Place, analyzer, json, printed, text};

const OPERATION: &str = "traffic_control";

/// The rules of `traffic_control`; the other operation has all rows.
#[derive(Clone, Copy)]
struct Rules {
    only_failures: bool,
    least_ns: i64,
    one_in: usize,
    /// Whether any operation fails.
    fails: bool,
    seconds: i64,
    seed: u64,
}

const ALL: Rules = Rules {
    only_failures: false,
    least_ns: 0,
    one_in: 1,
    fails: true,
    seconds: 60,
    seed: 1,
};

/// One operation of `traffic_control`.
#[derive(Clone, Copy)]
struct Done {
    duration_ns: i64,
    failed: bool,
    is_recorded: bool,
}

fn with_column(batch: &RecordBatch, name: &str, values: ArrayRef) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[place] = values;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

impl Rules {
    /// Seals a recording; gives its operations of `traffic_control`.
    fn seal(self, root: &Path) -> Vec<Done> {
        let soak = Soak {
            seconds: self.seconds,
            seed: self.seed,
            ..Soak::default()
        };
        let mut rows = soak.rows().with_kernel_sums();
        let mut all = Vec::new();
        for (log, metrics) in rows.log.iter_mut().zip(&mut rows.metrics) {
            let own = self.second(log);
            self.count(&own, &mut metrics[1]);
            all.extend(own);
        }
        let mut recorder = Recorder::new(root);
        recorder.uuid = format!("{:08x}-0000-4000-8000-000000000004", self.seed);
        let rule = if self.only_failures {
            ",only=failures"
        } else {
            ""
        };
        let probe = format!("uprobe:meshd:control,success=ret==0{rule}");
        recorder.settings = [(format!("op.{OPERATION}"), probe)].into();
        recorder.seal(Table::OPERATION_LOG, &concat(&rows.log));
        let metrics = OperationMetrics::batch(&rows.metrics.concat()).unwrap();
        recorder.seal(Table::OPERATION_METRICS, &metrics);
        let annotations = Annotation::batch(&rows.annotations).unwrap();
        recorder.seal(Table::ANNOTATIONS, &annotations);
        all
    }

    /// Leaves rows out of those of a second; gives its operations.
    fn second(self, log: &mut RecordBatch) -> Vec<Done> {
        let names = cast(log.column_by_name("operation").unwrap(), &DataType::Utf8).unwrap();
        let is_own: Vec<bool> = names
            .as_string::<i32>()
            .iter()
            .map(|name| name == Some(OPERATION))
            .collect();
        let durations = log.column_by_name("duration_ns").unwrap();
        let durations = durations.as_primitive::<Int64Type>().values().to_vec();
        let success = log.column_by_name("success").unwrap().as_boolean().clone();
        let (mut all, mut chosen) = (Vec::new(), 0);
        let mut kept = vec![true; is_own.len()];
        for row in (0..is_own.len()).filter(|row| is_own[*row]) {
            let failed = self.fails && success.is_valid(row) && !success.value(row);
            let passes = durations[row] >= self.least_ns && (failed || !self.only_failures);
            // The first of each second: the rows stand for no fewer operations than there were.
            kept[row] = passes && chosen % self.one_in == 0;
            chosen += usize::from(passes);
            all.push(Done {
                duration_ns: durations[row],
                failed,
                is_recorded: kept[row],
            });
        }
        let weights = is_own.iter().map(|own| match own {
            true => self.one_in as i64,
            false => 1,
        });
        let outcomes = (0..success.len()).map(|row| {
            let succeeded = success.is_valid(row).then(|| success.value(row));
            succeeded.map(|succeeded| succeeded || !self.fails)
        });
        let weights: ArrayRef = Arc::new(weights.collect::<Int64Array>());
        let outcomes: ArrayRef = Arc::new(outcomes.collect::<BooleanArray>());
        let marked = with_column(
            &with_column(log, "sample_weight", weights),
            "success",
            outcomes,
        );
        *log = filter_record_batch(&marked, &BooleanArray::from(kept)).unwrap();
        all
    }

    fn count(self, own: &[Done], row: &mut OperationMetrics) {
        let number = |is: &dyn Fn(&&Done) -> bool| own.iter().filter(is).count() as u64;
        let passes = |done: &&Done| {
            done.duration_ns >= self.least_ns && (done.failed || !self.only_failures)
        };
        row.recorded = number(&|done| done.is_recorded);
        row.sampled_out = number(&|done| passes(done) && !done.is_recorded);
        row.filtered = number(&|done| !passes(done));
        row.failures = number(&|done| done.failed);
    }
}

fn failed(all: &[Done]) -> f64 {
    let failed = all.iter().filter(|done| done.failed).count();
    failed as f64 / all.len() as f64
}

fn figures(place: &Place) -> Value {
    let summary = json(&["summary", place.text(), "--format", "json"]);
    summary["operations"][1].clone()
}

/// Asserts that keys are quantiles of all durations, within 1/128.
fn assert_quantiles(answer: &Value, all: &[Done]) {
    let mut sorted: Vec<i64> = all.iter().map(|done| done.duration_ns).collect();
    sorted.sort_unstable();
    for (key, level) in [("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99)] {
        let exact = sorted[(level * sorted.len() as f64).ceil() as usize - 1];
        let found = answer[key].as_i64().unwrap();
        assert!(
            (found - exact).abs() * 128 <= exact,
            "{key}: {found} and not {exact}"
        );
    }
}

#[test]
fn figures_are_those_of_all_operations_whatever_the_rules() {
    for rules in [
        Rules { one_in: 7, ..ALL },
        Rules {
            only_failures: true,
            ..ALL
        },
        Rules {
            only_failures: true,
            one_in: 3,
            ..ALL
        },
        Rules {
            least_ns: 20_000,
            ..ALL
        },
        Rules {
            least_ns: 18_000,
            one_in: 2,
            ..ALL
        },
    ] {
        let place = Place::new();
        let all = rules.seal(place.path());
        let recorded = all.iter().filter(|done| done.is_recorded).count();
        assert!(recorded > 0 && recorded < all.len());
        let answer = figures(&place);
        assert_eq!(answer["count"], all.len(), "{answer}");
        assert_eq!(answer["rows"], recorded, "{answer}");
        assert_eq!(answer["durations_of"], "finished", "{answer}");
        let rate = answer["failure_rate"].as_f64().unwrap();
        assert!((rate - failed(&all)).abs() < 1e-9, "{answer}");
        assert_quantiles(&answer, &all);
        let info = json(&["info", place.text(), "--format", "json"]);
        assert_eq!(info["identity_ok"], true, "{info}");
    }
}

#[test]
fn quantiles_of_an_interval_are_those_of_all_operations() {
    let place = Place::new();
    let rules = Rules {
        least_ns: 20_000,
        ..ALL
    };
    let all = rules.seal(place.path());
    let query = "SELECT p50_ns, p90_ns, p99_ns FROM mesh_metrics WHERE operation = 'traffic_control' \
                 ORDER BY at";
    let answer = json(&["sql", place.text(), query, "--format", "json"]);
    for (second, answer) in all.chunks(50).zip(answer.as_array().unwrap()) {
        assert_quantiles(answer, second);
    }
}

#[test]
fn queries_count_a_row_as_often_as_it_stands_for() {
    let place = Place::new();
    let rules = Rules { one_in: 7, ..ALL };
    let all = rules.seal(place.path());
    let recorded = all.iter().filter(|done| done.is_recorded);
    let query = |name: &str| {
        let rows = json(&["sql", place.text(), "--query", name, "--format", "json"]);
        let rows = rows.as_array().unwrap().clone();
        let own = rows.into_iter();
        own.filter(|row| row["operation"] == OPERATION)
            .collect::<Vec<Value>>()
    };
    let all = 7 * recorded.clone().count();
    let failures = 7 * recorded.filter(|done| done.failed).count();
    let operations = query("operations");
    assert_eq!(operations[0]["count"], all);
    assert_eq!(operations[0]["failures"], failures);
    for name in ["percentiles-by-minute", "slowest-minutes"] {
        let counts = query(name).into_iter();
        let counts = counts.map(|row| row["count"].as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), all as u64, "{name}");
    }
    let cpu = &query("cpu-by-operation")[0];
    let seconds = cpu["cpu_s"].as_f64().unwrap();
    let mean_s = cpu["mean_cpu_ns"].as_f64().unwrap() / 1e9;
    assert!(
        (seconds / (mean_s * all as f64) - 1.0).abs() < 1e-3,
        "{cpu}"
    );
}

#[test]
fn a_filter_for_failures_leaves_the_failure_rate_known() {
    let (base, candidate) = (Place::new(), Place::new());
    let rules = Rules {
        only_failures: true,
        fails: false,
        ..ALL
    };
    rules.seal(base.path());
    let answer = figures(&base);
    assert_eq!(
        (&answer["failures"], &answer["failure_rate"]),
        (&0.into(), &0.0.into())
    );
    let all = Rules {
        fails: true,
        seed: 2,
        ..rules
    }
    .seal(candidate.path());
    let output = analyzer(&[
        "compare",
        base.text(),
        "--against",
        candidate.text(),
        "--metric=failure_rate",
        "--operation=traffic_control",
        "--format",
        "json",
    ]);
    let answer: Value = serde_json::from_str(&text(&output.stdout))
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let effect = &answer["effects"][0];
    assert_eq!(effect["base"], 0.0, "{effect}");
    let found = effect["candidate"].as_f64().unwrap();
    assert!((found - failed(&all)).abs() < 0.002, "{effect}");
}

/// A run of a few seconds has no windows of whole intervals, and so no outcomes but those of its rows.
#[test]
fn a_short_run_does_not_take_its_rows_of_failures_for_all() {
    let place = Place::new();
    let rules = Rules {
        only_failures: true,
        seconds: 9,
        ..ALL
    };
    let all = rules.seal(place.path());
    assert!(all.iter().any(|done| done.failed));
    let csv = printed(&["chart", "throughput", place.text(), "--format", "csv"]);
    let is_failed = |line: &&str| line.contains(OPERATION) && line.contains("failed");
    let failed: Vec<&str> = csv.lines().filter(is_failed).collect();
    assert!(failed.is_empty(), "{csv}");
    let answer = json(&["changes", place.text(), "--format", "json"]);
    let series = answer["series"].as_array().unwrap();
    let name = format!("{OPERATION} failure_rate");
    assert!(series.iter().all(|one| one["name"] != name), "{answer}");
    let rate = figures(&place)["failure_rate"].as_f64().unwrap();
    assert!(rate < 0.1, "{rate}");
}
