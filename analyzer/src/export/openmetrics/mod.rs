//! Samples over time as OpenMetrics text: counters, histograms and gauges per operation, each with its
//! samples in the order of time, as `promtool tsdb create-blocks-from openmetrics` reads them.
//!
//! What is added up is in memory, per operation and interval; a limit bounds it.

mod families;
mod observed;
mod text;

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use soakbox_cli::{Failure, Result};

use super::columns::{Columns, amount, number, text};
use crate::units::{count, duration};
use families::{BOUNDS, Counts, Point};
use observed::{Intervals, merged};

/// Most samples of a metric, over all its series: some 600 MB of text.
const MOST_POINTS: u64 = 200_000;

/// An operation on a host: the labels of its series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    operation: String,
    host: String,
}

/// What rows and counts of an operation add up to, by interval since 1970.
#[derive(Default)]
struct Series {
    points: BTreeMap<i64, Point>,
    counts: BTreeMap<i64, Counts>,
    /// The intervals that have samples, which are known at the end.
    sampled: Vec<Intervals>,
}

/// Collects rows and counts, and writes the samples.
pub struct OpenMetrics {
    every_ns: i64,
    series: BTreeMap<Key, Series>,
    /// By host: the intervals in which a recorder observed something.
    observed: BTreeMap<String, Vec<Intervals>>,
    /// Intervals of series with rows or counts.
    points: u64,
    rows: u64,
}

impl OpenMetrics {
    /// With samples at this distance.
    pub fn new(every_ns: u64) -> Self {
        Self {
            every_ns: i64::try_from(every_ns).unwrap_or(i64::MAX).max(1),
            series: BTreeMap::new(),
            observed: BTreeMap::new(),
            points: 0,
            rows: 0,
        }
    }

    /// Rows of operations so far.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// Adds periods in which a recorder observed.
    ///
    /// # Errors
    /// As of all of these: where the columns are not those of the query.
    pub fn observed(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        let (at, until) = (columns.numbers("at_ns")?, columns.numbers("until_ns")?);
        let hosts = columns.texts("host")?;
        for row in 0..at.len() {
            if let (Some(at), Some(until)) = (number(&at, row), number(&until, row)) {
                let of_host = self.observed.entry(text(&hosts, row).to_owned());
                of_host
                    .or_default()
                    .push(Intervals::touched(at, until, self.every_ns));
            }
        }
        Ok(())
    }

    /// Adds operations.
    ///
    /// # Errors
    /// As [`OpenMetrics::observed`], and where there are too many operations and intervals.
    pub fn operations(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        let (at, hosts) = (columns.numbers("at_ns")?, columns.texts("host")?);
        let operations = columns.texts("operation")?;
        let durations = columns.numbers("duration_ns")?;
        let (cpu, bytes) = (columns.numbers("cpu_ns")?, columns.numbers("bytes")?);
        let memory = columns.numbers("memory_bytes")?;
        let weights = columns.numbers("sample_weight")?;
        let success = columns.truths("success")?;
        // Neighbouring rows are often of one operation.
        let mut last: Option<Key> = None;
        for row in 0..at.len() {
            let (operation, host) = (text(&operations, row), text(&hosts, row));
            let known = last.take();
            let known = known.filter(|known| known.operation == operation && known.host == host);
            let key = known.unwrap_or_else(|| key(operation, host));
            let at_ns = number(&at, row).unwrap_or_default();
            let interval = at_ns.div_euclid(self.every_ns);
            if !self.series.contains_key(&key) {
                self.series.insert(key.clone(), Series::default());
            }
            if let Some(series) = self.series.get_mut(&key) {
                self.points += u64::from(series.is_without(interval));
                let point = series.points.entry(interval).or_default();
                let weight = amount(&weights, row).unwrap_or(1).max(1);
                point.add_duration(amount(&durations, row).unwrap_or_default(), weight);
                if success.is_valid(row) {
                    let failed = if success.value(row) { 0 } else { weight };
                    point.failures = Some(point.failures.unwrap_or(0).saturating_add(failed));
                }
                families::add(&mut point.cpu_ns, amount(&cpu, row), weight);
                families::add(&mut point.bytes, amount(&bytes, row), weight);
                point.see_memory(at_ns, amount(&memory, row));
            }
            self.rows += 1;
            last = Some(key);
            self.check(self.points)?;
        }
        Ok(())
    }

    /// Adds the kernel's counts.
    ///
    /// # Errors
    /// As [`OpenMetrics::operations`].
    pub fn counts(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        let (at, hosts) = (columns.numbers("at_ns")?, columns.texts("host")?);
        let operations = columns.texts("operation")?;
        let (finished, lost) = (columns.numbers("finished")?, columns.numbers("lost")?);
        let in_flight = columns.numbers("in_flight")?;
        for row in 0..at.len() {
            let interval = number(&at, row)
                .unwrap_or_default()
                .div_euclid(self.every_ns);
            let key = key(text(&operations, row), text(&hosts, row));
            let series = self.series.entry(key).or_default();
            self.points += u64::from(series.is_without(interval));
            let counts = series.counts.entry(interval).or_default();
            counts.finished = counts
                .finished
                .saturating_add(amount(&finished, row).unwrap_or(0));
            counts.lost = counts.lost.saturating_add(amount(&lost, row).unwrap_or(0));
            // Those of the latest row: rows are in the order of time.
            counts.in_flight = amount(&in_flight, row).unwrap_or(0);
            self.check(self.points)?;
        }
        Ok(())
    }

    /// Passes the text on, part by part.
    ///
    /// # Errors
    /// Where there would be too many samples, or `write` fails.
    pub fn finish(mut self, mut write: impl FnMut(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        for observed in self.observed.values_mut() {
            *observed = merged(std::mem::take(observed));
        }
        let mut total = 0u64;
        for (key, series) in &mut self.series {
            let observed = self.observed.get(&key.host).map_or(&[][..], Vec::as_slice);
            series.sampled = series.sampled(observed);
            // Each has one before it.
            let samples = series.sampled.iter();
            let samples = samples.map(|one| one.length().saturating_add(1));
            total = samples.fold(total, u64::saturating_add);
        }
        self.check(total)?;
        let mut part = Vec::new();
        families::write(&self, &mut part, &mut write)?;
        part.extend(b"# EOF\n");
        write(&mut part)
    }

    fn check(&self, points: u64) -> Result<()> {
        if points <= MOST_POINTS {
            return Ok(());
        }
        let reason = format!(
            "more than {} samples of a metric, with one every {}",
            count(MOST_POINTS),
            duration(self.every_ns as f64)
        );
        Err(Failure::new("openmetrics", reason).hint(
            "let them be farther apart with --every, or choose with --from, --to and --operation",
        ))
    }
}

impl Series {
    fn is_without(&self, interval: i64) -> bool {
        !self.points.contains_key(&interval) && !self.counts.contains_key(&interval)
    }

    /// The intervals that have samples: those that were observed from the first to the last one with rows or
    /// counts, and these.
    fn sampled(&self, observed: &[Intervals]) -> Vec<Intervals> {
        let own = self.points.keys().chain(self.counts.keys()).copied();
        let own = merged(own.map(Intervals::one).collect());
        let (Some(first), Some(last)) = (own.first(), own.last()) else {
            return Vec::new();
        };
        let within = observed
            .iter()
            .filter_map(|one| one.within(first.first, last.last));
        merged(within.chain(own.iter().copied()).collect())
    }
}

fn key(operation: &str, host: &str) -> Key {
    Key {
        operation: operation.to_owned(),
        host: host.to_owned(),
    }
}

/// The number of buckets of a histogram but the last, which has all values.
const BUCKETS: usize = BOUNDS.len();

#[cfg(test)]
mod tests;
