//! `chart` as typed and what it means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use soakbox_cli::{Failure, Result};

use super::acceptance::{ComparisonSettings, TypedSettings};
use super::named::NamedArguments;
use super::scope::ScopeArguments;
use super::{QueryPlan, QueryText, RowFormat, Source, ending};
use crate::compare::ThresholdSetting;
use crate::pictures::RowColumns;
use crate::sql::MEMORY_BYTES;

/// `chart` as typed.
#[derive(Debug, Args)]
#[command(
    override_usage = "soakbox-analyzer chart [KIND] <RECORDING>... [OPTIONS]\n       \
                      soakbox-analyzer chart sql <RECORDING>... <QUERY> [--x COLUMN] [--y COLUMN,...] [--by COLUMN] [OPTIONS]",
    after_help = KINDS
)]
pub(super) struct ChartArguments {
    /// What to draw (see below; percentiles if it is left out), and the recording: a directory that
    /// soakbox-recorder wrote. spectrum and ecdf take several; shift and forest take those of the base.
    /// The last argument of sql is the query
    #[arg(value_name = "KIND|RECORDING", required = true)]
    arguments: Vec<OsString>,
    /// Where to write the chart, - for stdout; .csv and .md write its numbers as a table
    #[arg(
        short,
        long,
        value_name = "FILE.svg",
        default_value = "-",
        hide_default_value = true
    )]
    output: PathBuf,
    /// What to write [default: by the ending of --output, otherwise svg]
    #[arg(long, value_enum)]
    format: Option<ChartFormat>,
    /// Range of time and hosts are options of sql; --operation draws only these operations.
    #[command(flatten)]
    scope: ScopeArguments,
    /// Options of sql.
    #[command(flatten)]
    places: NamedArguments,
    /// percentiles: show the band in which most windows of these good runs are: a baseline, or a
    /// recording
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Do not look for changes of level, so that the recording is read only once
    #[arg(long)]
    no_changes: bool,
    /// shift and forest: the candidate. spectrum and ecdf: further recordings
    #[arg(long, value_name = "RECORDING", num_args = 1..)]
    against: Vec<PathBuf>,
    /// shift and forest: largest acceptable change, as of compare; may be given several times
    #[arg(long, value_name = "CHANGE", allow_hyphen_values = true)]
    threshold: Vec<ThresholdSetting>,
    /// shift and forest: TOML file with thresholds and gates, as of compare
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// sql: the column of the horizontal axis [default: the first one]
    #[arg(long, value_name = "COLUMN")]
    x: Option<String>,
    /// sql: the columns to draw, one panel each [default: all other columns of numbers]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    y: Vec<String>,
    /// sql: a line for each value of this column
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Leave out files that cannot be read, and report them
    #[arg(long)]
    skip_damaged: bool,
}

const KINDS: &str = "Kinds:
  percentiles  p50, p95 and p99 over time, with changes, notes, losses and a baseline's band
  heatmap      durations over time: the share of each window's operations
  spectrum     duration at each percentile, one line per recording
  ecdf         share of operations up to each duration, one line per recording
  throughput   operations per second, the share that failed, data processed
  cpu          CPU time per second: on a CPU, user, system
  memory       resident memory with its envelope and the slope that soak finds
  shift        change of each quantile against a base, with its interval
  forest       all effects of compare, with their intervals and thresholds
  health       what the recorder measured of itself and of its host, and what its probes cost
  network      round-trip times: no version of the recorder measures them yet
  sql          the rows of a query";

/// What `chart` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartFormat {
    /// The picture
    Svg,
    /// Its numbers, for programs
    Csv,
    /// Its numbers, as a table for a document
    Markdown,
}

impl ChartFormat {
    fn of_file(path: &Path) -> Option<Self> {
        Some(match ending(path)?.as_str() {
            "svg" => Self::Svg,
            "csv" => Self::Csv,
            "md" => Self::Markdown,
            _ => return None,
        })
    }
}

/// A kind of chart of one recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Percentiles over time.
    Percentiles,
    /// A heat map of durations.
    Heatmap,
    /// The percentile spectrum.
    Spectrum,
    /// The distribution.
    Ecdf,
    /// Rates and failures.
    Throughput,
    /// CPU time.
    Cpu,
    /// Memory.
    Memory,
    /// Shift of quantiles.
    Shift,
    /// All effects.
    Forest,
    /// The recorder's health.
    Health,
    /// Round-trip times.
    Network,
    /// Rows of a query.
    Sql,
}

impl ChartKind {
    const ALL: [(&'static str, Self); 12] = [
        ("percentiles", Self::Percentiles),
        ("heatmap", Self::Heatmap),
        ("spectrum", Self::Spectrum),
        ("ecdf", Self::Ecdf),
        ("throughput", Self::Throughput),
        ("cpu", Self::Cpu),
        ("memory", Self::Memory),
        ("shift", Self::Shift),
        ("forest", Self::Forest),
        ("health", Self::Health),
        ("network", Self::Network),
        ("sql", Self::Sql),
    ];

    fn named(name: &OsString) -> Option<Self> {
        let mut kinds = Self::ALL.into_iter();
        kinds
            .find(|(known, _)| name == *known)
            .map(|(_, kind)| kind)
    }

    fn name(self) -> &'static str {
        let mut kinds = Self::ALL.into_iter();
        kinds
            .find(|(_, kind)| *kind == self)
            .map_or("", |(name, _)| name)
    }

    /// Whether it shows several recordings.
    fn takes_several(self) -> bool {
        matches!(self, Self::Spectrum | Self::Ecdf)
    }

    fn compares(self) -> bool {
        matches!(self, Self::Shift | Self::Forest)
    }
}

/// A chart to draw.
#[derive(Clone, Debug)]
pub struct ChartPlan {
    /// What it shows.
    pub subject: ChartSubject,
    /// The file to write; `-` is stdout.
    pub output: PathBuf,
    /// What to write.
    pub format: ChartFormat,
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub enum ChartSubject {
    /// Operations of one recording.
    Recording {
        /// The kind.
        kind: ChartKind,
        /// The recording.
        source: Source,
        /// The names of operations; those with most rows where it is empty.
        operations: Vec<String>,
        /// Whether changes of level are looked for.
        with_changes: bool,
        /// Good runs whose band is shown.
        baseline: Option<PathBuf>,
    },
    /// Distributions of several recordings.
    Distributions {
        /// The kind.
        kind: ChartKind,
        /// The recordings.
        sources: Vec<Source>,
        /// The names of operations; those with most rows where it is empty.
        operations: Vec<String>,
    },
    /// A comparison.
    Comparison {
        /// The kind.
        kind: ChartKind,
        /// Paths of the base.
        base: Vec<PathBuf>,
        /// Paths of the candidate.
        candidate: Vec<PathBuf>,
        /// Whether damaged files are left out.
        skip_damaged: bool,
        /// Thresholds and operations.
        settings: Box<ComparisonSettings>,
    },
    /// The rows of a query.
    Sql(Box<QueryPlan>, RowColumns),
}

impl ChartArguments {
    pub(super) fn plan(mut self) -> Result<ChartPlan> {
        let kind = self.kind();
        self.refuse_flags(kind)?;
        let format = self.format.or_else(|| ChartFormat::of_file(&self.output));
        Ok(ChartPlan {
            output: self.output.clone(),
            format: format.unwrap_or(ChartFormat::Svg),
            subject: self.subject(kind)?,
        })
    }

    /// The kind, which is taken from the arguments. A recording of such a name is one where it is the
    /// only argument.
    fn kind(&mut self) -> ChartKind {
        match self.arguments.split_first() {
            Some((first, rest)) if !rest.is_empty() => match ChartKind::named(first) {
                Some(kind) => {
                    self.arguments.remove(0);
                    kind
                }
                None => ChartKind::Percentiles,
            },
            _ => ChartKind::Percentiles,
        }
    }

    /// Refuses a flag that the kind has no use for.
    fn refuse_flags(&self, kind: ChartKind) -> Result<()> {
        let only =
            |is_given: bool, flag: &'static str, is_of: bool, kinds: &'static str| match is_given
                && !is_of
            {
                true => Err(Failure::new(flag, format_args!("is an option of {kinds}"))
                    .hint(format_args!("the kind of this chart is {}", kind.name()))),
                false => Ok(()),
            };
        let has_against = !self.against.is_empty();
        let both = kind.compares() || kind.takes_several();
        only(
            has_against,
            "--against",
            both,
            "shift, forest, spectrum and ecdf",
        )?;
        only(
            !self.threshold.is_empty(),
            "--threshold",
            kind.compares(),
            "shift and forest",
        )?;
        only(
            self.config.is_some(),
            "--config",
            kind.compares(),
            "shift and forest",
        )?;
        let is_percentiles = kind == ChartKind::Percentiles;
        only(
            self.baseline.is_some(),
            "--baseline",
            is_percentiles,
            "percentiles",
        )?;
        let is_sql = kind == ChartKind::Sql;
        for flag in [self.places.flag(), self.scope.besides_operations()]
            .into_iter()
            .flatten()
        {
            only(true, flag, is_sql, "sql")?;
        }
        only(self.x.is_some(), "--x", is_sql, "sql")?;
        only(!self.y.is_empty(), "--y", is_sql, "sql")?;
        only(self.by.is_some(), "--by", is_sql, "sql")
    }

    fn subject(self, kind: ChartKind) -> Result<ChartSubject> {
        let skip_damaged = self.skip_damaged;
        if kind == ChartKind::Sql {
            return self.sql();
        }
        let operations = self.scope.scope()?.operations;
        let recordings = self.arguments.into_iter().map(PathBuf::from);
        let source = |recording: PathBuf| Source {
            recording,
            skip_damaged,
        };
        if kind.takes_several() {
            return Ok(ChartSubject::Distributions {
                kind,
                sources: recordings.chain(self.against).map(source).collect(),
                operations,
            });
        }
        if kind.compares() {
            if self.against.is_empty() {
                return Err(Failure::new("--against", "is missing").hint(format_args!(
                    "`soakbox-analyzer chart {} BASE… --against CANDIDATE…`",
                    kind.name()
                )));
            }
            let settings = TypedSettings::of(self.threshold, self.config, operations);
            return Ok(ChartSubject::Comparison {
                kind,
                base: recordings.collect(),
                candidate: self.against,
                skip_damaged,
                settings: Box::new(ComparisonSettings::from(settings)),
            });
        }
        let mut recordings: Vec<PathBuf> = recordings.collect();
        match (recordings.pop(), recordings.first()) {
            (Some(only), None) => Ok(ChartSubject::Recording {
                kind,
                source: source(only),
                operations,
                with_changes: !self.no_changes,
                baseline: self.baseline,
            }),
            (_, Some(first))
                if ChartKind::named(&first.clone().into_os_string()).is_none()
                    && kind == ChartKind::Percentiles =>
            {
                let names: Vec<&str> = ChartKind::ALL.iter().map(|(name, _)| *name).collect();
                Err(
                    Failure::path(first, "is neither the only recording nor a kind of chart")
                        .hint(format_args!("the kinds are {}", names.join(", "))),
                )
            }
            _ => Err(
                Failure::new(format_args!("chart {}", kind.name()), "shows one recording")
                    .hint("spectrum, ecdf, shift and forest show several"),
            ),
        }
    }

    fn sql(self) -> Result<ChartSubject> {
        let [named, tables] = self.places.checked()?;
        let plan = QueryPlan {
            arguments: self.arguments.into_iter().map(PathBuf::from).collect(),
            named,
            tables,
            skip_damaged: self.skip_damaged,
            scope: self.scope.scope()?,
            memory_bytes: MEMORY_BYTES,
            text: QueryText::NotGiven,
            format: RowFormat::Csv,
            output: self.output,
        };
        let columns = RowColumns {
            x: self.x,
            y: self.y,
            by: self.by,
        };
        Ok(ChartSubject::Sql(Box::new(plan), columns))
    }
}
