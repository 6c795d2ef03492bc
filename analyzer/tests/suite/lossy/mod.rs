//! The same load as two recordings: with all rows, and with few, chosen unfairly.

use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use soakbox_schemas::histogram::bucket;
use soakbox_schemas::tables::histogram::SparseHistogram;
use soakbox_schemas::tables::{Annotation, OperationMetrics, Table};
use soakbox_testing::{Recorder, SECOND, Soak, concat};

/// A seed that is drawn when the test runs; tests name it where they fail.
pub(crate) fn drawn() -> u64 {
    let state = std::collections::hash_map::RandomState::new();
    std::hash::BuildHasher::hash_one(&state, 0) >> 8
}

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
    /// From the start of the recorder to the begin of its first interval: less than a second.
    pub(crate) early_ns: i64,
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
    /// Writes it as a sealed recording; gives its path.
    pub(crate) fn seal(&self, root: &Path) -> String {
        let mut rows = self.soak.rows();
        for (second, (log, metrics)) in rows.log.iter_mut().zip(&mut rows.metrics).enumerate() {
            let own = operations(log);
            let fates: Vec<Fate> = (0..own.len())
                .map(|index| (self.fate)(done(&own, second, index)))
                .collect();
            for row in metrics {
                let of_row = || {
                    own.iter()
                        .zip(&fates)
                        .filter(|((name, ..), _)| *name == row.operation)
                };
                let number = |fate| of_row().filter(|(_, one)| **one == fate).count() as u64;
                row.recorded = number(Fate::Recorded);
                row.lost_ring_full = number(Fate::RingFull);
                row.filtered = number(Fate::Filtered);
                row.cpu_sum_ns = of_row().map(|((.., cpu_ns), _)| cpu_ns).sum();
                let buckets = of_row().map(|((_, ns, _), _)| (bucket(*ns), 1));
                let mut bytes = Vec::new();
                SparseHistogram::of_buckets(buckets).encode(&mut bytes);
                row.durations_ns = (self.has_histogram)(second).then_some(bytes);
            }
            let kept = fates.iter().map(|fate| Some(*fate == Fate::Recorded));
            *log = filter_record_batch(log, &kept.collect::<BooleanArray>()).unwrap();
        }
        rows.annotations[0].at_ns -= self.early_ns;
        if self.early_ns > 0 {
            // It ends as long after its last interval as makes whole seconds.
            let last = rows.annotations.len() - 1;
            rows.annotations[last].at_ns += SECOND - self.early_ns;
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

/// The name, the duration and the CPU time of each row.
type Operation = (String, u64, u64);

fn operations(rows: &RecordBatch) -> Vec<Operation> {
    let names = cast(rows.column_by_name("operation").unwrap(), &DataType::Utf8).unwrap();
    let numbers = |name: &str| {
        let column = rows.column_by_name(name).unwrap();
        column.as_primitive::<Int64Type>().values().to_vec()
    };
    let (durations, cpu) = (numbers("duration_ns"), numbers("cpu_ns"));
    let names = names.as_string::<i32>().iter();
    let rows = names.zip(durations.iter().zip(&cpu));
    rows.map(|(name, (ns, cpu))| {
        (
            name.unwrap().to_owned(),
            ns.unsigned_abs(),
            cpu.unsigned_abs(),
        )
    })
    .collect()
}

fn done(all: &[Operation], second: usize, index: usize) -> Done {
    let (operation, ns, _) = &all[index];
    let same = || all.iter().filter(|(name, ..)| name == operation);
    let slower = same().filter(|(_, other, _)| other > ns).count();
    Done {
        second,
        index,
        is_slow: slower * 2 < same().count(),
    }
}
