//! `import` as typed and what it means.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::import::{
    DurationColumn, Finish, Format, K6, Lading, Mapping, Operation, Per, Step, TimeColumn,
    TimeForm, Unit,
};

/// The name of the operation where none is given.
const OPERATION: &str = "operation";

/// `import` as typed.
#[derive(Debug, Subcommand)]
pub(super) enum ImportArguments {
    /// Make a recording of a CSV file, with one finished operation per row
    ///
    /// The first row has the names of the columns. A row that cannot be read ends the import, and no
    /// recording is made. The recording has no counts of a kernel, so that nothing is known to be
    /// lost.
    Csv(CsvArguments),
    /// Make a recording of samples of Criterion: target/criterion, a sample.json in it, or the messages of
    /// cargo criterion --message-format=json
    ///
    /// Each sample is one operation with the mean time of its iterations. There are no times: the samples
    /// of each are a millisecond apart, from 1970 on.
    Criterion(BenchmarkArguments),
    /// Make a recording of the result of Fortio: load -json FILE
    ///
    /// Each duration of its histogram is one operation with the middle of its bucket, at a time
    /// within the run that is not the real one.
    Fortio(FortioArguments),
    /// Make a recording of the results of Go's benchmarks: go test -bench . -count 200
    ///
    /// Each result is one operation with the mean time of its iterations. There are no times: the results
    /// of each are a millisecond apart, from 1970 on.
    GoBench(BenchmarkArguments),
    /// Make a recording of a log of HdrHistogram
    ///
    /// Each value of a histogram is one operation with the middle of its bucket, at a time within
    /// the interval that is not the real one. Tags are the names of operations.
    Hdr(HdrArguments),
    /// Make a recording of the results of JMH: -rf json
    ///
    /// Each iteration is one operation with its score, and in the mode sample each sample. There are no
    /// times: those of each benchmark are a millisecond apart, from 1970 on.
    Jmh(BenchmarkArguments),
    /// Make a recording of the points of k6: run --out csv=FILE or --out json=FILE
    ///
    /// Each point of http_req_duration is one finished request. Points of other metrics are left out.
    /// A line that cannot be read ends the import, and no recording is made.
    K6(K6Arguments),
    /// Make a recording of a capture of lading: the values of a gauge
    ///
    /// Each value of the metric is one operation. Lines of other metrics are left out.
    Lading(LadingArguments),
    /// Make a recording of a Parquet file, with one finished operation per row
    ///
    /// The options are those of CSV. A row that cannot be read ends the import, and no recording is
    /// made.
    Parquet(ParquetArguments),
    /// Make a recording of an answer of Prometheus to a range query: /api/v1/query_range
    ///
    /// Each value of a series is one operation. Series of the buckets of a histogram (with the label le)
    /// are counts: each operation between two samples has the middle of its bucket.
    Prometheus(PrometheusArguments),
    /// Make a recording of the results of vegeta: encode --to json or --to csv
    ///
    /// A result that cannot be read ends the import, and no recording is made.
    Vegeta(VegetaArguments),
    /// Make a recording of the latencies of wrk2: -L
    ///
    /// Each request of the detailed percentile spectrum is one operation, at a time within the run that
    /// is not the real one.
    Wrk2(Wrk2Arguments),
}

#[derive(Debug, Args)]
pub(super) struct CsvArguments {
    /// The CSV file; - for stdin
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    #[command(flatten)]
    columns: ColumnArguments,
}

#[derive(Debug, Args)]
pub(super) struct ParquetArguments {
    /// The Parquet file
    #[arg(value_name = "FILE.parquet")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    #[command(flatten)]
    columns: ColumnArguments,
}

#[derive(Debug, Args)]
pub(super) struct FortioArguments {
    /// The JSON file of Fortio; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// =NAME instead of Fortio's labels as the name of the operation
    #[arg(long, value_name = "=NAME")]
    operation: Option<Operation>,
}

#[derive(Debug, Args)]
pub(super) struct Wrk2Arguments {
    /// The text that wrk2 printed; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// =NAME instead of the URL as the name of the operation
    #[arg(long, value_name = "=NAME")]
    operation: Option<Operation>,
}

#[derive(Debug, Args)]
pub(super) struct HdrArguments {
    /// The log; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// The unit of the values: ns, us, ms or s
    #[arg(long, value_name = "UNIT")]
    unit: Unit,
    /// =NAME instead of the tags as the name of all operations
    #[arg(long, value_name = "=NAME")]
    operation: Option<Operation>,
}

#[derive(Debug, Args)]
pub(super) struct LadingArguments {
    /// The capture, JSON lines; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// The gauge whose values are durations
    #[arg(long, value_name = "NAME")]
    metric: String,
    /// The unit of its values: ns, us, ms or s
    #[arg(long, value_name = "UNIT")]
    unit: Unit,
    /// The label with the names of operations, or =NAME for one name [default: the metric]
    #[arg(long, value_name = "LABEL|=NAME")]
    operation: Option<Operation>,
}

#[derive(Debug, Args)]
pub(super) struct BenchmarkArguments {
    /// The file with the results; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// How many operations a duration stands for, a power of ten: durations are whole nanoseconds, and
    /// 1000 keeps three more digits
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    per: Per,
}

#[derive(Debug, Args)]
pub(super) struct PrometheusArguments {
    /// The JSON file; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// The unit of the values, or of the bounds of buckets: ns, us, ms or s
    #[arg(long, value_name = "UNIT")]
    unit: Unit,
    /// The label with the names of operations, or =NAME for one name of all series [default: the name
    /// of the metric with all labels]
    #[arg(long, value_name = "LABEL|=NAME")]
    operation: Option<Operation>,
}

#[derive(Debug, Args)]
pub(super) struct K6Arguments {
    /// The file of k6, CSV or JSON lines; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// The metric of times, in milliseconds
    #[arg(long, value_name = "NAME", default_value = "http_req_duration")]
    metric: String,
    /// The tag with the names of operations, or =NAME for one name of all points
    #[arg(long, value_name = "TAG|=NAME", default_value = "name")]
    operation: Operation,
    /// The form of the times of a CSV file: k6's option timeFormat
    #[arg(long, value_name = "FORMAT", default_value = "unix")]
    time: K6Time,
}

/// The forms of times that k6 writes.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum K6Time {
    Unix,
    UnixMilli,
    UnixMicro,
    UnixNano,
    #[value(alias = "rfc3339_nano")]
    Rfc3339,
}

impl K6Time {
    fn form(self) -> TimeForm {
        TimeForm::Since1970(match self {
            K6Time::Unix => Unit::Seconds,
            K6Time::UnixMilli => Unit::Milliseconds,
            K6Time::UnixMicro => Unit::Microseconds,
            K6Time::UnixNano => Unit::Nanoseconds,
            K6Time::Rfc3339 => return TimeForm::Rfc3339,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct VegetaArguments {
    /// The file of vegeta, CSV or JSON lines; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgument,
    /// What has the names of operations: url, method or attack, or =NAME for one name of all results
    #[arg(long, value_name = "FIELD|=NAME", default_value = "url")]
    operation: Operation,
}

#[derive(Debug, Args)]
struct OutputArgument {
    /// The recording to make: a directory that does not exist yet
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Which columns mean what.
#[derive(Debug, Args)]
struct ColumnArguments {
    /// Column of the durations with its unit: ns, us, ms or s
    #[arg(long, value_name = "COLUMN:UNIT")]
    duration: DurationColumn,
    /// Column of the times at which operations finished, with its form: rfc3339, or s, ms, us or ns
    /// since 1970
    #[arg(long, value_name = "COLUMN:FORM", conflicts_with = "every")]
    finished_at: Option<TimeColumn>,
    /// Without a column of times: the time from one row to the next, such as 100us, 15s or 1m
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    every: Step,
    /// Column of the names of operations, or =NAME for one name of all rows
    #[arg(long, value_name = "COLUMN|=NAME", default_value_t = Operation::Name(OPERATION.to_owned()))]
    operation: Operation,
    /// Column that tells whether operations succeeded: true, 1 or yes; false, 0 or no
    #[arg(long, value_name = "COLUMN")]
    success: Option<String>,
    /// Column of the resident memory, bytes
    #[arg(long, value_name = "COLUMN")]
    memory: Option<String>,
    /// Column of the data that operations processed, bytes
    #[arg(long, value_name = "COLUMN")]
    bytes: Option<String>,
}

impl ColumnArguments {
    fn mapping(self) -> Mapping {
        Mapping {
            duration: self.duration,
            finish: match self.finished_at {
                Some(column) => Finish::Column(column),
                None => Finish::Every(self.every),
            },
            operation: self.operation,
            success: self.success,
            memory: self.memory,
            bytes: self.bytes,
        }
    }
}

/// An import.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// Its format.
    pub format: Format,
    /// The file.
    pub file: PathBuf,
    /// The recording to make.
    pub output: PathBuf,
}

impl ImportArguments {
    pub(super) fn plan(self) -> ImportPlan {
        let (format, file, output) = match self {
            ImportArguments::Csv(typed) => (
                Format::Csv(typed.columns.mapping()),
                typed.file,
                typed.output,
            ),
            ImportArguments::Criterion(typed) => {
                (Format::Criterion(typed.per), typed.file, typed.output)
            }
            ImportArguments::GoBench(typed) => {
                (Format::GoBench(typed.per), typed.file, typed.output)
            }
            ImportArguments::Jmh(typed) => (Format::Jmh(typed.per), typed.file, typed.output),
            ImportArguments::Prometheus(typed) => {
                let format = Format::Prometheus(typed.unit, typed.operation);
                (format, typed.file, typed.output)
            }
            ImportArguments::Fortio(typed) => {
                (Format::Fortio(typed.operation), typed.file, typed.output)
            }
            ImportArguments::Wrk2(typed) => {
                (Format::Wrk2(typed.operation), typed.file, typed.output)
            }
            ImportArguments::Hdr(typed) => {
                let format = Format::Hdr(typed.unit, typed.operation);
                (format, typed.file, typed.output)
            }
            ImportArguments::K6(typed) => {
                let k6 = K6 {
                    metric: typed.metric,
                    operation: typed.operation,
                    time: typed.time.form(),
                };
                (Format::K6(k6), typed.file, typed.output)
            }
            ImportArguments::Lading(typed) => {
                let about = Lading {
                    metric: typed.metric,
                    unit: typed.unit,
                    operation: typed.operation,
                };
                (Format::Lading(about), typed.file, typed.output)
            }
            ImportArguments::Parquet(typed) => (
                Format::Parquet(typed.columns.mapping()),
                typed.file,
                typed.output,
            ),
            ImportArguments::Vegeta(typed) => {
                (Format::Vegeta(typed.operation), typed.file, typed.output)
            }
        };
        ImportPlan {
            format,
            file,
            output: output.output,
        }
    }
}
