//! A row of each table in which every column has a different value, and those values by column
//! name: a value must be read under the name that it was written under. The tests of the journal
//! and of the segments share this file.
#![allow(clippy::unwrap_used, unreachable_pub)]

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics,
    RecorderHealth, Table,
};

pub struct Distinct {
    pub table: Table,
    /// One row.
    pub batch: RecordBatch,
    /// Each column's value as text, times in ns.
    pub values: Vec<(&'static str, &'static str)>,
}

impl Distinct {
    /// Fails where a column of `batch` has another value than the row has, or is not a column of
    /// the row.
    pub fn assert_read(&self, batch: &RecordBatch) {
        assert_eq!(batch.num_rows(), 1, "{:?}", self.table);
        for &(name, expected) in &self.values {
            let column = batch.column_by_name(name).unwrap();
            assert!(!column.is_null(0), "{:?}.{name} is null", self.table);
            let read = match column.data_type() {
                DataType::Timestamp(..) => cast(column, &DataType::Int64).unwrap(),
                _ => column.clone(),
            };
            let read = array_value_to_string(&read, 0).unwrap();
            assert_eq!(read, expected, "{:?}.{name}", self.table);
        }
        let known = |name: &String| self.values.iter().any(|(known, _)| known == name);
        for field in batch.schema().fields() {
            assert!(
                known(field.name()),
                "{:?}.{} was not compared",
                self.table,
                field.name()
            );
        }
    }
}

/// A row of every declared table.
pub fn all() -> Vec<Distinct> {
    let all = vec![
        operation_log(),
        operation_metrics(),
        recorder_health(),
        annotations(),
    ];
    let tables: Vec<Table> = all.iter().map(|distinct| distinct.table).collect();
    assert_eq!(tables, Table::ALL);
    for Distinct { table, values, .. } in &all {
        let mut texts: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), values.len(), "{table:?} has a value twice");
    }
    all
}

fn operation_log() -> Distinct {
    let plan = ["other", "refresh"].map(|name| OperationInfo {
        name: name.to_owned(),
        operation_type: if name == "refresh" { 3 } else { 999 },
    });
    let mut builder = OperationLogBuilder::new(&plan);
    let event = OperationEvent {
        finished_boot_ns: 1_000_000_001,
        duration_ns: 8,
        cpu_ns: 9,
        cpu_user_ns: 10,
        cpu_system_ns: 11,
        memory_bytes: 12,
        memory_delta_bytes: -13,
        return_value: -14,
        bytes: 15,
        pid: 6,
        tid: 7,
        interval: 2,
        operation: 1,
        flags: flags::CPU
            | flags::CPU_SPLIT
            | flags::MEMORY
            | flags::MEMORY_DELTA
            | flags::RETURN
            | flags::BYTES
            | flags::SUCCESS_KNOWN
            | flags::SUCCESS,
        detail: 5,
    };
    // No event has both a code of its source and a goroutine.
    let event = |detail, flag| OperationEvent {
        detail,
        flags: event.flags | flag,
        ..event
    };
    let mut rows = [event(5, flags::SOURCE_TYPE), event(18, flags::GOROUTINE)].map(|event| {
        assert!(builder.push(&event, 2_000_000_000));
        builder.finish().unwrap()
    });
    for (row, missing) in rows.iter().zip(["goroutine", "source_type"]) {
        assert!(row.column_by_name(missing).unwrap().is_null(0));
    }
    let mut columns = rows[0].columns().to_vec();
    let goroutine = rows[0].schema().index_of("goroutine").unwrap();
    columns[goroutine] = rows[1].column(goroutine).clone();
    rows[0] = RecordBatch::try_new(rows[0].schema(), columns).unwrap();
    let [batch, _] = rows;
    Distinct {
        table: Table::OPERATION_LOG,
        batch,
        values: vec![
            ("finished_at", "3000000001"),
            ("interval", "2"),
            ("operation", "refresh"),
            ("operation_type", "3"),
            ("source_type", "5"),
            ("pid", "6"),
            ("tid", "7"),
            ("duration_ns", "8"),
            ("cpu_ns", "9"),
            ("cpu_user_ns", "10"),
            ("cpu_system_ns", "11"),
            ("memory_bytes", "12"),
            ("memory_delta_bytes", "-13"),
            ("success", "true"),
            ("return_value", "-14"),
            ("bytes", "15"),
            ("sample_weight", "1"),
            ("goroutine", "18"),
        ],
    }
}

fn operation_metrics() -> Distinct {
    let row = OperationMetrics {
        at_ns: 1_000_000_000,
        interval: 2,
        operation: "refresh".to_owned(),
        operation_type: 3,
        begun: 4,
        finished: 5,
        recorded: 6,
        filtered: 7,
        sampled_out: 8,
        lost_ring_full: 10,
        lost_too_deep: 20,
        lost_no_memory: 40,
        lost_switched_off: 160,
        lost_write: 80,
        abandoned: 11,
        unmatched: 12,
        begun_unobserved: 22,
        finished_unobserved: 23,
        in_flight: -13,
        failures: 14,
        duration_sum_ns: 15,
        cpu_sum_ns: 16,
        durations_ns: Some(vec![1, 17]),
        oldest_in_flight_ns: Some(18),
        probe_cost_ns: Some(19),
        duration_overhead_ns: Some(21),
        observed_ns: Some(26),
        unobserved_ns: Some(24),
        represented_ns: Some(25),
    };
    Distinct {
        table: Table::OPERATION_METRICS,
        batch: OperationMetrics::batch(&[row]).unwrap(),
        values: vec![
            ("at", "1000000000"),
            ("interval", "2"),
            ("operation", "refresh"),
            ("operation_type", "3"),
            ("begun", "4"),
            ("finished", "5"),
            ("recorded", "6"),
            ("filtered", "7"),
            ("sampled_out", "8"),
            ("lost", "310"),
            ("lost_ring_full", "10"),
            ("lost_too_deep", "20"),
            ("lost_no_memory", "40"),
            ("lost_switched_off", "160"),
            ("lost_write", "80"),
            ("abandoned", "11"),
            ("unmatched", "12"),
            ("begun_unobserved", "22"),
            ("finished_unobserved", "23"),
            ("in_flight", "-13"),
            ("failures", "14"),
            ("duration_sum_ns", "15"),
            ("cpu_sum_ns", "16"),
            ("durations_ns", "0111"),
            ("oldest_in_flight_ns", "18"),
            ("probe_cost_ns", "19"),
            ("duration_overhead_ns", "21"),
            ("observed_ns", "26"),
            ("unobserved_ns", "24"),
            ("represented_ns", "25"),
        ],
    }
}

fn recorder_health() -> Distinct {
    let row = RecorderHealth {
        at_ns: 1_000_000_000,
        boot_ns: 2,
        interval: 3,
        events_received: 4,
        events_late: 5,
        ring_bytes_max: 6,
        queue_depth_max: 7,
        flush_max_ns: 8,
        seal_ns: 9,
        segments_sealed: 10,
        written_bytes: 11,
        recorder_cpu_user_ns: Some(12),
        recorder_cpu_system_ns: Some(13),
        recorder_memory_bytes: Some(14),
        events_dropped: 15,
        seals_failed: 16,
        host_cpu_ns: Some(17),
        host_steal_ns: Some(18),
        host_cpu_pressure_ns: Some(19),
        host_memory_pressure_ns: Some(20),
        host_io_pressure_ns: Some(21),
        host_memory_available_bytes: Some(22),
        bpf_runs: Some(23),
        bpf_run_ns: Some(24),
    };
    Distinct {
        table: Table::RECORDER_HEALTH,
        batch: RecorderHealth::batch(&[row]).unwrap(),
        values: vec![
            ("at", "1000000000"),
            ("boot_ns", "2"),
            ("interval", "3"),
            ("events_received", "4"),
            ("events_late", "5"),
            ("ring_bytes_max", "6"),
            ("queue_depth_max", "7"),
            ("flush_max_ns", "8"),
            ("seal_ns", "9"),
            ("segments_sealed", "10"),
            ("written_bytes", "11"),
            ("recorder_cpu_user_ns", "12"),
            ("recorder_cpu_system_ns", "13"),
            ("recorder_memory_bytes", "14"),
            ("events_dropped", "15"),
            ("seals_failed", "16"),
            ("host_cpu_ns", "17"),
            ("host_steal_ns", "18"),
            ("host_cpu_pressure_ns", "19"),
            ("host_memory_pressure_ns", "20"),
            ("host_io_pressure_ns", "21"),
            ("host_memory_available_bytes", "22"),
            ("bpf_runs", "23"),
            ("bpf_run_ns", "24"),
        ],
    }
}

fn annotations() -> Distinct {
    let row = Annotation {
        at_ns: 1_000_000_000,
        until_ns: Some(2_000_000_000),
        kind: AnnotationKind::Gap,
        text: "crash".to_owned(),
    };
    Distinct {
        table: Table::ANNOTATIONS,
        batch: Annotation::batch(&[row]).unwrap(),
        values: vec![
            ("at", "1000000000"),
            ("until", "2000000000"),
            ("kind", "gap"),
            ("text", "crash"),
        ],
    }
}
