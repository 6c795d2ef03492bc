//! A run of a simulated recorder: its lock, its journals and its sealed files.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{Schema, TimestampNanosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use soakbox_schemas::journal;
use soakbox_schemas::recording::encoding;
use soakbox_schemas::recording::footer::Cpu;
use soakbox_schemas::recording::roll_up::{Place, RollUp};
use soakbox_schemas::recording::{
    Extent, Footer, JournalName, LOCK_FILE, ObservedFile, Provenance, SegmentName,
    journal_directory,
};
use soakbox_schemas::tables::{Annotation, AnnotationKind, Table};

use crate::annotation;

use crate::{SECOND, START_NS, UUID};

/// One run of a recorder. It holds the lock of its journals until it is dropped. If journals are
/// left then, they are as after a kill of the recorder.
pub struct Recorder {
    pub root: PathBuf,
    pub uuid: String,
    pub host: String,
    pub cpu: Cpu,
    pub target: String,
    /// The settings in the footers, by name.
    pub settings: BTreeMap<String, String>,
    /// Whether files are encoded as the recorder does; otherwise as is usual, which is faster.
    pub encodes: bool,
    /// Whether segments of `operation_metrics` have a roll-up, as those of the recorder.
    pub rolls_up: bool,
    /// A column that these sums lack.
    pub roll_up_lacks: Option<String>,
    sequences: HashMap<Table, u64>,
    lock: Option<Lock>,
}

/// A locked file. The lock is given up at the drop, not at the close: a program that another test starts at
/// this moment has the descriptor, too, until it runs, and the lock would be held as long.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Recorder {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            uuid: UUID.to_owned(),
            host: "soak-1".to_owned(),
            cpu: Cpu {
                model: Some("Example CPU".to_owned()),
                count: Some(4),
            },
            target: "/usr/bin/meshd".to_owned(),
            settings: BTreeMap::new(),
            encodes: false,
            rolls_up: true,
            roll_up_lacks: None,
            sequences: HashMap::new(),
            lock: None,
        }
    }

    pub fn with_uuid(mut self, uuid: &str, host: &str) -> Self {
        self.uuid = uuid.to_owned();
        self.host = host.to_owned();
        self
    }

    fn footer(&self, table: Table, sequence: u64) -> Footer {
        let name = JournalName {
            uuid: self.uuid.clone(),
            table,
            sequence,
        };
        let provenance = Provenance {
            recorder_version: "0.1.0".to_owned(),
            host: self.host.clone(),
            kernel: "6.18.0".to_owned(),
            cpu: self.cpu.clone(),
            interval_ns: SECOND as u64,
            settings: self.settings.clone(),
            observed: vec![ObservedFile {
                path: self.target.as_str().into(),
                file: self.target.as_str().into(),
                build_id: None,
            }],
            ..Provenance::default()
        };
        Footer::of_journal(name, provenance)
    }

    fn next_sequence(&mut self, table: Table) -> u64 {
        let sequence = self.sequences.entry(table).or_insert(0);
        *sequence += 1;
        *sequence
    }

    /// Writes a sealed segment and returns its path.
    pub fn seal(&mut self, table: Table, batch: &RecordBatch) -> PathBuf {
        let sequence = self.next_sequence(table);
        self.seal_as(table, batch, sequence)
    }

    /// Seals the annotation with which every recorder begins.
    pub fn seal_start(&mut self) -> PathBuf {
        let start = annotation(0, None, AnnotationKind::RecordingStarted, "0.1.0");
        self.seal(Table::ANNOTATIONS, &Annotation::batch(&[start]).unwrap())
    }

    pub fn seal_as(&self, table: Table, batch: &RecordBatch, sequence: u64) -> PathBuf {
        self.seal_with(table, batch, sequence, &[])
    }

    /// As [`Recorder::seal_as`], with further entries in the footer.
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
        let mut footer = self.footer(table, sequence);
        footer.extent = Some(Extent {
            rows: batch.num_rows() as u64,
            first_at_ns: first,
            last_at_ns: last,
            sorted: false,
        });
        let more = more
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let options = match self.encodes {
            true => encoding::options(&batch.schema(), false),
            false => plain_options(),
        };
        // Visible only when it is complete.
        let part = path.with_extension("part");
        let file = File::create(&part).unwrap();
        let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
        writer.write(batch).unwrap();
        writer.flush().unwrap();
        if table == Table::OPERATION_METRICS && self.rolls_up {
            let mut roll_up = RollUp::default();
            roll_up.add(batch);
            if let Some(mut rows) = roll_up.finish().unwrap() {
                if let Some(column) = &self.roll_up_lacks {
                    let place = rows.schema().index_of(column).unwrap();
                    rows.remove_column(place);
                }
                let mut bytes = Vec::new();
                journal::encode(&rows, &mut bytes).unwrap();
                footer.roll_up = Some(Place {
                    offset: writer.bytes_written() as u64,
                    bytes: bytes.len() as u64,
                });
                writer.write_all(&bytes).unwrap();
            }
        }
        let mut pairs = footer.to_pairs();
        pairs.extend(more);
        close(writer, pairs.into_iter().collect());
        fs::rename(part, &path).unwrap();
        path
    }

    /// Locks the journals, as a recorder does before its first row.
    pub fn start(&mut self) {
        if self.lock.is_none() {
            let directory = journal_directory(&self.root, &self.uuid);
            fs::create_dir_all(&directory).unwrap();
            let path = directory.join(LOCK_FILE);
            fs::write(&path, format!("running\nstarted_at_ns {START_NS}\npid 1\n")).unwrap();
            let lock = File::open(path).unwrap();
            lock.lock().unwrap();
            self.lock = Some(Lock(lock));
        }
    }

    /// Writes a journal with one frame per batch and returns its path.
    pub fn journal(&mut self, table: Table, batches: &[RecordBatch]) -> PathBuf {
        let sequence = self.next_sequence(table);
        let name = JournalName {
            uuid: self.uuid.clone(),
            table,
            sequence,
        };
        let path = name.path(&self.root);
        self.start();
        let mut bytes = Vec::new();
        for batch in batches {
            let metadata = self
                .footer(table, sequence)
                .to_pairs()
                .into_iter()
                .collect();
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
    let file = File::create(path).unwrap();
    let mut writer =
        ArrowWriter::try_new_with_options(file, batch.schema(), plain_options()).unwrap();
    writer.write(batch).unwrap();
    close(writer, pairs);
}

fn plain_options() -> ArrowWriterOptions {
    let properties = WriterProperties::builder()
        .set_created_by("test".to_owned())
        .build();
    // As the recorder: readers see plain Parquet types, not Arrow's dictionaries.
    ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true)
}

fn close(mut writer: ArrowWriter<File>, pairs: Vec<(String, String)>) {
    for (key, value) in pairs {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    writer.close().unwrap();
}
