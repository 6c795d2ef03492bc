//! `recorder_health`: one row per interval and one at the end, the recorder about itself, and a clock pair.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::column::{self, OPTIONAL, REQUIRED, clamp};
use arrow::array::Int64Array;

/// A row of `recorder_health`. Counts are of the time since the row before. What the recorder does after its last row
/// (the last flush, and the seals that end the recording, this table's among them) is in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderHealth {
    /// When the row was taken, ns UTC.
    pub at_ns: i64,
    /// Boot clock at the same moment, ns; with `at` this is the clock pair.
    pub boot_ns: u64,
    /// The interval that the boot clock was in.
    pub interval: u64,
    /// Events taken from the ring; all rows of a run together have as many as `operation_log`.
    pub events_received: u64,
    /// Events that came too late for the reorder window; their file is not sorted.
    pub events_late: u64,
    /// Unread bytes of the ring when it was drained, at most.
    pub ring_bytes_max: u64,
    /// Batches waiting between the recorder's threads, at most, as each sender saw it after what it sent.
    pub queue_depth_max: u64,
    /// Longest append and fsync of a journal, ns.
    pub flush_max_ns: u64,
    /// Time spent sealing segments, ns.
    pub seal_ns: u64,
    /// Segments sealed.
    pub segments_sealed: u64,
    /// Bytes written to journals and segments.
    pub written_bytes: u64,
    /// The recorder's own CPU user time, ns; `None` where it could not be read.
    pub recorder_cpu_user_ns: Option<u64>,
    /// Its CPU system time, ns.
    pub recorder_cpu_system_ns: Option<u64>,
    /// Its resident memory, bytes.
    pub recorder_memory_bytes: Option<u64>,
}

impl RecorderHealth {
    /// Rows as a batch.
    ///
    /// # Errors
    /// Only where Arrow refuses the columns, which the schema's tests rule out.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        let count = |value: fn(&Self) -> u64| -> ArrayRef {
            Arc::new(column::integers(rows.iter().map(value)))
        };
        let optional = |value: fn(&Self) -> Option<u64>| -> ArrayRef {
            Arc::new(Int64Array::from_iter(
                rows.iter().map(|row| value(row).map(clamp)),
            ))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(column::timestamps(rows.iter().map(|row| row.at_ns))),
            count(|row| row.boot_ns),
            count(|row| row.interval),
            count(|row| row.events_received),
            count(|row| row.events_late),
            count(|row| row.ring_bytes_max),
            count(|row| row.queue_depth_max),
            count(|row| row.flush_max_ns),
            count(|row| row.seal_ns),
            count(|row| row.segments_sealed),
            count(|row| row.written_bytes),
            optional(|row| row.recorder_cpu_user_ns),
            optional(|row| row.recorder_cpu_system_ns),
            optional(|row| row.recorder_memory_bytes),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

pub(super) fn schema() -> SchemaRef {
    let mut fields = vec![column::timestamp("at", REQUIRED)];
    let counts = [
        "boot_ns",
        "interval",
        "events_received",
        "events_late",
        "ring_bytes_max",
        "queue_depth_max",
        "flush_max_ns",
        "seal_ns",
        "segments_sealed",
        "written_bytes",
    ];
    fields.extend(counts.map(|name| column::integer(name, REQUIRED)));
    let measured = [
        "recorder_cpu_user_ns",
        "recorder_cpu_system_ns",
        "recorder_memory_bytes",
    ];
    fields.extend(measured.map(|name| column::integer(name, OPTIONAL)));
    column::schema(fields)
}
