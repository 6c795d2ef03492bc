//! A sampler is one file behind one trait, and a table one declaration: rows of a sampler and a
//! table that only this test declares arrive in sealed Parquet files.

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use soakbox_recorder::clock::{ClockPair, ManualClock};
use soakbox_recorder::host::Host;
use soakbox_recorder::plan::SyntheticPlan;
use soakbox_recorder::run::synthesize;
use soakbox_recorder::sample::{Rows, Sampler, Tick};
use soakbox_schemas::recording::Contents;
use soakbox_schemas::table;
use soakbox_schemas::tables::kind::{Count, Time};

use crate::support::recording::Recording;

table! {
    /// One row per tick of a sampler of this test.
    "tides";
    #[derive(Clone, Debug, Default)]
    pub struct Tide, TideBuilder {
        /// When the row was made.
        pub at_ns as at: Time, "ns", "recorder: clock";
        /// Number of the tick.
        pub tick: Count, "", "made up";
        /// Intervals that were counted since the tick before.
        pub intervals: Count, "intervals", "made up";
    }
}

#[derive(Default)]
struct Tides(u64);

impl Sampler for Tides {
    fn sample(&mut self, tick: &Tick) -> Result<Vec<Rows>> {
        self.0 += 1;
        let ended = tick.counts.iter().filter(|counts| !counts.is_late);
        let row = Tide {
            at_ns: tick.now.utc_ns,
            tick: self.0,
            intervals: ended.count() as u64,
        };
        Ok(vec![Rows(Tide::DECLARATION.table, Tide::batch(&[row])?)])
    }
}

/// A host that was booted `seconds` ago.
fn booted(seconds: u64) -> ManualClock {
    ManualClock::new(ClockPair {
        boot_ns: seconds * 1_000_000_000 + 17,
        utc_ns: 1_700_000_000_000_000_017,
    })
}

/// Values of an integer column, in order of the files.
fn integers(root: &std::path::Path, table: &str, column: &str) -> Vec<i64> {
    let mut values = Vec::new();
    for segment in Contents::list(root).unwrap().segments {
        if segment.table.name() != table {
            continue;
        }
        let file = std::fs::File::open(&segment.path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name(column).unwrap();
            values.extend(column.as_primitive::<Int64Type>().values());
        }
    }
    values
}

fn plan(root: &std::path::Path, seconds: u64) -> SyntheticPlan {
    SyntheticPlan {
        host: Host::read(),
        output: root.to_owned(),
        seed: 3,
        seconds,
        degraded: false,
    }
}

#[test]
fn rows_of_a_further_sampler_and_table_are_sealed_with_the_others() {
    let root = tempfile::tempdir().unwrap();
    let samplers: Vec<Box<dyn Sampler>> = vec![Box::new(Tides::default())];
    synthesize(&plan(root.path(), 30), &booted(1_000), samplers).unwrap();
    let ticks = integers(root.path(), "tides", "tick");
    assert_eq!(ticks, (1..=ticks.len() as i64).collect::<Vec<_>>());
    let intervals: i64 = integers(root.path(), "tides", "intervals").iter().sum();
    assert_eq!(intervals, 30, "each interval is in one tick");
    let contents = Contents::list(root.path()).unwrap();
    assert!(contents.journals.is_empty());
    // The recorder's own samplers are asked at the same ticks.
    let health = integers(root.path(), "recorder_health", "boot_ns").len();
    assert_eq!(health, ticks.len());
}

#[test]
fn a_synthetic_recording_is_as_long_as_asked_however_young_the_host_is() {
    for (seconds, booted_ago) in [(1, 0), (7, 0), (20, 3), (20, 19), (20, 20), (20, 5_000)] {
        let root = tempfile::tempdir().unwrap();
        synthesize(&plan(root.path(), seconds), &booted(booted_ago), Vec::new()).unwrap();
        let context = format!("{seconds} s, booted {booted_ago} s ago");
        let intervals = integers(root.path(), "operation_metrics", "interval");
        assert_eq!(intervals.len() as u64, 2 * seconds, "{context}");
        let rows = integers(root.path(), "operation_log", "interval");
        assert_eq!(rows.len() as u64, 1_050 * seconds, "{context}");
        let recorded = integers(root.path(), "operation_metrics", "recorded");
        assert_eq!(
            recorded.iter().sum::<i64>() as usize,
            rows.len(),
            "{context}"
        );
        let received = integers(root.path(), "recorder_health", "events_received");
        assert_eq!(
            received.iter().sum::<i64>() as usize,
            rows.len(),
            "{context}"
        );
        let mut distinct = rows.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len() as u64, seconds, "{context}");
        if booted_ago >= seconds {
            let last = booted_ago as i64 - 1;
            assert_eq!(
                distinct.last(),
                Some(&last),
                "the host's own boot clock: {context}"
            );
        }
    }
}

#[test]
fn the_footer_has_the_host_and_its_processors() {
    let root = tempfile::tempdir().unwrap();
    synthesize(&plan(root.path(), 1), &booted(10), Vec::new()).unwrap();
    let provenance = Recording::open(root.path()).footer().provenance;
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!(provenance.kernel, read("/proc/sys/kernel/osrelease").trim());
    // A line for each CPU that is online.
    let is_cpu = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let online = read("/proc/stat").lines().filter(is_cpu).count() as u64;
    assert_eq!(provenance.cpu.count, Some(online));
    let known = read("/proc/cpuinfo");
    assert_eq!(provenance.cpu.model.is_some(), known.contains("model name"));
    let model = provenance.cpu.model.unwrap_or_default();
    let word = model.split(' ').next().unwrap();
    assert!(known.contains(word), "{model}");
}

#[test]
fn a_synthetic_recording_from_before_1970_is_refused_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("recording");
    for seconds in [1_700_000_001, u64::MAX] {
        let refused = synthesize(&plan(&place, seconds), &booted(5), Vec::new()).unwrap_err();
        assert!(
            refused.to_string().contains("hint: at most 1700000000"),
            "{refused}"
        );
        assert!(!place.exists());
    }
}
