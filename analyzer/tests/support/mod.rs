//! Writes recordings as the recorder does: sealed segments with their footers, journals, in the layout of `schemas`.
//! The data is made up from a fixed seed, so that every figure in the tests is the same on each run.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::{max, min};
use arrow::datatypes::{Schema, TimestampNanosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::journal;
use soakbox_schemas::recording::{FORMAT_VERSION, JournalName, LOCK_FILE, SegmentName, footer};
use soakbox_schemas::tables::{
    Annotation, AnnotationKind, OperationInfo, OperationLogBuilder, OperationMetrics,
    RecorderHealth, Table,
};

/// 2026-11-24T08:00:00Z.
pub const START_NS: i64 = 1_795_507_200_000_000_000;
pub const SECOND: i64 = 1_000_000_000;
pub const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000001";
/// Boot clock at [`START_NS`], in intervals of a second.
const BOOT_INTERVAL: u64 = 5_000;

/// One run of a recorder.
pub struct Recorder {
    pub root: PathBuf,
    pub uuid: String,
    pub host: String,
    sequences: HashMap<Table, u64>,
}

impl Recorder {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            uuid: UUID.to_owned(),
            host: "soak-1".to_owned(),
            sequences: HashMap::new(),
        }
    }

    pub fn with_uuid(mut self, uuid: &str, host: &str) -> Self {
        self.uuid = uuid.to_owned();
        self.host = host.to_owned();
        self
    }

    fn footer(&self, table: Table) -> Vec<(String, String)> {
        let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        vec![
            text(footer::FORMAT, FORMAT_VERSION),
            text(footer::TABLE, table.name()),
            text(footer::RECORDER_VERSION, "0.1.0"),
            text(footer::RECORDER_UUID, &self.uuid),
            text(footer::HOST, &self.host),
            text(footer::KERNEL, "6.18.0"),
            text(footer::INTERVAL_NS, &SECOND.to_string()),
            text(footer::TARGET, "/usr/bin/meshd"),
        ]
    }

    fn next_sequence(&mut self, table: Table) -> u64 {
        let sequence = self.sequences.entry(table).or_insert(0);
        *sequence += 1;
        *sequence
    }

    /// Writes a sealed segment; its path.
    pub fn seal(&mut self, table: Table, batch: &RecordBatch) -> PathBuf {
        let sequence = self.next_sequence(table);
        self.seal_as(table, batch, sequence)
    }

    pub fn seal_as(&self, table: Table, batch: &RecordBatch, sequence: u64) -> PathBuf {
        self.seal_with(table, batch, sequence, &[])
    }

    /// With more in its footer.
    pub fn seal_with(
        &self,
        table: Table,
        batch: &RecordBatch,
        sequence: u64,
        more: &[(&str, &str)],
    ) -> PathBuf {
        let (first, last) = times(batch);
        let name = SegmentName::new(first, &self.host, &self.uuid, sequence);
        let path = name.path(&self.root, table);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut pairs = self.footer(table);
        pairs.push((footer::SEQUENCE.to_owned(), sequence.to_string()));
        pairs.push((footer::FIRST_AT_NS.to_owned(), first.to_string()));
        pairs.push((footer::LAST_AT_NS.to_owned(), last.to_string()));
        pairs.push((footer::ROWS.to_owned(), batch.num_rows().to_string()));
        let more = more
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        pairs.extend(more);
        // Visible only when it is complete.
        let beside = path.with_extension("part");
        write_parquet(&beside, batch, pairs);
        fs::rename(beside, &path).unwrap();
        path
    }

    /// Writes a journal of one frame per batch and leaves it open; its path.
    pub fn journal(&mut self, table: Table, batches: &[RecordBatch]) -> PathBuf {
        let sequence = self.next_sequence(table);
        let name = JournalName {
            uuid: self.uuid.clone(),
            table,
            sequence,
        };
        let path = name.path(&self.root);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_file_name(LOCK_FILE), b"").unwrap();
        let mut bytes = Vec::new();
        for batch in batches {
            let metadata = self.footer(table).into_iter().collect();
            let fields = batch.schema().fields().clone();
            let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
            let batch = batch.clone().with_schema(schema).unwrap();
            journal::encode(&batch, &mut bytes).unwrap();
        }
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn times(batch: &RecordBatch) -> (i64, i64) {
    let column = batch.column(0).as_primitive::<TimestampNanosecondType>();
    (min(column).unwrap(), max(column).unwrap())
}

pub fn write_parquet(path: &Path, batch: &RecordBatch, pairs: Vec<(String, String)>) {
    let pairs = pairs
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value))
        .collect();
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(pairs))
        .set_created_by("test".to_owned())
        .build();
    // As the recorder: readers see plain Parquet types, not Arrow's dictionaries.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// A small generator with a fixed seed (SplitMix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Of what a recording is made.
#[derive(Clone, Copy)]
pub struct Soak {
    pub seconds: i64,
    pub refreshes_per_second: u64,
    pub controls_per_second: u64,
    /// Durations of `rule_refresh` grow by this factor from the middle on.
    pub slowdown: f64,
    /// Operations of `traffic_control` lost in each of the seconds 20 to 24.
    pub lost: u64,
    /// A gap of ten seconds starts here.
    pub gap_at: Option<i64>,
    pub seed: u64,
}

impl Default for Soak {
    fn default() -> Self {
        Self {
            seconds: 120,
            refreshes_per_second: 20,
            controls_per_second: 50,
            slowdown: 1.0,
            lost: 0,
            gap_at: None,
            seed: 1,
        }
    }
}

pub fn plan() -> [OperationInfo; 2] {
    ["rule_refresh", "traffic_control"].map(|name| OperationInfo {
        name: name.to_owned(),
        operation_type: if name == "rule_refresh" { 1 } else { 2 },
    })
}

/// All rows of a recording, second by second.
pub struct Rows {
    pub log: Vec<RecordBatch>,
    pub metrics: Vec<Vec<OperationMetrics>>,
    pub health: Vec<RecorderHealth>,
    pub annotations: Vec<Annotation>,
}

impl Soak {
    /// One with a loss and a gap.
    pub fn incomplete() -> Self {
        Self {
            lost: 3,
            gap_at: Some(40),
            ..Self::default()
        }
    }

    fn in_gap(&self, second: i64) -> bool {
        self.gap_at
            .is_some_and(|at| (at..at + 10).contains(&second))
    }

    pub fn rows(&self) -> Rows {
        let mut noise = Noise(self.seed);
        let mut builder = OperationLogBuilder::new(&plan());
        let mut rows = Rows {
            log: Vec::new(),
            metrics: Vec::new(),
            health: Vec::new(),
            annotations: vec![annotation(
                0,
                None,
                AnnotationKind::RecordingStarted,
                "0.1.0",
            )],
        };
        for second in (0..self.seconds).filter(|second| !self.in_gap(*second)) {
            let mut metrics = Vec::new();
            for operation in 0..2u16 {
                metrics.push(self.second(second, operation, &mut noise, &mut builder));
            }
            rows.log.push(builder.finish().unwrap());
            rows.metrics.push(metrics);
            rows.health.push(RecorderHealth {
                at_ns: START_NS + (second + 1) * SECOND,
                boot_ns: (BOOT_INTERVAL + second as u64 + 1) * SECOND as u64,
                interval: BOOT_INTERVAL + second as u64,
                events_received: self.refreshes_per_second + self.controls_per_second,
                recorder_memory_bytes: Some(12 << 20),
                ..RecorderHealth::default()
            });
        }
        if let Some(at) = self.gap_at {
            rows.annotations
                .push(annotation(at, Some(at + 10), AnnotationKind::Gap, "crash"));
        }
        if self.seconds > 60 {
            rows.annotations
                .push(annotation(60, None, AnnotationKind::Note, "deploy 1.4"));
        }
        rows.annotations.push(annotation(
            self.seconds,
            None,
            AnnotationKind::RecordingStopped,
            "interrupted",
        ));
        rows
    }

    fn second(
        &self,
        second: i64,
        operation: u16,
        noise: &mut Noise,
        builder: &mut OperationLogBuilder,
    ) -> OperationMetrics {
        let refresh = operation == 0;
        let per_second = if refresh {
            self.refreshes_per_second
        } else {
            self.controls_per_second
        };
        let boot_ns = (BOOT_INTERVAL as i64 + second) * SECOND;
        let (mut failures, mut duration_sum_ns) = (0, 0);
        for index in 0..per_second {
            let fast = if refresh { 2e6 } else { 15e3 };
            let slow = if second >= self.seconds / 2 && refresh {
                self.slowdown
            } else {
                1.0
            };
            // A long right tail, as latencies have.
            let duration_ns = fast * slow * (0.8 + 0.4 * noise.unit() + 0.4 * -noise.unit().ln());
            let failed = !refresh && noise.unit() < 0.01;
            failures += u64::from(failed);
            duration_sum_ns += duration_ns as u64;
            let mut event = OperationEvent {
                finished_boot_ns: (boot_ns + SECOND * index as i64 / per_second as i64) as u64,
                duration_ns: duration_ns as u64,
                cpu_ns: (duration_ns * 0.6) as u64,
                cpu_user_ns: (duration_ns * 0.4) as u64,
                cpu_system_ns: (duration_ns * 0.2) as u64,
                memory_bytes: (64 << 20) + (second as u64) * 4096,
                memory_delta_bytes: if index % 2 == 0 { 4096 } else { -4096 },
                pid: 4242,
                tid: 4242 + (index % 4) as u32,
                interval: (BOOT_INTERVAL as i64 + second) as u32,
                operation,
                flags: flags::CPU | flags::CPU_SPLIT | flags::MEMORY | flags::MEMORY_DELTA,
                ..OperationEvent::default()
            };
            if !refresh {
                event.flags |= flags::SUCCESS_KNOWN | flags::BYTES;
                event.flags |= if failed { 0 } else { flags::SUCCESS };
                event.bytes = 512;
            }
            assert!(builder.push(&event, START_NS - BOOT_INTERVAL as i64 * SECOND));
        }
        let lost = if !refresh && (20..25).contains(&second) {
            self.lost
        } else {
            0
        };
        OperationMetrics {
            at_ns: START_NS + second * SECOND,
            interval: BOOT_INTERVAL + second as u64,
            operation: plan()[usize::from(operation)].name.clone(),
            operation_type: i64::from(operation) + 1,
            begun: per_second + lost,
            finished: per_second + lost,
            recorded: per_second,
            lost_ring_full: lost,
            failures,
            duration_sum_ns,
            ..OperationMetrics::default()
        }
    }

    /// Writes it, sealed, in two segments of `operation_log` and one of each other table.
    pub fn seal(&self, root: &Path) -> Recorder {
        let mut recorder = Recorder::new(root);
        let rows = self.rows();
        for half in rows.log.chunks(rows.log.len().div_ceil(2)) {
            recorder.seal(Table::OPERATION_LOG, &concat(half));
        }
        let metrics: Vec<OperationMetrics> = rows.metrics.into_iter().flatten().collect();
        recorder.seal(
            Table::OPERATION_METRICS,
            &OperationMetrics::batch(&metrics).unwrap(),
        );
        recorder.seal(
            Table::RECORDER_HEALTH,
            &RecorderHealth::batch(&rows.health).unwrap(),
        );
        recorder.seal(
            Table::ANNOTATIONS,
            &Annotation::batch(&rows.annotations).unwrap(),
        );
        recorder
    }
}

pub fn annotation(second: i64, until: Option<i64>, kind: AnnotationKind, text: &str) -> Annotation {
    Annotation {
        at_ns: START_NS + second * SECOND,
        until_ns: until.map(|second| START_NS + second * SECOND),
        kind,
        text: text.to_owned(),
    }
}

pub fn concat(batches: &[RecordBatch]) -> RecordBatch {
    arrow::compute::concat_batches(&batches[0].schema(), batches).unwrap()
}
