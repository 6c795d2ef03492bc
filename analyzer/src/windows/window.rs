//! The sums of one operation over one window. Sums only, so that windows can be merged in any order
//! without a change of the result.

use soakbox_schemas::histogram::midpoint;
use soakbox_schemas::tables::histogram::SparseHistogram;

/// The largest number of operations, recorded or lost: the sum of both stays below 2⁶⁴, whatever a
/// damaged file claims.
pub(super) const MOST_OPERATIONS: u64 = 1 << 62;

/// Sums over the operations that finished in one window. What is measured for some operations only
/// has its own count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Operations with a row.
    pub count: u64,
    /// Operations that finished and were lost.
    pub lost: u64,
    /// The operations that the observed ones stand for, where they were not observed all the time.
    pub represented: Option<Represented>,
    /// Sum of the durations of the same operations as `durations`, ns.
    pub duration_ns: u64,
    /// Operations whose outcome is known.
    pub with_outcome: u64,
    /// Operations that are known to have failed.
    pub failures: u64,
    /// Operations whose on-CPU time was measured.
    pub with_cpu: u64,
    /// Sum of these times, ns.
    pub cpu_ns: u64,
    /// Operations at whose finish the resident memory was read.
    pub with_memory: u64,
    /// Sum of that memory, bytes.
    pub memory_bytes: u64,
    /// Operations whose processed data are known.
    pub with_bytes: u64,
    /// Sum of these data, bytes.
    pub bytes: u64,
    /// The durations of the operations with a row, or of all where `finished` is known: a histogram in
    /// the encoding of `schemas`, empty without operations.
    pub durations: Vec<u8>,
    /// The operations that the durations are of, where they are the kernel's of all that finished.
    /// On-CPU times and outcomes are then those of all, too, if each row has them.
    pub finished: Option<Finished>,
}

/// The operations that finished in the intervals of a window, also those without a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Those with a duration.
    pub timed: u64,
    /// All.
    pub all: u64,
}

/// What the observed part of a time stands for (`--max-overhead`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Represented {
    /// Operations.
    pub operations: u64,
    /// The time, ns.
    pub ns: u64,
}

impl Represented {
    fn plus(self, other: Self) -> Self {
        Self {
            operations: self
                .operations
                .saturating_add(other.operations)
                .min(MOST_OPERATIONS),
            ns: self.ns.saturating_add(other.ns),
        }
    }

    /// Operations per second; NaN without any time.
    fn rate(self) -> f64 {
        match self.ns {
            0 => f64::NAN,
            ns => self.operations as f64 / (ns as f64 / 1e9),
        }
    }
}

impl Finished {
    fn plus(self, other: Self) -> Self {
        let sum = |a: u64, b: u64| a.saturating_add(b).min(MOST_OPERATIONS);
        Self {
            timed: sum(self.timed, other.timed),
            all: sum(self.all, other.all),
        }
    }
}

impl Window {
    /// Adds the operations of another window.
    pub fn merge(&mut self, other: &Self) {
        if self.finished.is_some() || other.finished.is_some() {
            self.finished = Some(self.of_finished().plus(other.of_finished()));
        }
        self.represented = match (self.represented, other.represented) {
            (Some(one), Some(other)) => Some(one.plus(other)),
            (one, other) => one.or(other),
        };
        let sums = [
            (&mut self.count, other.count),
            (&mut self.lost, other.lost),
            (&mut self.duration_ns, other.duration_ns),
            (&mut self.with_outcome, other.with_outcome),
            (&mut self.failures, other.failures),
            (&mut self.with_cpu, other.with_cpu),
            (&mut self.cpu_ns, other.cpu_ns),
            (&mut self.with_memory, other.with_memory),
            (&mut self.memory_bytes, other.memory_bytes),
            (&mut self.with_bytes, other.with_bytes),
            (&mut self.bytes, other.bytes),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        self.count = self.count.min(MOST_OPERATIONS);
        self.lost = self.lost.min(MOST_OPERATIONS);
        if self.durations.is_empty() {
            self.durations.clone_from(&other.durations);
        } else if !other.durations.is_empty() {
            let mut merged = self.histogram();
            merged.merge(&other.histogram());
            self.durations.clear();
            merged.encode(&mut self.durations);
        }
    }

    /// Operations per second for each one that finished in a window of this length, s; NaN where
    /// nothing was observed.
    pub fn per_second(&self, length_s: f64) -> f64 {
        let all = self.count.saturating_add(self.lost);
        match self.represented {
            Some(represented) => represented.rate() / all.max(1) as f64,
            None => 1.0 / length_s,
        }
    }

    /// What the window stands for, as a part of a time of that many ns: its operations at their rate. No
    /// time where nothing was observed.
    pub fn represented_in(&self, ns: u64) -> Represented {
        match self.represented {
            Some(represented) if represented.ns == 0 => represented,
            Some(represented) => Represented {
                operations: (represented.rate() * (ns as f64 / 1e9)).round() as u64,
                ns,
            },
            None => Represented {
                operations: self.of_finished().all,
                ns,
            },
        }
    }

    /// Operations that finished, per second of the time that the window stands for, of which `seconds`
    /// were observed; NaN where nothing was.
    pub fn finished_per_second(&self, seconds: f64) -> f64 {
        match self.represented {
            Some(represented) => represented.rate(),
            None => self.of_finished().all as f64 / seconds,
        }
    }

    /// As [`finished_per_second`](Self::finished_per_second), of a sum over these operations.
    pub fn sum_per_second(&self, sum: f64, seconds: f64) -> f64 {
        let Some(represented) = self.represented else {
            return sum / seconds;
        };
        match self.of_finished().all {
            0 if represented.operations > 0 => f64::NAN,
            all => sum / all.max(1) as f64 * represented.rate(),
        }
    }

    /// Operations per second, lost ones included; NaN where nothing was observed.
    pub fn rate(&self, length_s: f64) -> f64 {
        match self.represented {
            Some(represented) => represented.rate(),
            None => self.count.saturating_add(self.lost) as f64 / length_s,
        }
    }

    /// The operations that the durations are of, among those that finished.
    pub fn of_finished(&self) -> Finished {
        self.finished.unwrap_or(Finished {
            timed: self.count,
            all: self.count.saturating_add(self.lost),
        })
    }

    /// The sum of the durations, ns, as far as they are counted one by one; of more than 2⁶⁴ ns, that
    /// of the histogram, within 1/128.
    pub fn duration_sum(&self) -> f64 {
        if self.duration_ns < u64::MAX {
            return self.duration_ns as f64;
        }
        let durations = self.histogram();
        let buckets = durations.buckets().iter();
        let sums = buckets.map(|&(bucket, count)| {
            let bucket = usize::try_from(bucket).unwrap_or(0);
            midpoint(bucket) as f64 * count as f64
        });
        sums.sum()
    }

    /// The durations. Bytes that are no histogram, which only a damaged file can have, are read as
    /// an empty one; the readers of files refuse them.
    pub fn histogram(&self) -> SparseHistogram {
        SparseHistogram::decode(&self.durations).unwrap_or_default()
    }
}

/// The mean from the sum of `count` numbers; `None` where `count` is 0.
pub fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}
