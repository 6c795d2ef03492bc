//! The command line as typed. Parsing only validates; `resolve` turns it into a plan.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use soakbox_cli::{Format, STYLES};

use crate::limits::SetLimits;
use crate::message::LogFormat;
use crate::plan::WhenFull;
use crate::probe::{MinDuration, REGISTRY, Sample, Selection};

/// Flight recorder for soak tests: operations through eBPF into crash-safe Parquet files.
#[derive(Debug, Parser)]
#[command(name = "soakbox-recorder", version, max_term_width = 100, styles = STYLES)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record operations until a signal arrives, the command ends or the duration is over (or until no
    /// observed process runs any more, with --until-exit)
    #[command(after_help = SIGNALS_HELP)]
    Record(Record),
    /// Record runs of two builds in turn, for a comparison
    #[command(after_help = RUNS_HELP)]
    Runs(Runs),
    /// Show whether this host allows a recording, and where each probe would be placed; changes
    /// nothing
    Check(Check),
    /// List the functions, markers and USDT probes of a file
    Probes(Probes),
    /// Seal the journals that a crashed recorder left in a recording
    Recover(Recover),
    /// Write a synthetic recording, for hosts without BPF rights
    Replay(Replay),
}

const SIGNALS_HELP: &str = "\
Signals:
  SIGINT, SIGTERM, SIGQUIT    end the recording cleanly. A second one that comes more than a second
                              later ends it at once (exit status 130); `recover` then seals the
                              files that are left
  SIGHUP                      ends the recording cleanly, however often it is sent; in a recorder that
                              was started without a terminal (a service) it seals the open files
  SIGUSR1                     seals the open files; the recording goes on in new ones
  SIGALRM, SIGVTALRM,
  SIGPROF, SIGXCPU, SIGPWR    end the recording cleanly, however often they are sent
  SIGUSR2                     is a trigger with --keep-last: what is kept in memory is written
  SIGUSR2 without it,
  real-time signals           are reported, and the recording goes on
The recorder never signals a command, which goes on if its recording ends first.";

const RUNS_HELP: &str = "\
The commands are split into words as a shell would do it, and started without a shell. Each must end
by itself: its run lasts as long as it does. Recordings of complete runs are in DIR/base and
DIR/candidate, others in DIR/unfinished. The same command line continues after an interruption. The
message at the end has the comparison to type. Whoever compares before all pairs are there, and again
later, shares the rate of false alarms among these comparisons: --planned from the first run on.";

/// `record`.
#[derive(Clone, Debug, Args)]
pub struct Record {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub probes: ProbeArgs,
    /// Directory of the recording. It is created if it is missing; an existing recording is
    /// extended
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Where some operations cannot be observed, record the others. Each operation that is left out
    /// is reported once, and noted in the recording
    #[arg(long)]
    pub skip_refused: bool,
    /// Delete sealed files of one table when its rows are older than a time (instead of --keep-for),
    /// or when they are larger than a number of bytes together, such as operation_log=7days or
    /// recorder_health=100MiB
    #[arg(long, value_name = "TABLE=TIME|BYTES")]
    pub keep: Vec<String>,
    /// Have --keep-last written when this is seen in an interval (a second): an operation that took
    /// at least a time (slow=OP:50ms), a share of failed operations (failures=OP:1%), or an
    /// operation of any name in flight for a time (stuck=10s)
    #[arg(long, value_name = "CONDITION")]
    pub trigger: Vec<String>,
    /// When the disk is full: `stop` ends the recording with exit status 2, `pause` counts rows as
    /// lost until there is room, `drop-oldest` deletes the oldest sealed files [default: stop]
    #[arg(long, value_name = "WORD", value_parser = when_full)]
    pub when_disk_full: Option<WhenFull>,
    /// Have the kernel measure the BPF programs of the recorder: `bpf_runs` and `bpf_run_ns` of
    /// recorder_health. It measures those of the whole host then, and each run takes two more readings of
    /// the clock. Needs CAP_SYS_ADMIN
    #[arg(long)]
    pub bpf_statistics: bool,
    /// Do not show the status (rate, losses, memory, disk) in the last line of a terminal. It is never
    /// shown while a command is recorded, nor in the background
    #[arg(long)]
    pub quiet: bool,
    /// Form of messages on stderr: `text`, or `json` with an object for each line [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SetLimits,
    /// Command to run and observe, with its descendants. It inherits everything that the recorder
    /// was started with. A signal that is sent to the recorder alone does not end it
    #[arg(last = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

fn log_format(name: &str) -> Result<LogFormat, String> {
    LogFormat::from_name(name).ok_or_else(|| "write text or json".to_owned())
}

fn when_full(word: &str) -> Result<WhenFull, String> {
    WhenFull::from_word(word).ok_or_else(|| "write stop, pause or drop-oldest".to_owned())
}

/// `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Command of the base, in one argument
    #[arg(long, value_name = "COMMAND")]
    pub base: String,
    /// Command of the candidate, in one argument
    #[arg(long, value_name = "COMMAND")]
    pub candidate: String,
    /// Number of pairs: a run of the base and a run of the candidate, one right after the other
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub pairs: u32,
    /// Add pairs until the comparison is decided, up to this number: --pairs is how many there are to
    /// be now. The number cannot be changed later
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999))]
    pub planned: Option<u32>,
    /// Directory of the runs. It is created if it is missing
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Configuration file (TOML); flags override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[arg(long, value_name = "NAME=PROBE", help = REGISTRY.help())]
    #[allow(missing_docs)]
    pub op: Vec<String>,
    /// Operation of the base only, where its file is not the candidate's
    #[arg(long, value_name = "NAME=PROBE")]
    pub base_op: Vec<String>,
    /// Operation of the candidate only
    #[arg(long, value_name = "NAME=PROBE")]
    pub candidate_op: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub selection: SelectionArgs,
    /// Where some operations cannot be observed, record the others
    #[arg(long)]
    pub skip_refused: bool,
    /// Keep runs whose command ends with an exit status other than 0
    #[arg(long)]
    pub ignore_failure: bool,
    /// Seed that decides which side begins each pair; chosen at random if it is not given
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SetLimits,
}

/// The probes and processes: the same for `record` and `check`.
#[derive(Clone, Debug, Args)]
pub struct ProbeArgs {
    /// Configuration file (TOML); flags override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[arg(long, value_name = "NAME=PROBE", help = REGISTRY.help())]
    #[allow(missing_docs)]
    pub op: Vec<String>,
    /// Observe only this process, until it ends, instead of every process that runs the file. PID
    /// is its number in the recorder's own PID namespace
    #[arg(long, value_name = "PID")]
    pub pid: Option<NonZeroU32>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub selection: SelectionArgs,
}

/// Which operations get a row, for all that have no such rule of their own.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectionArgs {
    /// Write a row only for operations that took at least this long, such as 10us. All of these flags
    /// reduce the rows, not what the probes cost: every operation is counted, and is in the histogram
    /// of durations. The rules min=, only= and sample= are the same for one operation
    #[arg(long, value_name = "TIME")]
    pub min_duration: Option<MinDuration>,
    /// Write a row only for operations that failed
    #[arg(long)]
    pub only_failures: bool,
    /// Write a row for one in N operations, chosen at random; its sample_weight is N
    #[arg(long, value_name = "1/N")]
    pub sample: Option<Sample>,
}

impl SelectionArgs {
    /// What was given.
    pub fn selection(&self) -> Selection {
        Selection {
            min_duration: self.min_duration,
            only_failures: self.only_failures,
            sample: self.sample,
        }
    }
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub probes: ProbeArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `probes`.
#[derive(Debug, Args)]
pub struct Probes {
    /// Program or library
    pub file: PathBuf,
    /// Add how each function would be observed, with its cost class: emulated, uretprobe, one_step
    /// or two_steps (single-stepped instructions), or the reason for a refusal. With BPF rights the
    /// costs of the classes are measured on a function of the recorder itself; the cost of one_step
    /// is that of a single-stepped finish. Takes seconds for thousands of functions
    #[arg(long)]
    pub costs: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// Directory of the recording
    pub directory: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Seed of the synthetic operations
    #[arg(long, value_name = "SEED")]
    pub synthetic: u64,
    /// Length of the recording in seconds; it ends now
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub seconds: u64,
    /// Make the operations slower, leak memory and fail more often
    #[arg(long)]
    pub degraded: bool,
    /// Directory of the recording
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
