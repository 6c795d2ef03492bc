//! The families of metrics: what a sample has, and how each family is written.

use soakbox_cli::Result;

use super::text::{head, labels, seconds, time};
use super::{BUCKETS, OpenMetrics, Series};

/// Upper bounds of the buckets in ns and as a label, in 1-2-5 steps. The last bucket, `+Inf`, is not one
/// of them.
pub(super) const BOUNDS: [(u64, &str); 25] = [
    (1_000, "1e-06"),
    (2_000, "2e-06"),
    (5_000, "5e-06"),
    (10_000, "1e-05"),
    (20_000, "2e-05"),
    (50_000, "5e-05"),
    (100_000, "0.0001"),
    (200_000, "0.0002"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_000_000, "0.002"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (20_000_000, "0.02"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (200_000_000, "0.2"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1.0"),
    (2_000_000_000, "2.0"),
    (5_000_000_000, "5.0"),
    (10_000_000_000, "10.0"),
    (20_000_000_000, "20.0"),
    (50_000_000_000, "50.0"),
    (100_000_000_000, "100.0"),
];
/// Bytes that are handed on at once.
const PART: usize = 1 << 16;

/// What the operations of an interval add up to. A sum of a column that no row had is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    /// By bucket, not cumulative; the last one has those above all bounds.
    durations: Vec<u64>,
    duration_ns: u128,
    pub(super) failures: Option<u64>,
    pub(super) cpu_ns: Option<u128>,
    pub(super) bytes: Option<u128>,
    /// The latest, with its time.
    memory: Option<(i64, u64)>,
}

/// The kernel's counts of an interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) finished: u64,
    pub(super) lost: u64,
    pub(super) in_flight: u64,
}

impl Point {
    pub(super) fn add_duration(&mut self, ns: u64, weight: u64) {
        self.durations.resize(BUCKETS + 1, 0);
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < ns);
        if let Some(count) = self.durations.get_mut(bucket) {
            *count = count.saturating_add(weight);
        }
        let all = u128::from(ns) * u128::from(weight);
        self.duration_ns = self.duration_ns.saturating_add(all);
    }

    pub(super) fn see_memory(&mut self, at_ns: i64, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.memory = self.memory.max(Some((at_ns, bytes)));
        }
    }
}

/// Adds a value of operations to a sum.
pub(super) fn add(sum: &mut Option<u128>, value: Option<u64>, weight: u64) {
    if let Some(value) = value {
        let more = u128::from(value) * u128::from(weight);
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// A family with one sample per series and time.
struct Simple {
    name: &'static str,
    kind: &'static str,
    unit: &'static str,
    help: &'static str,
    /// Whether a series has it at all.
    is_known: fn(&Series) -> bool,
    /// What an interval adds (counter), or has (gauge).
    value: fn(&Series, i64) -> Option<u128>,
    text: fn(u128) -> String,
}

const COUNTER: &str = "counter";

const SIMPLE: [Simple; 7] = [
    Simple {
        name: "soakbox_operation_failures",
        kind: COUNTER,
        unit: "",
        help: "Operations in the rows that are known to have failed.",
        is_known: |series| series.points.values().any(|one| one.failures.is_some()),
        value: |series, at| series.points.get(&at)?.failures.map(u128::from),
        text: |value| value.to_string(),
    },
    Simple {
        name: "soakbox_operation_cpu_seconds",
        kind: COUNTER,
        unit: "seconds",
        help: "CPU time of the operations in the rows.",
        is_known: |series| series.points.values().any(|one| one.cpu_ns.is_some()),
        value: |series, at| series.points.get(&at)?.cpu_ns,
        text: seconds,
    },
    Simple {
        name: "soakbox_operation_data_bytes",
        kind: COUNTER,
        unit: "bytes",
        help: "Data that the operations in the rows processed.",
        is_known: |series| series.points.values().any(|one| one.bytes.is_some()),
        value: |series, at| series.points.get(&at)?.bytes,
        text: |value| value.to_string(),
    },
    Simple {
        name: "soakbox_process_memory_bytes",
        kind: "gauge",
        unit: "bytes",
        help: "Resident memory of the process when the latest operation of the interval finished.",
        is_known: |series| series.points.values().any(|one| one.memory.is_some()),
        value: |series, at| Some(series.points.get(&at)?.memory?.1.into()),
        text: |value| value.to_string(),
    },
    Simple {
        name: "soakbox_operations_finished",
        kind: COUNTER,
        unit: "",
        help: "Operations that finished, as the kernel counted them, also those without a row.",
        is_known: |series| !series.counts.is_empty(),
        value: |series, at| Some(series.counts.get(&at)?.finished.into()),
        text: |value| value.to_string(),
    },
    Simple {
        name: "soakbox_operations_lost",
        kind: COUNTER,
        unit: "",
        help: "Operations that finished and have no row because they were lost.",
        is_known: |series| !series.counts.is_empty(),
        value: |series, at| Some(series.counts.get(&at)?.lost.into()),
        text: |value| value.to_string(),
    },
    Simple {
        name: "soakbox_operations_in_flight",
        kind: "gauge",
        unit: "",
        help: "Operations that had begun and not finished at the end of the interval.",
        is_known: |series| !series.counts.is_empty(),
        value: |series, at| Some(series.counts.get(&at)?.in_flight.into()),
        text: |value| value.to_string(),
    },
];

/// Passes on what there is, if it is much.
type Write<'a> = &'a mut dyn FnMut(&mut Vec<u8>) -> Result<()>;

fn pass_on(out: &mut Vec<u8>, write: Write<'_>) -> Result<()> {
    match out.len() > PART {
        true => write(out),
        false => Ok(()),
    }
}

/// Writes all families.
pub(super) fn write(all: &OpenMetrics, out: &mut Vec<u8>, write: Write<'_>) -> Result<()> {
    durations(all, out, write)?;
    for family in &SIMPLE {
        if !all.series.values().any(family.is_known) {
            continue;
        }
        head(family.name, family.kind, family.unit, family.help, out);
        let is_counter = family.kind == COUNTER;
        let suffix = if is_counter { "_total" } else { "" };
        for (key, series) in all
            .series
            .iter()
            .filter(|(_, series)| (family.is_known)(series))
        {
            let start = format!("{}{suffix}{{{}}} ", family.name, labels(key));
            let mut sum = 0u128;
            for (interval, at) in all.samples(series) {
                let value = (family.value)(series, interval);
                if is_counter {
                    sum = sum.saturating_add(value.unwrap_or(0));
                } else if let Some(value) = value {
                    sum = value;
                } else {
                    continue;
                }
                let line = format!("{start}{} {at}\n", (family.text)(sum));
                out.extend(line.as_bytes());
            }
            pass_on(out, write)?;
        }
    }
    Ok(())
}

fn durations(all: &OpenMetrics, out: &mut Vec<u8>, write: Write<'_>) -> Result<()> {
    const NAME: &str = "soakbox_operation_duration_seconds";
    let help = "Durations of the operations in the rows.";
    if all.series.values().all(|series| series.points.is_empty()) {
        return Ok(());
    }
    head(NAME, "histogram", "seconds", help, out);
    for (key, series) in &all.series {
        if series.points.is_empty() {
            continue;
        }
        let labels = labels(key);
        let (mut buckets, mut sum) = (vec![0u64; BUCKETS + 1], 0u128);
        for (interval, at) in all.samples(series) {
            if let Some(point) = series.points.get(&interval) {
                for (all, more) in buckets.iter_mut().zip(&point.durations) {
                    *all = all.saturating_add(*more);
                }
                sum = sum.saturating_add(point.duration_ns);
            }
            let mut count = 0u64;
            let bounds = BOUNDS.iter().map(|(_, label)| *label).chain(["+Inf"]);
            for (label, more) in bounds.zip(&buckets) {
                count = count.saturating_add(*more);
                let line = format!("{NAME}_bucket{{{labels},le=\"{label}\"}} {count} {at}\n");
                out.extend(line.as_bytes());
            }
            let sum = seconds(sum);
            let line = format!(
                "{NAME}_count{{{labels}}} {count} {at}\n{NAME}_sum{{{labels}}} {sum} {at}\n"
            );
            out.extend(line.as_bytes());
            pass_on(out, write)?;
        }
    }
    Ok(())
}

impl OpenMetrics {
    /// The intervals of a series and the time of each one's sample, which is its end. Before neighbouring
    /// ones there is one more, where counters have not grown yet, so that no increase is missed.
    fn samples(&self, series: &Series) -> impl Iterator<Item = (i64, String)> {
        let end = |interval: i64| interval.saturating_add(1).saturating_mul(self.every_ns);
        let sampled = series
            .sampled
            .iter()
            .flat_map(|one| one.first.saturating_sub(1)..=one.last);
        sampled.map(move |interval| (interval, time(end(interval))))
    }
}
