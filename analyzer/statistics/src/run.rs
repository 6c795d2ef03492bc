//! The shape of the data: windows of equal length, and runs made of them.
//!
//! A run has one column per metric, so that a comparison reads contiguous memory. It holds numbers
//! and knows which are missing. It draws no conclusions.

use crate::error::{Error, within};
use crate::math::histogram::Histogram;
use crate::math::merged_histogram::MergedHistogram;
use crate::metric::Metric;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One operation in one window: its counts, sums and durations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// Number of recorded operations: those with a row or in the histogram.
    pub count: u64,
    /// How many of `count` failed.
    pub failures: u64,
    /// Number of operations that finished in this window and were not recorded.
    pub lost: u64,
    /// Sum of the durations, nanoseconds; `None` when not measured.
    pub duration_ns: Option<f64>,
    /// Sum of the operations' CPU time, nanoseconds; `None` when not measured.
    pub cpu_ns: Option<f64>,
    /// Memory in this window, bytes; `None` when not measured.
    pub memory_bytes: Option<f64>,
    /// Sum of the bytes processed; `None` when not measured.
    pub bytes: Option<f64>,
    /// Durations, nanoseconds; `None` when not kept.
    pub durations: Option<Histogram>,
}

impl Window {
    /// Adds the window that follows this one. `weights` are the lengths of both, in any unit: the
    /// memory is the mean with these weights. A number that one of them did not measure is missing.
    pub fn merge(&mut self, next: &Window, weights: (f64, f64)) {
        let mean = |a: f64, b: f64| (a * weights.0 + b * weights.1) / (weights.0 + weights.1);
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        self.count = self.count.saturating_add(next.count);
        self.failures = self.failures.saturating_add(next.failures);
        self.lost = self.lost.saturating_add(next.lost);
        self.duration_ns = sum(self.duration_ns, next.duration_ns);
        self.cpu_ns = sum(self.cpu_ns, next.cpu_ns);
        self.bytes = sum(self.bytes, next.bytes);
        let memory = self.memory_bytes.zip(next.memory_bytes);
        self.memory_bytes = memory.map(|(a, b)| mean(a, b));
        self.durations = match (self.durations.take(), &next.durations) {
            (Some(first), Some(second)) => Some(first.merged(second)),
            _ => None,
        };
    }
}

/// One number per window of one metric.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// A number that has the same weight in every window.
    Plain(Vec<f64>),
    /// Sums over operations, and the number of operations behind each sum. The metric is sum ÷
    /// operations over the run.
    PerOperation { sums: Vec<f64>, counts: Vec<f64> },
}

/// One operation during one start of the target under one load: its windows in order.
///
/// It is made by [`from_windows`](Run::from_windows), or from columns by [`new`](Run::new) and
/// [`with`](Run::with).
#[derive(Debug, Clone, Default)]
pub struct Run {
    name: String,
    pair: Option<u64>,
    length: usize,
    window: Option<Duration>,
    lost_fraction: f64,
    /// The fractions of metrics that are known of more or fewer operations than the others.
    lost_of: Vec<(Metric, f64)>,
    columns: Vec<(Metric, Column)>,
    durations: Vec<Option<Histogram>>,
    /// The sum of `durations`, which all of its percentiles are read from.
    distribution: OnceLock<Arc<MergedHistogram>>,
}

impl Run {
    /// An empty run. `lost_fraction` (0..=1) of the operations that finished in it were not
    /// recorded.
    ///
    /// # Errors
    /// A fraction outside 0..=1 or NaN.
    pub fn new(lost_fraction: f64) -> Result<Run, Error> {
        within("lost_fraction", lost_fraction, 0.0, 1.0, "between 0 and 1")?;
        Ok(Run {
            lost_fraction,
            ..Run::default()
        })
    }

    /// As [`from_windows`](Run::from_windows) without copies of the histograms.
    ///
    /// # Errors
    /// A window of length 0.
    pub fn from_owned_windows(
        window: Duration,
        mut windows: Vec<Option<Window>>,
    ) -> Result<Run, Error> {
        let kept = windows.iter().flatten().any(|w| w.durations.is_some());
        let take = |w: &mut Option<Window>| w.as_mut().and_then(|w| w.durations.take());
        let durations = if kept {
            windows.iter_mut().map(take).collect()
        } else {
            Vec::new()
        };
        Ok(Run {
            durations,
            ..Run::from_windows(window, &windows)?
        })
    }

    /// From windows in order of time, each `window` long. `None` stands for a window in which
    /// nothing was observed (a gap).
    ///
    /// The loss is summed from the windows. `rate` counts lost operations too, since they finished.
    /// Percentiles, CPU and failures are those of the recorded ones. A column that no window
    /// measured is left out.
    ///
    /// # Errors
    /// A window of length 0.
    pub fn from_windows(window: Duration, windows: &[Option<Window>]) -> Result<Run, Error> {
        let seconds = window.as_secs_f64();
        within("window", seconds, 1e-9, f64::MAX, "longer than 0")?;
        let column = |read: &dyn Fn(&Window) -> Option<f64>| -> Vec<f64> {
            let values = windows
                .iter()
                .map(|w| w.as_ref().and_then(read).unwrap_or(f64::NAN));
            values.collect()
        };
        let sum = |read: &dyn Fn(&Window) -> u64| -> f64 {
            windows.iter().flatten().map(|w| read(w) as f64).sum()
        };
        let (recorded, lost) = (sum(&|w| w.count), sum(&|w| w.lost));
        let finished = |w: &Window| Some((w.count as f64 + w.lost as f64) / seconds);
        let per_operation = |read: &dyn Fn(&Window) -> Option<f64>| Column::PerOperation {
            sums: column(read),
            counts: column(&|w| Some(w.count as f64)),
        };
        let columns = [
            (Metric::DurationMean, per_operation(&|w| w.duration_ns)),
            (Metric::Cpu, per_operation(&|w| w.cpu_ns)),
            (Metric::Memory, Column::Plain(column(&|w| w.memory_bytes))),
            (
                Metric::FailureRate,
                per_operation(&|w| Some(w.failures as f64)),
            ),
            (Metric::Rate, Column::Plain(column(&finished))),
            (
                Metric::BytesRate,
                Column::Plain(column(&|w| w.bytes.map(|bytes| bytes / seconds))),
            ),
        ];
        let measured = |column: &Column| match column {
            Column::Plain(values) | Column::PerOperation { sums: values, .. } => {
                values.iter().any(|v| v.is_finite())
            }
        };
        let durations = windows
            .iter()
            .map(|w| w.as_ref().and_then(|w| w.durations.clone()));
        let kept = windows.iter().flatten().any(|w| w.durations.is_some());
        Ok(Run {
            name: String::new(),
            pair: None,
            length: windows.len(),
            window: Some(window),
            lost_fraction: if lost > 0.0 {
                lost / (recorded + lost)
            } else {
                0.0
            },
            lost_of: Vec::new(),
            columns: columns
                .into_iter()
                .filter(|(_, column)| measured(column))
                .collect(),
            durations: if kept {
                durations.collect()
            } else {
                Vec::new()
            },
            distribution: OnceLock::new(),
        })
    }

    /// Gives the run a name, for instance that of its recording. Reports use the name for a run
    /// that cannot be compared.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Run {
        self.name = name.into();
        self
    }

    /// Makes the run one of a pair: the other one has the same number and is on the other side.
    /// Pairs need no order and no equal number of runs. Runs without a number are paired by their
    /// position.
    #[must_use]
    pub fn in_pair(mut self, pair: u64) -> Run {
        self.pair = Some(pair);
        self
    }

    /// The name of the run; empty without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its pair.
    pub fn pair(&self) -> Option<u64> {
        self.pair
    }

    /// Adds one number per window, in the metric's unit. NaN and infinite numbers are missing. Runs
    /// are compared by the mean of these numbers.
    ///
    /// Any metric may be given in this way, also a percentile per window. A `rate` must count lost
    /// operations too, since they finished. Where windows differ in load, give the failures and
    /// counts of a `failure_rate` by [`with_counts`](Run::with_counts) instead. The column that the
    /// metric had before is replaced.
    ///
    /// # Errors
    /// A length other than that of the columns given before.
    pub fn with(mut self, metric: Metric, values: Vec<f64>) -> Result<Run, Error> {
        self.check_length(values.len())?;
        self.set(metric, Column::Plain(values));
        Ok(self)
    }

    /// Adds a sum over the operations of each window, and their number: failures for
    /// `failure_rate`, nanoseconds for `cpu`. The metric is sum ÷ operations over the whole run, so
    /// that a busy window weighs more. Each metric keeps its own counts. The column that the metric
    /// had before is replaced.
    ///
    /// # Errors
    /// A length other than that of the columns given before.
    pub fn with_counts(
        mut self,
        metric: Metric,
        sums: Vec<f64>,
        counts: Vec<f64>,
    ) -> Result<Run, Error> {
        self.check_length(sums.len())?;
        self.check_length(counts.len())?;
        self.set(metric, Column::PerOperation { sums, counts });
        Ok(self)
    }

    /// States that `fraction` (0..=1) of the finished operations is missing in a metric, whatever
    /// the windows say, for instance 0 for durations that were counted where rows were lost.
    ///
    /// # Errors
    /// A fraction outside 0..=1 or NaN.
    pub fn with_lost_fraction_of(mut self, metric: Metric, fraction: f64) -> Result<Run, Error> {
        within("lost_fraction", fraction, 0.0, 1.0, "between 0 and 1")?;
        self.lost_of.retain(|(known, _)| *known != metric);
        self.lost_of.push((metric, fraction));
        Ok(self)
    }

    /// The run without the column of a metric, for instance a failure rate where no outcome is
    /// known.
    #[must_use]
    pub fn without(mut self, metric: &Metric) -> Run {
        self.columns.retain(|(known, _)| known != metric);
        self
    }

    fn set(&mut self, metric: Metric, column: Column) {
        self.columns.retain(|(known, _)| *known != metric);
        self.columns.push((metric, column));
    }

    fn check_length(&mut self, length: usize) -> Result<(), Error> {
        if self.length == 0 && self.columns.is_empty() && self.durations.is_empty() {
            self.length = length;
        }
        if length == self.length {
            return Ok(());
        }
        Err(Error::Length {
            left: "the run",
            left_length: self.length,
            right: "the column",
            right_length: length,
        })
    }

    /// Number of windows, including missing ones.
    pub fn windows(&self) -> usize {
        self.length
    }

    /// Fraction of the finished operations that were not recorded, 0..=1.
    pub fn lost_fraction(&self) -> f64 {
        self.lost_fraction
    }

    /// Fraction of the finished operations that are missing in a metric, 0..=1.
    pub fn lost_fraction_of(&self, metric: &Metric) -> f64 {
        let mut own = self.lost_of.iter();
        let own = own.find(|(known, _)| known == metric);
        own.map_or(self.lost_fraction, |(_, fraction)| *fraction)
    }

    /// The metrics that this run can be compared in, in the order of [`Metric::ALL`], and then
    /// the caller's own by name.
    pub fn metrics(&self) -> Vec<Metric> {
        let has = |metric: &Metric| self.column(metric).is_some() || self.has_quantile(metric);
        let mut metrics: Vec<Metric> = Metric::ALL.into_iter().filter(has).collect();
        let others = self.columns.iter().map(|(metric, _)| metric);
        let mut others: Vec<&Metric> = others
            .filter(|metric| matches!(metric, Metric::Other(_)))
            .collect();
        others.sort();
        metrics.extend(others.into_iter().cloned());
        metrics
    }

    fn has_quantile(&self, metric: &Metric) -> bool {
        metric.quantile().is_some() && !self.durations.is_empty()
    }

    /// The length of a window; `None` for a run that was made from columns.
    pub(crate) fn window(&self) -> Option<Duration> {
        self.window
    }

    pub(crate) fn column(&self, metric: &Metric) -> Option<&Column> {
        self.columns
            .iter()
            .find(|(known, _)| known == metric)
            .map(|(_, column)| column)
    }

    /// All operations after the first `cut` windows together.
    pub(crate) fn distribution(&self, cut: usize) -> Arc<MergedHistogram> {
        let merged = || Arc::new(MergedHistogram::merge(self.durations.iter().flatten()));
        let all = self.distribution.get_or_init(merged);
        if cut == 0 {
            return all.clone();
        }
        let (before, after) = self.durations.split_at(cut.min(self.durations.len()));
        let rest = all.without(before.iter().flatten());
        Arc::new(rest.unwrap_or_else(|| MergedHistogram::merge(after.iter().flatten())))
    }

    pub(crate) fn durations(&self) -> &[Option<Histogram>] {
        &self.durations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_windows_and_unmeasured_columns_stay_missing() {
        let window = Window {
            count: 3,
            lost: 1,
            cpu_ns: Some(6.0),
            ..Window::default()
        };
        let windows = [Some(window.clone()), None, Some(window)];
        let run = Run::from_windows(Duration::from_secs(1), &windows).unwrap();
        assert_eq!(
            run.metrics(),
            [Metric::Cpu, Metric::FailureRate, Metric::Rate]
        );
        assert_eq!(run.lost_fraction(), 0.25);
        let run = run.with_lost_fraction_of(Metric::Cpu, 0.125).unwrap();
        let fractions = [Metric::Cpu, Metric::FailureRate].map(|one| run.lost_fraction_of(&one));
        assert_eq!(fractions, [0.125, 0.25]);
        assert!(run.clone().with_lost_fraction_of(Metric::Cpu, 1.5).is_err());
        assert!(
            matches!(run.column(&Metric::Rate), Some(Column::Plain(v)) if v[0] == 4.0 && v[1].is_nan())
        );
    }

    #[test]
    fn rates_are_per_second_whatever_the_window() {
        let window = Window {
            count: 30,
            lost: 10,
            bytes: Some(600.0),
            ..Window::default()
        };
        for (length, rate, bytes) in [
            (100, 400.0, 6000.0),
            (1000, 40.0, 600.0),
            (4000, 10.0, 150.0),
        ] {
            let length = Duration::from_millis(length);
            let run = Run::from_windows(length, &[Some(window.clone())]).unwrap();
            assert!(matches!(run.column(&Metric::Rate), Some(Column::Plain(v)) if v[0] == rate));
            assert!(
                matches!(run.column(&Metric::BytesRate), Some(Column::Plain(v)) if v[0] == bytes)
            );
        }
        assert!(Run::from_windows(Duration::ZERO, &[]).is_err());
    }

    #[test]
    fn unequal_columns_are_refused() {
        let run = Run::new(0.0)
            .unwrap()
            .with(Metric::Value, vec![1.0; 3])
            .unwrap();
        assert!(run.with(Metric::Cpu, vec![1.0; 4]).is_err());
        assert!(Run::new(f64::NAN).is_err());
    }

    #[test]
    fn the_distribution_after_a_cut_is_that_of_the_other_windows() {
        let window = |values: &[u64]| {
            Some(Window {
                durations: Some(Histogram::from_values(values)),
                ..Window::default()
            })
        };
        let windows = [
            window(&[1, 2, 900_000]),
            None,
            window(&[7]),
            window(&[2, 7, 50]),
        ];
        let run = Run::from_windows(Duration::from_secs(1), &windows).unwrap();
        let quantiles = |distribution: &MergedHistogram| {
            [0.0, 0.3, 0.5, 0.9, 1.0].map(|p| distribution.interpolated(p))
        };
        for cut in [2, 0, 1, 3, 4, 9] {
            let rest = run.durations()[cut.min(4)..].iter().flatten();
            let rest = MergedHistogram::merge(rest);
            let found = run.distribution(cut);
            assert_eq!(found.count(), rest.count(), "{cut}");
            assert_eq!(quantiles(&found), quantiles(&rest), "{cut}");
        }
    }
}
