//! Measurements of other programs as a recording of the ordinary layout, so that every command works
//! on them: one file per format gives rows (`source` has what they share), `rows` gives cells their
//! meaning, `segments` writes. The file is read once, in bounded memory, and the recording appears when
//! it is complete.

mod benchmark;
mod columns;
mod criterion;
mod csv;
mod decimal;
mod fortio;
mod go_bench;
mod hdr_log;
mod jmh;
mod k6;
mod lading;
mod lines;
mod mapping;
mod names;
mod parquet;
mod prometheus;
mod records;
mod refusal;
mod rows;
mod segments;
mod shuffle;
mod source;
mod spread;
mod staging;
mod vegeta;
mod whole;
mod wrk2;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::recording::footer::{EVEN, IMPORT, MADE_UP};

pub use benchmark::Per;
pub use k6::K6;
pub use lading::Lading;
pub use mapping::{DurationColumn, Finish, Mapping, Operation, Step, TimeColumn, TimeForm, Unit};

use columns::Columns;
use criterion::CriterionRows;
use csv::CsvRows;
use fortio::FortioRows;
use go_bench::GoBenchRows;
use hdr_log::HdrRows;
use jmh::JmhRows;
use k6::K6Rows;
use lading::LadingRows;
use parquet::ParquetRows;
use prometheus::PrometheusRows;
use records::Records;
use refusal::Refusal;
use segments::{INTERVAL_NS, SegmentWriter};
use source::{EMPTY, KnownTimes, Source};
use staging::Staging;
use vegeta::VegetaRows;
use wrk2::Wrk2Rows;

/// The path that stands for stdin.
const STDIN: &str = "-";
/// Bytes of the input that are read at once.
const BUFFER: usize = 1 << 16;

/// What was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Number of rows.
    pub rows: u64,
    /// Number of operations.
    pub operations: u64,
}

/// The format of a file, with what its options name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Samples of Criterion; durations stand for that many operations.
    Criterion(Per),
    /// CSV with these columns.
    Csv(Mapping),
    /// A result of Fortio, with the name of its operation.
    Fortio(Option<Operation>),
    /// Results of Go's benchmarks; durations stand for that many operations.
    GoBench(Per),
    /// A log of HdrHistogram with the unit of its values, and the name of all operations.
    Hdr(Unit, Option<Operation>),
    /// Results of JMH; durations stand for that many operations.
    Jmh(Per),
    /// Points of k6.
    K6(K6),
    /// Captures of lading.
    Lading(Lading),
    /// Parquet with these columns.
    Parquet(Mapping),
    /// An answer of Prometheus with the unit of its values, and what has the names of operations.
    Prometheus(Unit, Option<Operation>),
    /// Results of vegeta, with what has the names of operations.
    Vegeta(Operation),
    /// Latencies of wrk2, with the name of its operation.
    Wrk2(Option<Operation>),
}

impl Format {
    fn name(&self) -> &'static str {
        match self {
            Format::Criterion(_) => "criterion",
            Format::Csv(_) => "csv",
            Format::Fortio(_) => "fortio",
            Format::GoBench(_) => "go-bench",
            Format::Hdr(..) => "hdr",
            Format::Jmh(_) => "jmh",
            Format::K6(_) => "k6",
            Format::Lading(_) => "lading",
            Format::Parquet(_) => "parquet",
            Format::Prometheus(..) => "prometheus",
            Format::Vegeta(_) => "vegeta",
            Format::Wrk2(_) => "wrk2",
        }
    }

    /// Which columns mean what, where the options name them.
    fn mapping(&self) -> Option<&Mapping> {
        match self {
            Format::Csv(mapping) | Format::Parquet(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The same input, if it is text that is not empty. Columns of CSV have a message of their own.
    fn begun(&self, mut input: Box<dyn BufRead>) -> std::result::Result<Box<dyn BufRead>, Refusal> {
        let is_empty = source::begin(&mut input)?.is_empty();
        match is_empty && !matches!(self, Format::Csv(_)) {
            true => Err(EMPTY.into()),
            false => Ok(input),
        }
    }

    /// Whether the rows have no times and no length of time: then they follow one another from 1970 on.
    fn is_without_times(&self) -> bool {
        match self {
            Format::Criterion(_) | Format::GoBench(_) | Format::Jmh(_) => true,
            Format::Csv(mapping) | Format::Parquet(mapping) => {
                matches!(mapping.finish, Finish::Every(_))
            }
            _ => false,
        }
    }
}

/// Makes the recording `output` of the file `file`; `-` is stdin. The file may be a pipe, but for
/// Parquet.
///
/// # Errors
/// Where the file or a part of it cannot be read, or the recording cannot be written. No recording is
/// left then.
pub fn import(format: &Format, file: &Path, output: &Path) -> Result<Imported> {
    let failed = |refusal: Refusal| {
        let failure = match file.as_os_str() == STDIN {
            true => Failure::new("stdin", refusal.reason),
            false => Failure::path(file, refusal.reason),
        };
        match refusal.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    };
    let input = || -> Result<Box<dyn BufRead>> {
        let is_stdin = file.as_os_str() == STDIN;
        let input = if is_stdin {
            Ok(Box::new(io::stdin().lock()) as _)
        } else {
            opened(file)
        };
        input.and_then(|input| format.begun(input)).map_err(failed)
    };
    let mut source: Box<dyn Source> = match format {
        Format::Criterion(per) => {
            let mut rows = CriterionRows::new(*per);
            let unlisted = |error: io::Error| failed(plain_io_error(&error).into());
            let files = criterion::files(file).map_err(unlisted)?;
            if files.is_empty() {
                return Err(failed(criterion::without_files()));
            }
            for (path, name) in files {
                let input = match path == file {
                    true => Ok(input()?),
                    false => opened(&path).and_then(|input| format.begun(input)),
                };
                let added = input.and_then(|input| rows.add(input, &name));
                added.map_err(|refusal| {
                    failed(match path == file {
                        true => refusal,
                        false => refusal.at(|why| format!("{name}: {why}")),
                    })
                })?;
            }
            Box::new(rows)
        }
        Format::Csv(mapping) => {
            let mut records = Records::new(input()?);
            let unread = |reason: String| failed(reason.into());
            let columns = Columns::find(&mut records, mapping, unread)?;
            Box::new(CsvRows::new(records, columns))
        }
        Format::Fortio(operation) => {
            Box::new(FortioRows::new(input()?, operation.as_ref()).map_err(failed)?)
        }
        Format::GoBench(per) => Box::new(GoBenchRows::new(input()?, *per)),
        Format::Hdr(unit, operation) => {
            Box::new(HdrRows::new(input()?, *unit, operation.as_ref()).map_err(failed)?)
        }
        Format::Jmh(per) => Box::new(JmhRows::new(input()?, *per).map_err(failed)?),
        Format::K6(k6) => Box::new(K6Rows::new(input()?, k6).map_err(failed)?),
        Format::Lading(about) => Box::new(LadingRows::new(input()?, about)),
        Format::Parquet(mapping) => Box::new(ParquetRows::open(file, mapping).map_err(failed)?),
        Format::Prometheus(unit, operation) => {
            let rows = PrometheusRows::new(input()?, *unit, operation.as_ref());
            Box::new(rows.map_err(failed)?)
        }
        Format::Vegeta(operation) => {
            Box::new(VegetaRows::new(input()?, operation).map_err(failed)?)
        }
        Format::Wrk2(operation) => {
            Box::new(Wrk2Rows::new(input()?, operation.as_ref()).map_err(failed)?)
        }
    };
    let times = |source: &dyn Source| match format.is_without_times() {
        true => KnownTimes::Nothing,
        false => source.times(),
    };
    let provenance = provenance(format, times(&*source));
    let mut segments = SegmentWriter::new(Staging::create(output)?, provenance)?;
    let mut is_empty = true;
    while let Some(row) = source.next().map_err(failed)? {
        segments.push(row, source.names())?;
        is_empty = false;
    }
    if is_empty {
        return Err(failed(source.without_rows()));
    }
    if let KnownTimes::Intervals(intervals) = times(&*source) {
        segments.set_intervals(intervals);
    }
    let begins_in_1970 = format.is_without_times() || matches!(format, Format::Wrk2(_));
    let begin_ns = begins_in_1970.then_some(0);
    let operations = source.names().len() as u64;
    let about = format!("import {} {}", format.name(), file.to_string_lossy());
    let rows = segments.finish(source.names(), begin_ns, about)?;
    Ok(Imported { rows, operations })
}

fn opened(file: &Path) -> std::result::Result<Box<dyn BufRead>, Refusal> {
    let input = File::open(file).map_err(|error| Refusal::from(plain_io_error(&error)))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, input)))
}

fn provenance(format: &Format, times: KnownTimes) -> Provenance {
    let has_memory = format
        .mapping()
        .is_some_and(|mapping| mapping.memory.is_some());
    Provenance {
        recorder_version: env!("CARGO_PKG_VERSION").to_owned(),
        interval_ns: INTERVAL_NS.unsigned_abs(),
        source: Some(IMPORT.to_owned()),
        times: match times {
            KnownTimes::All => None,
            KnownTimes::Intervals(_) => Some(EVEN.to_owned()),
            KnownTimes::Nothing => Some(MADE_UP.to_owned()),
        },
        memory_method: has_memory.then(|| IMPORT.to_owned()),
        ..Provenance::default()
    }
}
