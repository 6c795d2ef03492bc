//! Writes recordings of a steady load of many operations, for the measurements of docs/measurements.md:
//! `cargo run -p soakbox-analyzer --example load -- DIR RUNS SECONDS OPERATIONS PER_SECOND SIGMA [FILE_ROWS [counts]]`
//! makes `DIR/01` and so on, one after the other in time.

use std::process::ExitCode;

use soakbox_testing::Load;

const USAGE: &str = "usage: load DIR RUNS SECONDS OPERATIONS PER_SECOND SIGMA [FILE_ROWS [counts]]
  DIR         directory in which the recordings are made
  RUNS        their number
  SECONDS     length of each
  OPERATIONS  number of operations
  PER_SECOND  how often each operation finishes per second
  SIGMA       standard deviation of the logarithm of durations
  FILE_ROWS   rows of a file [default: 1048576]
  counts      without rows of operations: a filter left them out";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((directory, runs, load)) = parsed(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    for run in 1..=runs {
        let load = Load {
            seed: run,
            begin: (run as i64 - 1) * (load.seconds + 10),
            ..load
        };
        load.seal(&std::path::Path::new(directory).join(format!("{run:02}")));
    }
    ExitCode::SUCCESS
}

fn parsed(arguments: &[String]) -> Option<(&str, u64, Load)> {
    let [
        directory,
        runs,
        seconds,
        operations,
        per_second,
        sigma,
        more @ ..,
    ] = arguments
    else {
        return None;
    };
    let (file_rows, is_filtered) = match more {
        [] => (None, false),
        [rows] => (Some(rows), false),
        [rows, kind] if kind == "counts" => (Some(rows), true),
        _ => return None,
    };
    let file_rows = match file_rows {
        Some(rows) => rows.parse().ok().filter(|rows| *rows > 0)?,
        None => Load::default().file_rows,
    };
    let load = Load {
        seconds: seconds.parse().ok().filter(|seconds| *seconds > 0)?,
        operations: operations.parse().ok()?,
        per_second: per_second.parse().ok()?,
        sigma: sigma.parse().ok()?,
        file_rows,
        is_filtered,
        ..Load::default()
    };
    let runs = runs.parse().ok()?;
    (!directory.starts_with('-')).then_some((directory.as_str(), runs, load))
}
