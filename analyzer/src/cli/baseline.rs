//! `baseline` as typed and what it means.

use std::path::PathBuf;

use clap::Subcommand;
use soakbox_cli::Format;

/// `baseline` as typed, which is also its plan.
#[derive(Clone, Debug, Subcommand)]
pub enum BaselinePlan {
    /// Keep the runs of recordings in one small file
    Create {
        /// Recordings, or directories of recordings
        #[arg(value_name = "RECORDING", required = true)]
        recordings: Vec<PathBuf>,
        /// Where to write the baseline, - for stdout. An earlier baseline is replaced, and no other
        /// file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Leave out files that cannot be read, and report them
        #[arg(long)]
        skip_damaged: bool,
    },
    /// Add the runs of recordings to a baseline
    Add {
        /// The baseline
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Recordings, or directories of recordings
        #[arg(value_name = "RECORDING", required = true)]
        recordings: Vec<PathBuf>,
        /// Leave out files that cannot be read, and report them
        #[arg(long)]
        skip_damaged: bool,
    },
    /// Show the runs of a baseline and their figures
    Show {
        /// The baseline
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List baselines, those of a directory too
    List {
        /// Baselines, or directories that have some
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Name what differs between two baselines or recordings besides their measurements
    Diff {
        /// A baseline, a recording or a directory of recordings
        #[arg(value_name = "BASE")]
        base: PathBuf,
        /// Another one
        #[arg(value_name = "OTHER")]
        other: PathBuf,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}
