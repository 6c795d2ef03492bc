//! The input of a search for findings: runs, and their series with the restarts of their processes.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Outage, outages, stop};

use crate::changes::{NumberSeries, Points, Times, series_of};
use crate::windows::{Run, Series};

/// Pauses that are this improbable are no part of a rate.
const OUTAGE: f64 = 1e-4;

/// A run, with its name, which is empty where there is only one.
#[derive(Clone, Debug)]
pub struct SoakRun<'a> {
    /// The run.
    pub run: &'a Run,
    /// Part of the subjects of its findings.
    pub name: &'a str,
}

/// A series of numbers, and what is known of its process.
#[derive(Clone, Debug)]
pub struct SoakSeries {
    /// The numbers.
    pub series: NumberSeries,
    /// When the process restarted, ascending, in the seconds of the series.
    pub restarts: Vec<f64>,
    /// True when the process restarted at these times only.
    pub restarts_known: bool,
    /// True when the operation stopped at the end of the series: the windows after it are left out.
    pub stopped: bool,
    /// True when it had outages on the way, which are missing in the series.
    pub interrupted: bool,
    /// True when it is the rate of an operation of which none finished.
    pub idle: bool,
}

impl SoakRun<'_> {
    /// The series of the run, with the restarts of its process. Of an operation that stopped, the
    /// rates end where it did; in its outages they are missing.
    pub fn series(&self, operations: &[String], metrics: &[Metric]) -> Vec<SoakSeries> {
        let first_ns = self.run.identity.first_ns;
        let restarts = self.run.restarts_ns.iter();
        let restarts = restarts.map(|at_ns| at_ns.saturating_sub(first_ns) as f64 / 1e9);
        let restarts: Vec<f64> = restarts.collect();
        let series = series_of(self.run, self.name, operations, metrics, Points::OF_SOAK);
        let series = series.into_iter();
        series
            .map(|series| {
                let mut one = SoakSeries::of(series);
                one.add_restarts(&restarts);
                match self.run.operations.get(&one.series.operation) {
                    Some(windows) if one.series.not_searched.is_none() => {
                        one.until_stop(&self.run.as_known(windows))
                    }
                    _ => one,
                }
            })
            .collect()
    }
}

impl SoakSeries {
    /// A series of which nothing else is known.
    pub fn of(series: NumberSeries) -> Self {
        Self {
            series,
            restarts: Vec::new(),
            restarts_known: false,
            stopped: false,
            interrupted: false,
            idle: false,
        }
    }

    /// Adds those of the restarts that have points before and after them.
    fn add_restarts(&mut self, restarts: &[f64]) {
        let Some(times) = self.series.times.seconds(self.series.values.len()) else {
            return;
        };
        let present = || {
            let points = times.iter().zip(&self.series.values);
            points
                .filter(|(_, value)| value.is_finite())
                .map(|(at, _)| *at)
        };
        let (first, last) = (present().next(), present().next_back());
        if let (Some(first), Some(last)) = (first, last) {
            let inside = restarts.iter().filter(|at| first < **at && **at <= last);
            let mut all: Vec<f64> = self.restarts.iter().chain(inside).copied().collect();
            all.sort_by(f64::total_cmp);
            all.dedup();
            self.restarts = all;
        }
    }

    /// A rate without its outages and its windows after the stop of the operation; any other series
    /// as it is.
    fn until_stop(mut self, windows: &Series) -> Self {
        if !matches!(self.series.metric, Metric::Rate | Metric::BytesRate) {
            return self;
        }
        let Times::Windows { length_ns, .. } = self.series.times else {
            return self;
        };
        let finished = windows.column(|window| window.count.saturating_add(window.lost));
        let at_ns = |index: usize| windows.length.ns().saturating_mul(index as i64);
        let place = |at_ns: i64| usize::try_from(at_ns / length_ns.max(1)).unwrap_or(0);
        if let Ok(Some(found)) = outages(&finished, OUTAGE) {
            for Outage { start, end, .. } in found.outages {
                let last = self.series.values.len().min(place(at_ns(end) - 1) + 1);
                let first = place(at_ns(start)).min(last);
                self.series.values[first..last].fill(f64::NAN);
                self.interrupted = true;
            }
        }
        match stop(&finished) {
            None => self.idle = true,
            Some(stop) if stop.is_long() => {
                self.series.values.truncate(place(at_ns(stop.from)));
                self.stopped = true;
            }
            Some(_) => {}
        }
        self
    }

    /// The series of the same operation and metric.
    pub(super) fn same<'a>(&self, others: &'a [Self]) -> Option<&'a Self> {
        others.iter().find(|other| {
            let (a, b) = (&self.series, &other.series);
            a.operation == b.operation && a.metric == b.metric
        })
    }
}

/// A restart as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartTime {
    /// As it was typed.
    pub text: String,
    /// In seconds: of a date, since 1970 in UTC.
    pub seconds: f64,
}

/// Adds the restarts that were typed to each series. `begin_of` gives the begin of a series, which
/// is subtracted from them.
///
/// # Errors
/// Where a restart is inside none of the series.
pub fn give_restarts(
    series: &mut [SoakSeries],
    restarts: &[RestartTime],
    begin_of: impl Fn(&SoakSeries) -> f64,
) -> Result<()> {
    let nothing = series.is_empty();
    let mut used = vec![nothing; restarts.len()];
    for one in series {
        let begin = begin_of(one);
        let times: Vec<f64> = restarts.iter().map(|at| at.seconds - begin).collect();
        one.add_restarts(&times);
        one.restarts_known = true;
        for (time, used) in times.iter().zip(&mut used) {
            *used |= one.restarts.contains(time);
        }
    }
    match used.iter().position(|used| !used) {
        Some(index) => Err(Failure::new(
            format_args!("--restart {}", restarts[index].text),
            "is not between the points of any series",
        )
        .hint("write it as in the time column; for a recording, RFC 3339 or seconds since 1970")),
        None => Ok(()),
    }
}
