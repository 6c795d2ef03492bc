//! The same load as two recordings: with all rows, and with few, chosen unfairly.

use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use soakbox_schemas::histogram::bucket;
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, SECOND, Soak, concat};

/// A number from 0 to 1 that looks random, of two numbers.
pub(crate) fn mixed(seed: u64, number: u64) -> f64 {
    let mixed =
        (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Recorded,
    RingFull,
    Filtered,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) second: usize,
    /// Its place in the second, of all operations.
    pub(crate) index: usize,
    /// Whether it is slower than half of those of its second.
    pub(crate) is_slow: bool,
}

/// How a recording of a load is made.
pub(crate) struct Making<'a> {
    pub(crate) soak: Soak,
    /// From the begin of the first interval to the start of the recorder, and of the last one to its
    /// stop, if it is not 0: less than a second.
    pub(crate) late_ns: i64,
    pub(crate) fate: &'a dyn Fn(Done) -> Fate,
    pub(crate) has_histogram: &'a dyn Fn(usize) -> bool,
}

/// All rows.
pub(crate) fn all(_: Done) -> Fate {
    Fate::Recorded
}

/// Nine of ten rows are lost: nearly all of slow operations, and many of the others.
pub(crate) fn unfair(seed: u64) -> impl Fn(Done) -> Fate {
    move |done| {
        let kept = if done.is_slow { 0.02 } else { 0.18 };
        let number = (done.second * 10_007 + done.index) as u64;
        match mixed(seed, number) < kept {
            true => Fate::Recorded,
            false => Fate::RingFull,
        }
    }
}

impl Making<'_> {
    fn is_observed(&self, second: i64, at_ns: i64) -> bool {
        match second {
            0 => at_ns >= self.late_ns,
            _ if second + 1 == self.soak.seconds && self.late_ns > 0 => at_ns < self.late_ns,
            _ => true,
        }
    }

    /// Writes it as a sealed recording; gives its path.
    pub(crate) fn seal(&self, root: &Path) -> String {
        let mut rows = self.soak.rows();
        for (second, (log, metrics)) in rows.log.iter_mut().zip(&mut rows.metrics).enumerate() {
            let own = operations(log);
            let fates: Vec<Option<Fate>> = (0..own.len())
                .map(|index| {
                    let is_observed = self.is_observed(second as i64, own[index].at_ns);
                    is_observed.then(|| (self.fate)(done(&own, second, index)))
                })
                .collect();
            for row in metrics {
                let of_row = || {
                    let all = own.iter().zip(&fates);
                    all.filter(|(one, fate)| one.name == row.operation && fate.is_some())
                };
                let number = |fate| of_row().filter(|(_, one)| **one == Some(fate)).count() as u64;
                row.finished = of_row().count() as u64;
                row.begun = row.finished;
                row.recorded = number(Fate::Recorded);
                row.lost_ring_full = number(Fate::RingFull);
                row.filtered = number(Fate::Filtered);
                row.failures = of_row().filter(|(one, _)| one.failed).count() as u64;
                row.duration_sum_ns = of_row().map(|(one, _)| one.duration_ns).sum();
                row.cpu_sum_ns = of_row().map(|(one, _)| one.cpu_ns).sum();
                let buckets = of_row().map(|(one, _)| (bucket(one.duration_ns), 1));
                let mut bytes = Vec::new();
                SparseHistogram::of_buckets(buckets).encode(&mut bytes);
                row.durations_ns = (self.has_histogram)(second).then_some(bytes);
            }
            let kept = fates.iter().map(|fate| Some(*fate == Some(Fate::Recorded)));
            let kept = kept.collect::<BooleanArray>();
            *log = filter_record_batch(&without_bytes(log), &kept).unwrap();
        }
        if self.late_ns > 0 {
            let last = rows.annotations.len() - 1;
            rows.annotations[0].at_ns += self.late_ns;
            rows.annotations[last].at_ns += self.late_ns - SECOND;
        }
        let mut recorder = Recorder::new(root);
        recorder.uuid = format!("{:08x}-0000-4000-8000-000000000003", self.soak.seed as u32);
        for part in rows.log.chunks(rows.log.len().div_ceil(3)) {
            recorder.seal(Table::OPERATION_LOG, &concat(part));
        }
        for part in rows.metrics.chunks(rows.metrics.len().div_ceil(2)) {
            let metrics = OperationMetrics::batch(&part.concat()).unwrap();
            recorder.seal(Table::OPERATION_METRICS, &metrics);
        }
        let annotations = Annotation::batch(&rows.annotations).unwrap();
        recorder.seal(Table::ANNOTATIONS, &annotations);
        root.to_str().unwrap().to_owned()
    }
}

/// The recorder knows no data that operations processed.
fn without_bytes(rows: &RecordBatch) -> RecordBatch {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns());
    let columns = columns.map(|(field, column)| match field.name() == "bytes" {
        true => new_null_array(column.data_type(), column.len()),
        false => column.clone(),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

/// One row.
struct Operation {
    name: String,
    /// Since the begin of its interval.
    at_ns: i64,
    duration_ns: u64,
    cpu_ns: u64,
    failed: bool,
}

fn operations(rows: &RecordBatch) -> Vec<Operation> {
    let column = |name: &str| rows.column_by_name(name).unwrap();
    let names = cast(column("operation"), &DataType::Utf8).unwrap();
    let at = column("finished_at").as_primitive::<TimestampNanosecondType>();
    let duration = column("duration_ns").as_primitive::<Int64Type>();
    let cpu = column("cpu_ns").as_primitive::<Int64Type>();
    let success = column("success").as_boolean();
    let operation = |row: usize| Operation {
        name: names.as_string::<i32>().value(row).to_owned(),
        at_ns: at.value(row).rem_euclid(SECOND),
        duration_ns: duration.value(row).unsigned_abs(),
        cpu_ns: cpu.value(row).unsigned_abs(),
        failed: success.is_valid(row) && !success.value(row),
    };
    (0..rows.num_rows()).map(operation).collect()
}

fn done(all: &[Operation], second: usize, index: usize) -> Done {
    let own = &all[index];
    let same = || all.iter().filter(|one| one.name == own.name);
    let slower = same()
        .filter(|one| one.duration_ns > own.duration_ns)
        .count();
    Done {
        second,
        index,
        is_slow: slower * 2 < same().count(),
    }
}
