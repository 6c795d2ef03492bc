//! `operation_log`: one row per recorded operation.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, DictionaryArray, Int32Builder, Int64Builder, RecordBatch,
    StringArray, TimestampNanosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::column::{self, OPTIONAL, REQUIRED, clamp};
use crate::event::{OperationEvent, flags};

/// What the plan knows of an operation; its index is [`OperationEvent::operation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// Its name, as given with `--op NAME=…`.
    pub name: String,
    /// Its code (1 rule refresh, 2 traffic control, …), 0 where none was given.
    pub operation_type: i64,
}

pub(super) fn schema() -> SchemaRef {
    column::schema(vec![
        column::timestamp("finished_at", REQUIRED),
        column::integer("interval", REQUIRED),
        column::word("operation"),
        column::integer("operation_type", REQUIRED),
        column::integer("source_type", OPTIONAL),
        column::integer("pid", OPTIONAL),
        column::integer("tid", OPTIONAL),
        column::integer("duration_ns", REQUIRED),
        column::integer("cpu_ns", OPTIONAL),
        column::integer("cpu_user_ns", OPTIONAL),
        column::integer("cpu_system_ns", OPTIONAL),
        column::integer("memory_bytes", OPTIONAL),
        column::integer("memory_delta_bytes", OPTIONAL),
        column::boolean("success", OPTIONAL),
        column::integer("return_value", OPTIONAL),
        column::integer("bytes", OPTIONAL),
        column::integer("sample_weight", REQUIRED),
    ])
}

/// Collects events into batches of `operation_log`.
#[derive(Debug)]
pub struct OperationLogBuilder {
    schema: SchemaRef,
    names: ArrayRef,
    types: Vec<i64>,
    finished_at: TimestampNanosecondBuilder,
    interval: Int64Builder,
    operation: Int32Builder,
    operation_type: Int64Builder,
    source_type: Int64Builder,
    pid: Int64Builder,
    tid: Int64Builder,
    duration_ns: Int64Builder,
    cpu_ns: Int64Builder,
    cpu_user_ns: Int64Builder,
    cpu_system_ns: Int64Builder,
    memory_bytes: Int64Builder,
    memory_delta_bytes: Int64Builder,
    success: BooleanBuilder,
    return_value: Int64Builder,
    bytes: Int64Builder,
    sample_weight: Int64Builder,
}

impl OperationLogBuilder {
    /// For events whose `operation` indexes `operations`.
    pub fn new(operations: &[OperationInfo]) -> Self {
        Self {
            schema: schema(),
            names: Arc::new(StringArray::from_iter_values(
                operations.iter().map(|operation| operation.name.as_str()),
            )),
            types: operations
                .iter()
                .map(|operation| operation.operation_type)
                .collect(),
            finished_at: TimestampNanosecondBuilder::new().with_timezone("UTC"),
            interval: Int64Builder::new(),
            operation: Int32Builder::new(),
            operation_type: Int64Builder::new(),
            source_type: Int64Builder::new(),
            pid: Int64Builder::new(),
            tid: Int64Builder::new(),
            duration_ns: Int64Builder::new(),
            cpu_ns: Int64Builder::new(),
            cpu_user_ns: Int64Builder::new(),
            cpu_system_ns: Int64Builder::new(),
            memory_bytes: Int64Builder::new(),
            memory_delta_bytes: Int64Builder::new(),
            success: BooleanBuilder::new(),
            return_value: Int64Builder::new(),
            bytes: Int64Builder::new(),
            sample_weight: Int64Builder::new(),
        }
    }

    /// Appends one event. `utc_offset_ns` is UTC minus boot clock. `false`, and nothing appended, where the event
    /// names an operation that the plan does not have.
    #[inline]
    pub fn push(&mut self, event: &OperationEvent, utc_offset_ns: i64) -> bool {
        let Some(&operation_type) = self.types.get(usize::from(event.operation)) else {
            return false;
        };
        let finished_at = clamp(event.finished_boot_ns).saturating_add(utc_offset_ns);
        self.finished_at.append_value(finished_at);
        self.interval.append_value(i64::from(event.interval));
        self.operation.append_value(i32::from(event.operation));
        self.operation_type.append_value(operation_type);
        self.source_type
            .append_option(event.optional(flags::SOURCE_TYPE, i64::from(event.source_type)));
        self.pid.append_option(seen(event.pid));
        self.tid.append_option(seen(event.tid));
        self.duration_ns.append_value(clamp(event.duration_ns));
        self.cpu_ns
            .append_option(event.optional(flags::CPU, clamp(event.cpu_ns)));
        self.cpu_user_ns
            .append_option(event.optional(flags::CPU_SPLIT, clamp(event.cpu_user_ns)));
        self.cpu_system_ns
            .append_option(event.optional(flags::CPU_SPLIT, clamp(event.cpu_system_ns)));
        self.memory_bytes
            .append_option(event.optional(flags::MEMORY, clamp(event.memory_bytes)));
        self.memory_delta_bytes
            .append_option(event.optional(flags::MEMORY_DELTA, event.memory_delta_bytes));
        self.success.append_option(event.success());
        self.return_value
            .append_option(event.optional(flags::RETURN, event.return_value));
        self.bytes
            .append_option(event.optional(flags::BYTES, clamp(event.bytes)));
        self.sample_weight.append_value(1);
        true
    }

    /// Rows appended since the last batch.
    pub fn len(&self) -> usize {
        self.pid.values_slice().len()
    }

    /// Whether there is nothing to finish.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows so far as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// Only where Arrow refuses the columns, which the schema's tests rule out.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let operation = DictionaryArray::try_new(self.operation.finish(), self.names.clone())?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.finished_at.finish()),
            Arc::new(self.interval.finish()),
            Arc::new(operation),
            Arc::new(self.operation_type.finish()),
            Arc::new(self.source_type.finish()),
            Arc::new(self.pid.finish()),
            Arc::new(self.tid.finish()),
            Arc::new(self.duration_ns.finish()),
            Arc::new(self.cpu_ns.finish()),
            Arc::new(self.cpu_user_ns.finish()),
            Arc::new(self.cpu_system_ns.finish()),
            Arc::new(self.memory_bytes.finish()),
            Arc::new(self.memory_delta_bytes.finish()),
            Arc::new(self.success.finish()),
            Arc::new(self.return_value.finish()),
            Arc::new(self.bytes.finish()),
            Arc::new(self.sample_weight.finish()),
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

/// An id, missing where the recorder's PID namespace does not see the process.
fn seen(id: u32) -> Option<i64> {
    (id != 0).then_some(i64::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;

    #[test]
    fn what_has_no_flag_is_null_and_an_unknown_operation_is_refused() {
        let plan = [OperationInfo {
            name: "refresh".into(),
            operation_type: 1,
        }];
        let mut builder = OperationLogBuilder::new(&plan);
        let event = OperationEvent {
            finished_boot_ns: 5,
            cpu_ns: 7,
            return_value: -3,
            flags: flags::RETURN | flags::SUCCESS_KNOWN,
            ..Default::default()
        };
        assert!(builder.push(&event, 100));
        assert!(!builder.push(
            &OperationEvent {
                operation: 1,
                ..event
            },
            100
        ));
        assert_eq!(builder.len(), 1);
        let batch = builder.finish().unwrap();
        assert!(builder.is_empty());
        assert_eq!(batch.schema(), schema());
        let column = |name| batch.column_by_name(name).unwrap();
        assert!(column("cpu_ns").is_null(0));
        assert!(column("memory_bytes").is_null(0));
        assert_eq!(
            column("return_value").as_primitive::<Int64Type>().value(0),
            -3
        );
        assert!(!column("success").as_boolean().value(0));
        assert!(!column("success").is_null(0));
    }
}
