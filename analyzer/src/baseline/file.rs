//! The file of a baseline. It is written as a whole and read as a whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use soakbox_cli::{Failure, Result, plain_io_error};

use super::rows::{self, StoredRun, StoredRuns};
use crate::compare::window_length_for;
use crate::recording::{UNDECODABLE, caught};
use crate::windows::Run;

/// Key of the format's version in the footer.
const FORMAT: &str = "soakbox.baseline";
/// The version that is written, unless a run has durations of all finished operations.
const VERSION: &str = "1";
/// The version that is written then.
const WITH_FINISHED: &str = "2";
/// Key of the runs, a JSON list.
const RUNS: &str = "soakbox.baseline_runs";
/// The first bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";

/// The runs of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaselineFile {
    /// In the order in which they were added.
    pub runs: Vec<Run>,
}

/// Whether the path is a file, and so not a recording; also a pipe such as `/dev/stdin`.
pub fn is_baseline(path: &Path) -> bool {
    path.exists() && !path.is_dir()
}

/// Puts a run into windows that are as short as comparisons need them. Of an operation of which no
/// window was observed only the name is kept.
pub fn shorten(run: &mut Run) {
    for series in run.operations.values_mut() {
        let length = window_length_for([&*series]);
        if length > series.length {
            *series = series.merged(length).into_owned();
        }
        if series.missing() == series.windows.len() {
            series.windows.clear();
        }
    }
}

/// Why bytes are not a baseline.
#[derive(Debug, PartialEq, Eq)]
enum Unreadable {
    /// They are something else.
    Other(&'static str),
    /// They cannot be read.
    Damaged(String),
}

fn damaged(path: &Path, reason: &str) -> Failure {
    Failure::path(path, reason).hint("make it again with `soakbox-analyzer baseline create`")
}

impl BaselineFile {
    /// Adds runs, in windows that are as short as comparisons need them. Of an operation of which
    /// no window was observed only the name is kept.
    pub fn add(&mut self, runs: impl IntoIterator<Item = Run>) {
        for mut run in runs {
            shorten(&mut run);
            self.runs.push(run);
        }
    }

    /// Whether it has this run, of whatever recording.
    pub fn has(&self, run: &Run) -> bool {
        let mut known = self.runs.iter().map(|known| known.identity.key());
        run.identity
            .key()
            .is_some_and(|key| known.any(|known| known == Some(key)))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read or is no baseline of this version.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Failure::path(path, "is a directory, no baseline")
                .hint("give the file that `soakbox-analyzer baseline create` wrote"));
        }
        match Self::open(path)? {
            Ok(baseline) => Ok(baseline),
            Err(Unreadable::Other(reason)) => Err(Failure::path(path, reason)
                .hint("`soakbox-analyzer baseline create RECORDING… -o FILE` makes one")),
            Err(Unreadable::Damaged(reason)) => Err(damaged(path, &reason)),
        }
    }

    /// As [`read`](Self::read); `None` for a file that is no baseline.
    ///
    /// # Errors
    /// Where a baseline, or a Parquet file that may be one, cannot be read.
    pub fn read_if_one(path: &Path) -> Result<Option<Self>> {
        match Self::open(path)? {
            Ok(baseline) => Ok(Some(baseline)),
            Err(Unreadable::Other(_)) => Ok(None),
            Err(Unreadable::Damaged(reason)) => Err(damaged(path, &reason)),
        }
    }

    fn open(path: &Path) -> Result<std::result::Result<Self, Unreadable>> {
        let failed = |error: io::Error| {
            let failure = Failure::path(path, plain_io_error(&error));
            match error.kind() {
                io::ErrorKind::NotFound => failure
                    .hint("`soakbox-analyzer baseline create RECORDING… -o FILE` makes a baseline"),
                _ => failure,
            }
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        // Other files, which may be large or endless, are not read.
        let mut begin = file.by_ref().take(MAGIC.len() as u64);
        begin.read_to_end(&mut bytes).map_err(failed)?;
        if bytes != MAGIC {
            return Ok(Err(Unreadable::Other("is no baseline")));
        }
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok(Self::decode(bytes))
    }

    fn decode(bytes: Vec<u8>) -> std::result::Result<Self, Unreadable> {
        let contradictory = || Unreadable::Damaged(format!("corrupt baseline: {UNDECODABLE}"));
        caught(|| Self::decode_parquet(bytes)).unwrap_or_else(|| Err(contradictory()))
    }

    fn decode_parquet(bytes: Vec<u8>) -> std::result::Result<Self, Unreadable> {
        let corrupt = |what: &str| Unreadable::Damaged(format!("corrupt baseline: {what}"));
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))
            .map_err(|_| corrupt("its footer"))?;
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let value = |key: &str| -> Option<String> {
            let pair = pairs.into_iter().flatten().find(|pair| pair.key == key)?;
            pair.value.clone()
        };
        match value(FORMAT).as_deref() {
            Some(VERSION | WITH_FINISHED) => {}
            Some(other) => {
                let reason = format!(
                    "has version {other}; this version reads {VERSION} and {WITH_FINISHED}"
                );
                return Err(Unreadable::Damaged(reason));
            }
            None => return Err(Unreadable::Other("is a Parquet file, but no baseline")),
        }
        let stored: Vec<StoredRun> = value(RUNS)
            .and_then(|runs| serde_json::from_str(&runs).ok())
            .ok_or_else(|| corrupt("its list of runs"))?;
        let runs = StoredRuns::new(stored);
        let mut runs = runs.ok_or_else(|| corrupt("the windows of its runs"))?;
        for batch in reader.build().map_err(|_| corrupt("its rows"))? {
            let batch = batch.map_err(|_| corrupt("its rows"))?;
            runs.add(&batch).ok_or_else(|| corrupt("a window"))?;
        }
        let runs = runs.finish();
        let runs = runs.ok_or_else(|| corrupt("more windows than its rows can fill"))?;
        Ok(Self { runs })
    }

    /// The content of its file.
    ///
    /// # Errors
    /// Where Parquet refuses the rows, which it does not for these columns.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let failed = |error: &dyn std::fmt::Display| Failure::new("baseline", error);
        let runs: Vec<StoredRun> = self.runs.iter().map(StoredRun::of).collect();
        let runs = serde_json::to_string(&runs).map_err(|error| failed(&error))?;
        let version = match rows::has_more(&self.runs) {
            true => WITH_FINISHED,
            false => VERSION,
        };
        let pairs = vec![
            KeyValue::new(FORMAT.to_owned(), version.to_owned()),
            KeyValue::new(RUNS.to_owned(), runs),
        ];
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("soakbox-analyzer".to_owned())
            .set_key_value_metadata(Some(pairs))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let mut bytes = Vec::new();
        let batch = rows::batch(&self.runs).map_err(|error| failed(&error))?;
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options)
            .map_err(|error| failed(&error))?;
        writer.write(&batch).map_err(|error| failed(&error))?;
        writer.close().map_err(|error| failed(&error))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::{Finished, RunIdentity, Series, Target, Window, WindowLength};
    use proptest::prelude::*;
    use soakbox_schemas::tables::histogram::SparseHistogram;

    fn window(durations: Vec<i64>, number: u32) -> Window {
        let mut encoded = Vec::new();
        SparseHistogram::of(durations.iter().copied()).encode(&mut encoded);
        let number = u64::from(number);
        let timed = durations.len() as u64;
        let lost = number % 3;
        let is_of_rows = number % 5 > 0;
        let all = timed + lost;
        Window {
            count: if is_of_rows { timed } else { timed / 2 },
            finished: (!is_of_rows).then_some(Finished { timed, all }),
            lost,
            duration_ns: number * 7,
            cpu_ns: number,
            with_cpu: durations.len().min(2) as u64,
            durations: if durations.is_empty() {
                Vec::new()
            } else {
                encoded
            },
            ..Window::default()
        }
    }

    fn run() -> impl Strategy<Value = Run> {
        let durations = proptest::collection::vec(0i64..1 << 40, 0..20);
        let window = proptest::option::weighted(
            0.9,
            (durations, any::<u32>()).prop_map(|(durations, number)| window(durations, number)),
        );
        let series =
            (proptest::collection::vec(window, 0..30), 0u32..12).prop_map(|(windows, exponent)| {
                Series {
                    length: WindowLength::at_most(std::time::Duration::from_millis(2 << exponent)),
                    windows,
                }
            });
        let operations = proptest::collection::btree_map(any::<String>(), series, 0..4);
        (operations, any::<String>(), any::<i32>()).prop_map(|(operations, text, second)| Run {
            restarts_ns: Vec::new(),
            identity: RunIdentity {
                name: text.clone(),
                host: text.clone(),
                first_ns: i64::from(second) * 1_000_000_007,
                last_ns: i64::from(second) * 1_000_000_007 + 5,
                targets: vec![Target {
                    path: text.clone(),
                    build_id: Some(text.clone()),
                }],
                warnings: vec![text],
                ..RunIdentity::default()
            },
            operations,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_baseline_reads_back(runs in proptest::collection::vec(run(), 0..4)) {
            let baseline = BaselineFile { runs };
            let bytes = baseline.encode().unwrap();
            prop_assert_eq!(&BaselineFile::decode(bytes.clone()), &Ok(baseline.clone()));
            prop_assert_eq!(baseline.encode().unwrap(), bytes);
        }

        #[test]
        fn no_bytes_make_it_panic(
            runs in proptest::collection::vec(run(), 1..3),
            harm in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = BaselineFile { runs }.encode().unwrap();
            let end = end.index(bytes.len());
            for (place, byte) in harm {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = BaselineFile::decode(bytes[..end].to_vec());
            let _ = BaselineFile::decode(bytes);
        }
    }
}
