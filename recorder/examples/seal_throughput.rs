//! Measures the throughput of one core from events to a sealed segment: building batches, the
//! journal, the seal, and the last two together.
//!
//!     cargo run --release -p soakbox-recorder --example seal_throughput -- [EVENTS] [DIRECTORY]
//! The events are synthetic, in the shape of real ones: three operations of a few threads,
//! log-normal durations, memory that changes by pages, rare failures. CPU time of this thread is
//! measured, so a busy machine hardly matters.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use rustix::time::{ClockId, clock_gettime};
use soakbox_recorder::host::Host;
use soakbox_recorder::segment::{JournalWriter, Sealed, of_host, scan, seal};
use soakbox_schemas::event::{OperationEvent, flags};
use soakbox_schemas::recording::{Footer, JournalName};
use soakbox_schemas::tables::{OperationInfo, OperationLogBuilder, Table};

const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";
/// Rows of a batch: those of 10 ms at 800,000 operations a second.
const BATCH: usize = 8_192;

/// First argument of the process that only seals, so that its memory is that of a seal.
const SEAL: &str = "--seal";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = |text: &String| text.parse().unwrap();
    if let [mode, root, events, journaling] = arguments.as_slice()
        && mode == SEAL
    {
        let journaling = journaling.parse().unwrap();
        return measure_seal(count(events), Path::new(root), journaling);
    }
    let events = arguments.first().map_or(2_000_000, count);
    let directory = arguments
        .get(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let root = directory.join(format!("soakbox-seal-throughput-{}", std::process::id()));
    let journaling = measure_journal(events, &root).to_string();
    let sealed = Command::new(std::env::current_exe().unwrap())
        .args([
            SEAL,
            root.to_str().unwrap(),
            &events.to_string(),
            &journaling,
        ])
        .status();
    std::fs::remove_dir_all(&root).unwrap();
    assert!(sealed.unwrap().success());
}

fn journal_name() -> JournalName {
    JournalName {
        uuid: UUID.into(),
        table: Table::OPERATION_LOG,
        sequence: 1,
    }
}

/// Writes a journal; returns the seconds of its writing.
fn measure_journal(count: usize, root: &Path) -> f64 {
    let events = Events::new().take(count).collect::<Vec<_>>();
    let plan = ["rule_refresh", "traffic_control", "lookup"];
    let plan = plan.map(|name| OperationInfo {
        name: name.into(),
        operation_type: 1,
    });
    let mut builder = OperationLogBuilder::new(&plan);
    let mut batches = Vec::new();
    let building = cpu_seconds(|| {
        for chunk in events.chunks(BATCH) {
            for event in chunk {
                assert!(builder.push(event, 1_800_000_000_000_000_000));
            }
            batches.push(builder.finish().unwrap());
        }
    });
    let name = journal_name();
    std::fs::create_dir_all(name.path(root).parent().unwrap()).unwrap();
    let footer = Footer::of_journal(name, of_host(&Host::read()));
    let mut journal = JournalWriter::create(root, batches[0].schema_ref(), &footer).unwrap();
    let journaling = cpu_seconds(|| {
        for batch in &batches {
            journal.append(batch).unwrap();
        }
        journal.flush().unwrap();
    });
    let event_bytes = count * size_of::<OperationEvent>();
    report("batches", count, building, event_bytes);
    report("journal", count, journaling, journal.bytes() as usize);
    journaling
}

fn measure_seal(count: usize, root: &Path, journaling: f64) {
    let name = journal_name();
    let journal_bytes = std::fs::metadata(name.path(root)).unwrap().len() as usize;
    let mut summary = None;
    let scanning = cpu_seconds(|| summary = Some(scan(&name.path(root)).unwrap().summary));
    let before = status_bytes("VmRSS");
    let mut sealed = None;
    let sealing = cpu_seconds(|| sealed = Some(seal(root, &name, summary.as_ref()).unwrap()));
    let Some(Sealed::Segment(segment)) = sealed else {
        panic!("nothing was sealed");
    };
    report("read back", count, scanning, journal_bytes);
    report("seal", count, sealing, segment.bytes as usize);
    report("both", count, journaling + sealing, segment.bytes as usize);
    let peak = status_bytes("VmHWM");
    println!(
        "peak memory of a seal: {:.1} MiB, {:.1} MiB of it above the process",
        peak as f64 / 1048576.0,
        (peak - before) as f64 / 1048576.0
    );
    columns(&segment.path, count);
}

fn report(stage: &str, events: usize, seconds: f64, bytes: usize) {
    println!(
        "{stage:<10} {:6.2} M events/s per core  {:6.2} bytes/event",
        events as f64 / seconds / 1e6,
        bytes as f64 / events as f64
    );
}

fn columns(path: &Path, events: usize) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata();
    for index in 0..metadata.file_metadata().schema_descr().num_columns() {
        let chunks = metadata
            .row_groups()
            .iter()
            .map(|group| group.column(index));
        let bytes: i64 = chunks.clone().map(|chunk| chunk.compressed_size()).sum();
        let chunk = metadata.row_group(0).column(index);
        println!(
            "  {:<20} {:6.3} bytes/event  {:?}",
            chunk.column_path().string(),
            bytes as f64 / events as f64,
            chunk.encodings().collect::<Vec<_>>()
        );
    }
}

/// CPU time that this thread spends in `work`.
fn cpu_seconds(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    work();
    now() - start
}

fn status_bytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<u64>().unwrap() << 10
}

/// Synthetic events, in order of their finish.
struct Events {
    random: u64,
    now: u64,
    memory: [u64; 2],
}

impl Events {
    fn new() -> Self {
        Self {
            random: 1,
            now: 1_000_000_000_000,
            memory: [200 << 20, 80 << 20],
        }
    }

    /// Uniformly distributed in 0..1 (SplitMix64).
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (self.uniform() * std::f64::consts::TAU).cos()
    }
}

impl Iterator for Events {
    type Item = OperationEvent;

    fn next(&mut self) -> Option<OperationEvent> {
        self.now += (-(1.0 - self.uniform()).ln() * 10_000.0) as u64;
        let operation = match self.uniform() {
            share if share < 0.2 => 0u16,
            share if share < 0.7 => 1,
            _ => 2,
        };
        let median = [900_000.0, 12_000.0, 2_500.0][usize::from(operation)];
        let duration_ns = (median * (0.4 * self.normal()).exp()) as u64;
        let waits = if self.uniform() < 0.3 {
            self.uniform()
        } else {
            0.01
        };
        let process = usize::from(self.uniform() < 0.3);
        let delta = match self.uniform() {
            share if share < 0.02 => 4_096 * (1 + (self.uniform() * 16.0) as i64),
            share if share < 0.035 => -4_096 * (1 + (self.uniform() * 16.0) as i64),
            _ => 0,
        };
        self.memory[process] = self.memory[process].saturating_add_signed(delta);
        let failed = self.uniform() < 0.001;
        let thread = (self.uniform() * 8.0) as u32;
        Some(OperationEvent {
            finished_boot_ns: self.now,
            duration_ns,
            cpu_ns: (duration_ns as f64 * (1.0 - waits)) as u64,
            memory_bytes: self.memory[process],
            memory_delta_bytes: delta,
            return_value: if failed { -5 } else { 0 },
            pid: 4_000 + process as u32,
            tid: 4_000 + process as u32 * 100 + thread,
            interval: (self.now / 1_000_000_000) as u32,
            operation,
            flags: flags::CPU
                | flags::MEMORY
                | flags::MEMORY_DELTA
                | flags::RETURN
                | flags::SUCCESS_KNOWN
                | if failed { 0 } else { flags::SUCCESS },
            ..OperationEvent::default()
        })
    }
}
