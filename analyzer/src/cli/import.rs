//! `import` as typed and what it means.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::import::{DurationColumn, Finish, Mapping, Operation, Step, TimeColumn};

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
}

#[derive(Debug, Args)]
pub(super) struct CsvArguments {
    /// The CSV file; - for stdin
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The recording to make: a directory that does not exist yet
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Column of the durations with its unit: ns, us, ms or s
    #[arg(long, value_name = "COLUMN:UNIT")]
    duration: DurationColumn,
    /// Column of the times at which operations finished, with its form: rfc3339, or s, ms, us or ns
    /// since 1970
    #[arg(long, value_name = "COLUMN:FORM", conflicts_with = "every")]
    finished_at: Option<TimeColumn>,
    /// Without a column of times: the time from one row to the next
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

/// An import.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The CSV file.
    pub file: PathBuf,
    /// The recording to make.
    pub output: PathBuf,
    /// Which columns mean what.
    pub mapping: Mapping,
}

impl ImportArguments {
    pub(super) fn plan(self) -> ImportPlan {
        let ImportArguments::Csv(arguments) = self;
        ImportPlan {
            file: arguments.file,
            output: arguments.output,
            mapping: Mapping {
                duration: arguments.duration,
                finish: match arguments.finished_at {
                    Some(column) => Finish::Column(column),
                    None => Finish::Every(arguments.every),
                },
                operation: arguments.operation,
                success: arguments.success,
                memory: arguments.memory,
                bytes: arguments.bytes,
            },
        }
    }
}
