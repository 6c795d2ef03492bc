//! Charts of distributions, of comparisons, and of the rows of queries.

use soakbox_analyzer::chart::{
    Bucket, ColumnRows, Distribution, Ecdf, Effect, Forest, Horizontal, OperationDistributions,
    Outcome, RowPoint, Rows, Shift, Spectrum, Unit,
};

use super::{HOSTILE, SECOND, START_NS, Sample, name, noise};

fn distribution(
    recording: &str,
    seed: u64,
    durations: usize,
    value: fn(f64) -> f64,
) -> Distribution {
    let mut all: Vec<i64> = (0..durations as u64)
        .map(|index| value(noise(seed * 1_000_000 + index)) as i64)
        .collect();
    all.sort_unstable();
    Distribution {
        recording: recording.to_owned(),
        buckets: all
            .into_iter()
            .map(|ns| Bucket {
                ns,
                count: 1 + seed,
            })
            .collect(),
        of_finished: seed == 2,
    }
}

type Made = (Vec<String>, Vec<OperationDistributions>);

fn distributions(
    operations: usize,
    recordings: usize,
    long: bool,
    durations: usize,
    value: fn(f64) -> f64,
) -> Made {
    let recordings: Vec<String> = (0..recordings)
        .map(|index| match (long, index) {
            (true, 0) => HOSTILE.to_owned(),
            (_, index) => format!("soak-{index}"),
        })
        .collect();
    let operation = |index: usize| OperationDistributions {
        name: name(index, long),
        sides: recordings
            .iter()
            .enumerate()
            .map(|(side, recording)| {
                let seed = (index * 10 + side) as u64;
                (side, distribution(recording, seed, durations, value))
            })
            .collect(),
    };
    let operations = (0..operations).map(operation).collect();
    (recordings, operations)
}

fn latency(uniform: f64) -> f64 {
    2e6 * (0.8 + -(uniform.max(1e-9)).ln())
}

fn distribution_samples() -> Vec<Sample> {
    let shapes: [(&str, Made); 7] = [
        ("plain", distributions(2, 1, false, 20_000, latency)),
        ("two", distributions(1, 2, false, 100_000, latency)),
        ("twelve", distributions(12, 6, true, 300, latency)),
        ("one-point", distributions(1, 2, false, 1, latency)),
        ("no-data", distributions(1, 2, false, 0, latency)),
        ("equal", distributions(2, 2, false, 100, |_| 5e5)),
        ("zeros", distributions(1, 1, false, 100, |_| 0.0)),
    ];
    let huge = (
        "huge",
        distributions(1, 2, false, 1_000, |uniform| 9e18 * uniform),
    );
    let mut all: Vec<Sample> = Vec::new();
    for (shape, (recordings, operations)) in shapes.into_iter().chain([huge]) {
        let spectrum = Spectrum {
            recordings: recordings.clone(),
            operations: operations.clone(),
            left_out: 0,
        };
        all.push((format!("spectrum-{shape}"), Box::new(spectrum)));
        let ecdf = Ecdf {
            recordings,
            operations,
            left_out: 2,
        };
        all.push((format!("ecdf-{shape}"), Box::new(ecdf)));
    }
    all
}

fn effect(operation: usize, metric: &str, long: bool, change: Option<f64>) -> Effect {
    let absolute = metric == "failure_rate";
    let scale = if absolute { 0.01 } else { 1.0 };
    let change = change.map(|change| change * scale);
    let lower_is_worse = metric == "rate";
    let outcome = match change.map(|change| if lower_is_worse { -change } else { change }) {
        None => Outcome::Undecided,
        Some(change) if change > 0.08 * scale => Outcome::Worse,
        Some(change) if change < -0.08 * scale => Outcome::Better,
        Some(change) if change > 0.04 * scale => Outcome::Undecided,
        Some(_) => Outcome::Same,
    };
    let width = 0.01 + 0.03 * noise(operation as u64 + metric.len() as u64);
    Effect {
        operation: name(operation, long),
        metric: metric.to_owned(),
        unit: if absolute {
            Unit::Ratio
        } else {
            Unit::Nanoseconds
        },
        base: Some(2e6),
        candidate: change.map(|change| 2e6 * (1.0 + change)),
        change,
        interval: change.map(|change| (change - width * scale, change + width * scale)),
        threshold: 0.05 * scale,
        lower_is_worse,
        absolute,
        outcome,
        verdict: format!("{outcome:?}").to_lowercase(),
    }
}

const METRICS: [&str; 7] = [
    "duration_p50",
    "duration_p95",
    "duration_p99",
    "duration_p999",
    "cpu",
    "failure_rate",
    "rate",
];

fn effects(operations: usize, long: bool, change: fn(u64) -> Option<f64>) -> Vec<Effect> {
    let mut all = Vec::new();
    for operation in 0..operations {
        for (index, metric) in METRICS.into_iter().enumerate() {
            // Neighbouring operations share a number.
            let change = change((operation * (METRICS.len() - 1) + index) as u64);
            all.push(effect(operation, metric, long, change));
        }
    }
    all
}

fn comparison_samples() -> Vec<Sample> {
    let some = |index| (index % 7 != 6).then(|| noise(index) * 0.4 - 0.15);
    let shapes: [(&str, Vec<Effect>); 6] = [
        ("plain", effects(2, false, some)),
        ("twelve", effects(12, true, some)),
        ("no-data", Vec::new()),
        ("equal", effects(2, false, |_| Some(0.0))),
        ("huge", effects(2, false, |index| Some(index as f64 * 1e6))),
        ("nothing-measured", effects(1, false, |_| None)),
    ];
    let mut all: Vec<Sample> = Vec::new();
    for (shape, mut effects) in shapes {
        if shape == "huge" {
            effects[3].interval = Some((-1e12, 1e12));
        }
        let candidate = if shape == "twelve" { HOSTILE } else { "slower" };
        let forest = Forest {
            base: "base".to_owned(),
            candidate: candidate.to_owned(),
            verdict: "regressed".to_owned(),
            effects: effects.clone(),
        };
        all.push((format!("forest-{shape}"), Box::new(forest)));
        effects.retain(|effect| effect.metric.starts_with("duration"));
        let shift = Shift {
            base: "base".to_owned(),
            candidate: candidate.to_owned(),
            effects,
            left_out: 0,
        };
        all.push((format!("shift-{shape}"), Box::new(shift)));
    }
    all
}

fn points(number: usize, seed: u64, scale: f64) -> Vec<RowPoint> {
    let points = (0..number).map(|index| RowPoint {
        index: START_NS + 60 * SECOND * index as i64,
        x: index as f64 * 0.7,
        y: match index % 17 {
            16 => f64::NAN,
            _ => scale * (1.0 + noise(seed * 1_000 + index as u64)),
        },
    });
    points.collect()
}

fn rows(x: Horizontal, columns: &[(&str, Unit, f64)], groups: &[&str], number: usize) -> Rows {
    let by_name = matches!(x, Horizontal::Names(_));
    let column = |(name, unit, scale): &(&str, Unit, f64)| ColumnRows {
        name: (*name).to_owned(),
        unit: *unit,
        series: groups
            .iter()
            .enumerate()
            .map(|(seed, group)| {
                let mut points = points(number, seed as u64, *scale);
                if by_name {
                    let indices = (0i64..).zip(&mut points);
                    indices.for_each(|(index, point)| point.index = index);
                }
                ((*group).to_owned(), points)
            })
            .collect(),
    };
    Rows {
        title: "SELECT minute, p99_ns, n FROM (…)".to_owned(),
        x_name: "minute".to_owned(),
        x,
        columns: columns.iter().map(column).collect(),
        groups_left_out: 0,
    }
}

fn row_samples() -> Vec<Sample> {
    let ns = ("p99_ns", Unit::Nanoseconds, 3e6);
    let number = ("n", Unit::Number, 120.0);
    let names = |count: usize, long| Horizontal::Names((0..count).map(|i| name(i, long)).collect());
    let mut hostile = rows(names(12, true), &[ns], &[HOSTILE, "other"], 12);
    hostile.title = HOSTILE.to_owned();
    hostile.x_name = HOSTILE.to_owned();
    let samples = [
        ("times", rows(Horizontal::Times, &[ns, number], &[""], 500)),
        (
            "groups",
            rows(
                Horizontal::Times,
                &[ns],
                &["a", "b", "c", "d", "e", "f"],
                30,
            ),
        ),
        (
            "numbers",
            rows(Horizontal::Numbers, &[number], &["a", "b"], 200),
        ),
        (
            "names",
            rows(names(8, false), &[ns, number], &["base", "slower"], 8),
        ),
        ("hostile", hostile),
        ("one-point", rows(Horizontal::Times, &[ns], &[""], 1)),
        ("no-data", rows(Horizontal::Times, &[ns], &[], 0)),
        (
            "zeros",
            rows(Horizontal::Numbers, &[("n", Unit::Number, 0.0)], &[""], 50),
        ),
    ];
    let samples = samples.into_iter();
    samples
        .map(|(shape, rows)| {
            (
                format!("rows-{shape}"),
                Box::new(rows) as Box<dyn soakbox_analyzer::chart::Chart>,
            )
        })
        .collect()
}

pub(super) fn all() -> Vec<Sample> {
    [distribution_samples(), comparison_samples(), row_samples()]
        .into_iter()
        .flatten()
        .collect()
}
