//! The last minutes of rows in memory (`--keep-last`), as frames of a journal, until a trigger has
//! them written. It decides which rows are written, in whole intervals, so that the counts of each
//! written interval are those of its rows. It does no I/O: rows that are to be written go the way of
//! all rows.

use std::collections::VecDeque;
use std::ops::Range;

use anyhow::Result;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use soakbox_schemas::journal::{Frame, encode, frames_in};
use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};

use crate::clock::ClockPair;
use crate::plan::KeepLast;
use crate::sample::{Rows, annotation};

/// The cause of the time that was not written. Nothing is lost in it: nobody asked for it.
const CAUSE: &str = "not triggered";
/// Intervals after which no counts of an interval come any more.
const LATE: u64 = 9;
/// Intervals at the start whose annotations are written at once: the start itself.
const START: u64 = 2;
/// Most annotations that wait for a trigger or the end.
const ANNOTATIONS: usize = 1024;

/// The rows that are kept, and the span that is written.
#[derive(Debug)]
pub(super) struct LastRows {
    /// In intervals.
    before: u64,
    after: u64,
    most_bytes: u64,
    interval_ns: u64,
    begun: ClockPair,
    held: VecDeque<Held>,
    bytes: u64,
    /// On their way to the disk.
    due: VecDeque<Held>,
    /// Annotations that wait.
    annotations: VecDeque<(Rows, ClockPair)>,
    /// The intervals that are written; empty before the first trigger.
    span: Range<u64>,
    /// Those that were written before, of which counts may still come.
    earlier: Vec<Range<u64>>,
    /// Rows of the intervals before it were dropped.
    complete_from: u64,
    /// Rows that were dropped for want of room since the last trigger.
    crowded_out: u64,
    is_sealed: bool,
}

/// A batch as a frame of a journal.
#[derive(Debug)]
struct Held {
    table: Table,
    frame: Vec<u8>,
    rows: u64,
    last_interval: u64,
    now: ClockPair,
}

impl LastRows {
    pub(super) fn new(settings: &KeepLast, interval_ns: u64, begun: ClockPair) -> Self {
        let interval_ns = interval_ns.max(1);
        let intervals = |time: std::time::Duration| {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            ns.div_ceil(interval_ns)
        };
        let first = begun.boot_ns / interval_ns;
        Self {
            before: intervals(settings.before),
            after: intervals(settings.after),
            most_bytes: settings.bytes,
            interval_ns,
            begun,
            held: VecDeque::new(),
            bytes: 0,
            due: VecDeque::new(),
            annotations: VecDeque::new(),
            span: first..first,
            earlier: Vec::new(),
            complete_from: first,
            crowded_out: 0,
            is_sealed: true,
        }
    }

    /// Takes rows. Returns those that are to be written now, after those that are
    /// [due](Self::next_due).
    ///
    /// # Errors
    /// Where Arrow cannot encode them.
    pub(super) fn take(&mut self, rows: Rows, now: ClockPair) -> Result<Option<Rows>> {
        let interval = self.interval(now);
        let Some(intervals) = intervals(&rows.1)? else {
            let is_start = interval <= self.begun.boot_ns / self.interval_ns + START;
            if is_start || interval < self.span.end {
                return Ok(Some(rows));
            }
            if self.annotations.len() == ANNOTATIONS {
                self.annotations.pop_front();
            }
            self.annotations.push_back((rows, now));
            return Ok(None);
        };
        let written = select(&rows, &intervals, |interval| self.is_written(interval))?;
        let written_rows = written
            .as_ref()
            .map_or(0, |Rows(_, batch)| batch.num_rows());
        if written_rows < rows.1.num_rows() {
            let others = select(&rows, &intervals, |interval| interval >= self.span.end)?;
            if let Some(others) = others {
                self.hold(&others, intervals.iter().copied().max(), now)?;
            }
        }
        self.expire(interval);
        Ok(written)
    }

    fn is_written(&self, interval: u64) -> bool {
        let mut spans = self.earlier.iter().chain([&self.span]);
        spans.any(|span| span.contains(&interval))
    }

    fn hold(&mut self, Rows(table, batch): &Rows, last: Option<u64>, now: ClockPair) -> Result<()> {
        let mut frame = Vec::new();
        encode(batch, &mut frame)?;
        frame.shrink_to_fit();
        self.bytes += frame.len() as u64;
        self.held.push_back(Held {
            table: *table,
            frame,
            rows: batch.num_rows() as u64,
            last_interval: last.unwrap_or(0),
            now,
        });
        Ok(())
    }

    /// Drops what is too old or too much.
    fn expire(&mut self, interval: u64) {
        while let Some(oldest) = self.held.front() {
            let is_old = oldest.last_interval + self.before < interval;
            if !is_old && self.bytes <= self.most_bytes {
                break;
            }
            if !is_old {
                self.crowded_out += oldest.rows;
            }
            self.bytes -= oldest.frame.len() as u64;
            self.complete_from = self.complete_from.max(oldest.last_interval + 1);
            self.held.pop_front();
        }
    }

    /// A trigger: what is held and the time after it are to be written. Returns the annotations to
    /// write before.
    ///
    /// # Errors
    /// Where Arrow refuses the columns.
    pub(super) fn trigger(&mut self, text: &str, now: ClockPair) -> Result<Vec<(Rows, ClockPair)>> {
        let interval = self.interval(now);
        let end = interval + 1 + self.after;
        let mut annotations: Vec<_> = self.annotations.drain(..).collect();
        let was_writing = interval < self.span.end;
        if !was_writing {
            self.expire(interval);
            let oldest = interval.saturating_sub(self.before);
            let first = self.complete_from.max(oldest).max(self.span.end);
            if first > self.span.end {
                annotations.push((self.gap(first, now)?, now));
                let earlier = std::mem::replace(&mut self.span, first..end);
                self.earlier.push(earlier);
                self.earlier.retain(|one| one.end + LATE > interval);
            }
            self.due.append(&mut self.held);
            self.bytes = 0;
        }
        self.span.end = end;
        self.is_sealed = false;
        let mut note = format!("trigger {text}");
        if !was_writing && self.crowded_out > 0 {
            note += &format!(
                ": {} rows before it were dropped, because --keep-last-bytes was reached",
                std::mem::take(&mut self.crowded_out)
            );
        }
        annotations.push((annotation(now, AnnotationKind::Note, note)?, now));
        Ok(annotations)
    }

    /// Whether a trigger at this moment would only extend what is written.
    pub(super) fn is_writing(&self, now: ClockPair) -> bool {
        self.interval(now) < self.span.end
    }

    /// The next rows of those that a trigger found; they are written before any others.
    ///
    /// # Errors
    /// Where Arrow cannot filter them.
    pub(super) fn next_due(&mut self) -> Result<Option<(Rows, ClockPair)>> {
        while let Some(held) = self.due.pop_front() {
            let frame = frames_in(&held.frame).next();
            let Some(Frame::Batch(batch)) = frame else {
                // It was encoded a moment ago, by us.
                anyhow::bail!(
                    "rows that were kept in memory cannot be read again; hint: this is a bug, please report it"
                );
            };
            let rows = Rows(held.table, batch);
            let Some(intervals) = intervals(&rows.1)? else {
                continue;
            };
            let span = self.span.clone();
            if let Some(rows) = select(&rows, &intervals, |interval| span.contains(&interval))? {
                return Ok(Some((rows, held.now)));
            }
        }
        Ok(None)
    }

    /// Whether the files are to be sealed: the written span is over, with all of its counts. Answers
    /// with yes once.
    pub(super) fn completes(&mut self, now: ClockPair) -> bool {
        let is_complete = self.interval(now) >= self.span.end + LATE;
        is_complete && !std::mem::replace(&mut self.is_sealed, true)
    }

    /// The annotations at the end of the recording: those that wait, and the time that is not
    /// written.
    ///
    /// # Errors
    /// Where Arrow refuses the columns.
    pub(super) fn finish(&mut self, now: ClockPair) -> Result<Vec<(Rows, ClockPair)>> {
        let mut annotations: Vec<_> = self.annotations.drain(..).collect();
        if !self.is_writing(now) {
            // To the end of the run, which its last annotation may put a moment later.
            let interval = self.interval(now) + 1;
            annotations.push((self.gap(interval, now)?, now));
        }
        Ok(annotations)
    }

    /// The gap from the end of the written span until the interval `until`.
    fn gap(&self, until: u64, now: ClockPair) -> Result<Rows> {
        let start_ns = |interval: u64| now.utc_of(interval * self.interval_ns);
        let from_ns = if self.span.is_empty() {
            self.begun.utc_ns
        } else {
            start_ns(self.span.end)
        };
        let gap = Annotation {
            at_ns: from_ns,
            until_ns: Some(start_ns(until).max(from_ns)),
            kind: AnnotationKind::Gap,
            text: CAUSE.to_owned(),
        };
        Ok(Rows(Table::ANNOTATIONS, Annotation::batch(&[gap])?))
    }

    fn interval(&self, now: ClockPair) -> u64 {
        now.boot_ns / self.interval_ns
    }
}

/// The interval of each row; `None` for a table without intervals.
fn intervals(batch: &RecordBatch) -> Result<Option<Vec<u64>>> {
    let Some(column) = batch.column_by_name("interval") else {
        return Ok(None);
    };
    let column = cast(column, &DataType::Int64)?;
    let values = column.as_primitive::<Int64Type>().values().iter();
    Ok(Some(values.map(|value| value.cast_unsigned()).collect()))
}

/// The rows whose interval is `chosen`; `None` where there are none.
fn select(
    Rows(table, batch): &Rows,
    intervals: &[u64],
    chosen: impl Fn(u64) -> bool,
) -> Result<Option<Rows>> {
    let mask: BooleanArray = intervals
        .iter()
        .map(|interval| Some(chosen(*interval)))
        .collect();
    Ok(match mask.true_count() {
        0 => None,
        all if all == mask.len() => Some(Rows(*table, batch.clone())),
        _ => Some(Rows(*table, filter_record_batch(batch, &mask)?)),
    })
}

#[cfg(test)]
mod tests;
