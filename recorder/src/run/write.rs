//! The loop that owns the recording's files: turns messages into batches, appends, flushes each interval, rotates.

use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use soakbox_schemas::event::OperationEvent;
use soakbox_schemas::tables::{
    Annotation, OperationInfo, OperationLogBuilder, OperationMetrics, RecorderHealth, Table,
};

use super::message::{Message, say};
use crate::clock::{Clock, ClockPair};
use crate::segment::RecordingWriter;

/// Rows that are collected before they become a frame of the journal, unless the flush interval is over first.
const BATCH_ROWS: usize = 16_384;

/// Rows written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) operation_log: u64,
}

/// Runs until every sender is gone, then seals.
///
/// # Errors
/// The first failure to write. What was written by then is in the recording, sealed or in journals.
pub(super) fn run(
    writer: RecordingWriter,
    operations: &[OperationInfo],
    receiver: &Receiver<Message>,
    flush_interval: Duration,
    clock: &dyn Clock,
) -> Result<Rows> {
    let mut writing = Writing {
        writer,
        log: OperationLogBuilder::new(operations),
        last: clock.now(),
        health: RecorderHealth::default(),
        rows: Rows::default(),
    };
    // Twice an interval, because a row has already waited for its place in order when it arrives here.
    let period = flush_interval / 2;
    let mut due = Instant::now() + period;
    loop {
        match receiver.recv_deadline(due) {
            Ok(message) => writing.take(message)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= due {
            writing.flush(clock.now())?;
            due = Instant::now() + period;
        }
    }
    writing.append_log()?;
    writing.writer.finish()?;
    Ok(writing.rows)
}

struct Writing {
    writer: RecordingWriter,
    log: OperationLogBuilder,
    /// The clocks of the latest events in `log`.
    last: ClockPair,
    /// What the writing side adds to the next row of `recorder_health`.
    health: RecorderHealth,
    rows: Rows,
}

impl Writing {
    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Events {
                events,
                now,
                late,
                ring_bytes,
            } => {
                self.health.events_received += events.len() as u64;
                self.health.events_late += late;
                self.health.ring_bytes_max = self.health.ring_bytes_max.max(ring_bytes);
                self.last = now;
                self.append_events(&events)
            }
            Message::Metrics(rows) => {
                self.append(Table::OPERATION_METRICS, OperationMetrics::batch(&rows))
            }
            Message::Annotation(row) => self.append(Table::ANNOTATIONS, Annotation::batch(&[row])),
            Message::Health(row) => self.append_health(row),
        }
    }

    fn append_events(&mut self, events: &[OperationEvent]) -> Result<()> {
        let offset_ns = self.last.offset_ns();
        for chunk in events.chunks(BATCH_ROWS) {
            for event in chunk {
                self.log.push(event, offset_ns);
            }
            if self.log.len() >= BATCH_ROWS {
                self.append_log()?;
            }
        }
        Ok(())
    }

    fn append_log(&mut self) -> Result<()> {
        if self.log.is_empty() {
            return Ok(());
        }
        let batch = self.log.finish()?;
        self.writer
            .append(Table::OPERATION_LOG, &batch, self.last)?;
        self.rows.operation_log += batch.num_rows() as u64;
        Ok(())
    }

    fn append_health(&mut self, mut row: RecorderHealth) -> Result<()> {
        let activity = self.writer.take_activity();
        row.events_received = self.health.events_received;
        row.events_late = self.health.events_late;
        row.ring_bytes_max = self.health.ring_bytes_max;
        row.flush_max_ns = activity.flush_max_ns;
        row.seal_ns = activity.seal_ns;
        row.segments_sealed = activity.segments_sealed;
        row.written_bytes = activity.written_bytes;
        self.health = RecorderHealth::default();
        self.append(Table::RECORDER_HEALTH, RecorderHealth::batch(&[row]))
    }

    fn append(
        &mut self,
        table: Table,
        batch: std::result::Result<arrow::array::RecordBatch, arrow::error::ArrowError>,
    ) -> Result<()> {
        let batch = batch?;
        if batch.num_rows() > 0 {
            self.writer.append(table, &batch, self.last)?;
        }
        Ok(())
    }

    fn flush(&mut self, now: ClockPair) -> Result<()> {
        self.append_log()?;
        self.writer.flush()?;
        if let Err(error) = self.writer.tick(now) {
            // No row is lost by a seal that failed: its journal is kept, and the seal tried again.
            say(format_args!("warning: {error}"));
        }
        self.last = now;
        Ok(())
    }
}
