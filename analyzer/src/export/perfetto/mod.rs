//! A trace that Perfetto reads: operations as slices, gaps, annotations as moments, memory and the
//! kernel's counts as counters.
//!
//! The trace is in Perfetto's own protocol buffers, not in JSON: times are exact to the nanosecond (JSON
//! has microseconds as decimals), names are written once, and an operation needs about a third of the
//! bytes.

mod lanes;
mod packets;
mod size;
mod tracks;
mod wire;

use std::collections::HashMap;

use arrow::array::{Array, RecordBatch};
use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::AnnotationKind;

use super::columns::{Columns, amount, number, text};
use lanes::Lanes;
use packets::{CounterUnit, Kind, Packets, Value};
use tracks::{Owner, Tracks};

pub use size::Size;

/// Writes the trace. Annotations, memory and counts may come in any order, each in the order of time;
/// operations come in the order of their begins.
pub struct PerfettoTrace {
    interval_ns: i64,
    packets: Packets,
    tracks: Tracks,
    gaps: Lanes,
    gap_tracks: Vec<u64>,
    moments: Option<u64>,
    /// By the track that they are under, and name: the counter's track and its last value.
    counters: HashMap<(u64, String), (u64, i64)>,
    /// By recorder.
    counts: HashMap<String, u64>,
    operations: u64,
    clamped: u64,
}

impl PerfettoTrace {
    /// Of recordings with intervals of this length, ns.
    pub fn new(interval_ns: i64) -> Self {
        Self {
            interval_ns,
            packets: Packets::default(),
            tracks: Tracks::default(),
            gaps: Lanes::default(),
            gap_tracks: Vec::new(),
            moments: None,
            counters: HashMap::new(),
            counts: HashMap::new(),
            operations: 0,
            clamped: 0,
        }
    }

    /// Operations so far.
    pub fn count(&self) -> u64 {
        self.operations
    }

    /// Operations that began before 1970, where a trace begins.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Appends gaps and moments.
    ///
    /// # Errors
    /// As of all of these: where the columns are not those of the query.
    pub fn annotations(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = Columns(batch);
        let (at, until) = (columns.numbers("at_ns")?, columns.numbers("until_ns")?);
        let (kinds, words) = (columns.texts("kind")?, columns.texts("words")?);
        for row in 0..at.len() {
            let at_ns = number(&at, row).unwrap_or_default();
            let until_ns = number(&until, row).map(|until_ns| until_ns.max(at_ns));
            let (kind, words) = (text(&kinds, row), text(&words, row));
            let name = format!("{}: {words}", kind.replace('_', " "));
            self.packets.start(at_ns, out);
            if kind == AnnotationKind::Gap.name() || until_ns.is_some() {
                // One without an end lasted to the end.
                let lane = self.gaps.place(at_ns, until_ns.unwrap_or(i64::MAX));
                while self.gap_tracks.len() <= lane {
                    let number = self.gap_tracks.len();
                    let name = match number {
                        0 => "gaps".to_owned(),
                        others => format!("gaps {}", others + 1),
                    };
                    let track = self.packets.track(None, Kind::Named(&name), out);
                    self.gap_tracks.push(track);
                }
                let track = self.gap_tracks.get(lane).copied().unwrap_or_default();
                let times = [Some(at_ns), until_ns];
                self.packets.slice(track, &name, times, &[], out);
                continue;
            }
            let track = match self.moments {
                Some(track) => track,
                None => self.packets.track(None, Kind::Named("annotations"), out),
            };
            self.moments = Some(track);
            self.packets.instant(track, &name, at_ns, out);
        }
        Ok(())
    }

    /// Appends the memory of processes.
    ///
    /// # Errors
    /// As [`PerfettoTrace::annotations`].
    pub fn memory(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = Columns(batch);
        let (at, pids) = (columns.numbers("at_ns")?, columns.numbers("pid")?);
        let memory = columns.numbers("memory_bytes")?;
        let (recorders, hosts) = (columns.texts("recorder")?, columns.texts("host")?);
        for row in 0..at.len() {
            let at_ns = number(&at, row).unwrap_or_default();
            let Some(bytes) = number(&memory, row) else {
                continue;
            };
            let owner = Owner {
                recorder: text(&recorders, row),
                host: text(&hosts, row),
                pid: number(&pids, row),
                tid: None,
            };
            self.packets.start(at_ns, out);
            let process = self.tracks.process(owner, &mut self.packets, out);
            self.counter(process, "memory", CounterUnit::Bytes, at_ns, bytes, out);
        }
        Ok(())
    }

    /// Appends the kernel's counts.
    ///
    /// # Errors
    /// As [`PerfettoTrace::annotations`].
    pub fn counts(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = Columns(batch);
        let at = columns.numbers("at_ns")?;
        let (recorders, hosts) = (columns.texts("recorder")?, columns.texts("host")?);
        let operations = columns.texts("operation")?;
        let values = [
            ("finished", CounterUnit::Count, 0),
            ("lost", CounterUnit::Count, 0),
            // The number at the end of the interval.
            ("in_flight", CounterUnit::Count, self.interval_ns),
            ("cpu_sum_ns", CounterUnit::Nanoseconds, 0),
        ];
        let columns = values.map(|(name, ..)| columns.numbers(name));
        for row in 0..at.len() {
            let at_ns = number(&at, row).unwrap_or_default();
            let (recorder, operation) = (text(&recorders, row), text(&operations, row));
            self.packets.start(at_ns, out);
            let parent = match self.counts.get(recorder) {
                Some(track) => *track,
                None => {
                    let host = text(&hosts, row);
                    let name = format!("counts of the kernel per interval: {host} ({recorder})");
                    let track = self.packets.track(None, Kind::Named(&name), out);
                    self.counts.insert(recorder.to_owned(), track);
                    track
                }
            };
            for ((name, unit, later_ns), column) in values.into_iter().zip(&columns) {
                let column = column.as_ref().map_err(Failure::clone)?;
                let value = number(column, row).unwrap_or_default();
                let name = match name {
                    "cpu_sum_ns" => format!("{operation}: CPU time"),
                    "in_flight" => format!("{operation}: in flight"),
                    name => format!("{operation}: {name}"),
                };
                let is_new = !self.counters.contains_key(&(parent, name.clone()));
                if is_new && value == 0 {
                    continue;
                }
                let at_ns = at_ns.saturating_add(later_ns);
                self.counter(parent, &name, unit, at_ns, value, out);
            }
        }
        Ok(())
    }

    /// Appends operations.
    ///
    /// # Errors
    /// As [`PerfettoTrace::annotations`].
    pub fn operations(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = Columns(batch);
        let (at, durations) = (columns.numbers("at_ns")?, columns.numbers("duration_ns")?);
        let (recorders, hosts) = (columns.texts("recorder")?, columns.texts("host")?);
        let operations = columns.texts("operation")?;
        let (pids, tids) = (columns.numbers("pid")?, columns.numbers("tid")?);
        let success = columns.truths("success")?;
        let numbers = [
            "cpu_ns",
            "return_value",
            "bytes",
            "sample_weight",
            "goroutine",
        ];
        let numbers = numbers.map(|name| Ok((name, columns.numbers(name)?)));
        let numbers = numbers.into_iter().collect::<Result<Vec<_>>>()?;
        let mut values = Vec::new();
        for row in 0..at.len() {
            let end_ns = number(&at, row).unwrap_or_default();
            let length_ns = amount(&durations, row).unwrap_or_default();
            let begin_ns = end_ns.saturating_sub_unsigned(length_ns);
            self.clamped += u64::from(begin_ns < 0);
            let times = [begin_ns.max(0), end_ns.max(0)];
            values.clear();
            if success.is_valid(row) {
                values.push(("success", Value::Truth(success.value(row))));
            }
            let mut goroutine = None;
            for (name, column) in &numbers {
                match number(column, row) {
                    Some(1) if *name == "sample_weight" => {}
                    Some(value) => values.push((*name, Value::Number(value))),
                    None => {}
                }
                if *name == "goroutine" {
                    goroutine = number(column, row);
                }
            }
            let owner = Owner {
                recorder: text(&recorders, row),
                host: text(&hosts, row),
                pid: number(&pids, row),
                tid: number(&tids, row).filter(|_| goroutine.is_none()),
            };
            let operation = text(&operations, row);
            self.packets.start(times[0], out);
            let packets = &mut self.packets;
            let track = self.tracks.place(owner, operation, times, packets, out);
            self.packets
                .slice(track, operation, times.map(Some), &values, out);
            self.operations += 1;
        }
        Ok(())
    }

    /// Appends the clocks to a trace without anything, so that it is one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.packets.start(0, out);
    }

    /// Appends a value where it is another one than before.
    fn counter(
        &mut self,
        parent: u64,
        name: &str,
        unit: CounterUnit,
        at_ns: i64,
        value: i64,
        out: &mut Vec<u8>,
    ) {
        let key = (parent, name.to_owned());
        let track = match self.counters.get_mut(&key) {
            Some((_, last)) if *last == value => return,
            Some((track, last)) => {
                *last = value;
                *track
            }
            None => {
                let track = self
                    .packets
                    .track(Some(parent), Kind::Counter(name, unit), out);
                self.counters.insert(key, (track, value));
                track
            }
        };
        self.packets.counter(track, at_ns, value, out);
    }
}
