//! Samples over time as OpenMetrics text: counters, histograms and gauges per operation, each with its
//! samples in the order of time, as `promtool tsdb create-blocks-from openmetrics` reads them.
//!
//! What is added up is in memory, per operation and interval; a limit bounds it.

mod families;
mod text;

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::AnnotationKind;

use super::columns::{Columns, amount, number, text};
use crate::units::{count, duration};
use families::{BOUNDS, Counts, Point};

/// Most samples of a series times series of operations: some 600 MB of text.
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
}

/// Collects rows and counts, and writes the samples.
pub struct OpenMetrics {
    every_ns: i64,
    series: BTreeMap<Key, Series>,
    /// By host: begin and end of each gap.
    gaps: BTreeMap<String, Vec<(i64, i64)>>,
    points: u64,
    rows: u64,
}

impl OpenMetrics {
    /// With samples at this distance.
    pub fn new(every_ns: u64) -> Self {
        Self {
            every_ns: i64::try_from(every_ns).unwrap_or(i64::MAX).max(1),
            series: BTreeMap::new(),
            gaps: BTreeMap::new(),
            points: 0,
            rows: 0,
        }
    }

    /// Rows of operations so far.
    pub fn count(&self) -> u64 {
        self.rows
    }

    /// Adds gaps; other annotations are left out.
    ///
    /// # Errors
    /// As of all of these: where the columns are not those of the query.
    pub fn annotations(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Columns(batch);
        let (at, until) = (columns.numbers("at_ns")?, columns.numbers("until_ns")?);
        let (kinds, hosts) = (columns.texts("kind")?, columns.texts("host")?);
        for row in 0..at.len() {
            if text(&kinds, row) == AnnotationKind::Gap.name() {
                let gaps = self.gaps.entry(text(&hosts, row).to_owned()).or_default();
                let until_ns = number(&until, row).unwrap_or(i64::MAX);
                gaps.push((number(&at, row).unwrap_or_default(), until_ns));
            }
        }
        Ok(())
    }

    /// Adds operations.
    ///
    /// # Errors
    /// As [`OpenMetrics::annotations`], and where there are too many operations and intervals.
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
                let is_new = !series.points.contains_key(&interval);
                self.points += u64::from(is_new);
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
            let is_new = !series.counts.contains_key(&interval);
            self.points += u64::from(is_new);
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
        let mut total = 0u64;
        for series in self.series.values() {
            if let Some((first, last)) = series.span() {
                total = total.saturating_add((last - first).unsigned_abs().saturating_add(1));
            }
        }
        self.check(total)?;
        for gaps in self.gaps.values_mut() {
            *gaps = merged(std::mem::take(gaps));
        }
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
            "more than {} samples of operations, with one every {}",
            count(MOST_POINTS),
            duration(self.every_ns as f64)
        );
        Err(Failure::new("openmetrics", reason).hint(
            "let them be farther apart with --every, or choose with --from, --to and --operation",
        ))
    }

    /// Whether nothing of this interval was observed on the host. Its gaps are merged.
    fn is_gap(&self, host: &str, interval: i64) -> bool {
        let begin_ns = interval.saturating_mul(self.every_ns);
        let end_ns = begin_ns.saturating_add(self.every_ns);
        let Some(gaps) = self.gaps.get(host) else {
            return false;
        };
        let after = gaps.partition_point(|(from_ns, _)| *from_ns <= begin_ns);
        let gap = after.checked_sub(1).and_then(|index| gaps.get(index));
        gap.is_some_and(|(_, until_ns)| *until_ns >= end_ns)
    }
}

/// The gaps in order; those that touch are one.
fn merged(mut gaps: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    gaps.sort_unstable();
    let mut all: Vec<(i64, i64)> = Vec::new();
    for (from_ns, until_ns) in gaps {
        match all.last_mut() {
            Some((_, end_ns)) if from_ns <= *end_ns => *end_ns = (*end_ns).max(until_ns),
            _ => all.push((from_ns, until_ns)),
        }
    }
    all
}

impl Series {
    /// First and last interval.
    fn span(&self) -> Option<(i64, i64)> {
        let points = self.points.keys().chain(self.counts.keys()).copied();
        let first = points.clone().min()?;
        Some((first, points.max()?))
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
