//! The runs that a command line names: of recordings, of directories of recordings, and of
//! baselines. The warnings of every recording are reported on stderr; a baseline has kept those of
//! its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use soakbox_cli::{Result, escaped_path, message};

use crate::baseline::{BaselineFile, is_baseline};
use crate::figures::{Comparison, Reading};
use crate::recording;
use crate::windows::{self, Run};

/// The runs of all `paths`, in the order of the paths. One recording is open at a time.
///
/// # Errors
/// Where a path has no recording, or one cannot be read.
pub fn open(paths: &[PathBuf], skip_damaged: bool) -> Result<Vec<Run>> {
    all(paths, skip_damaged, |reading| windows::read(reading, None))
}

/// As [`open`], with at most `most` windows in the runs of recordings.
///
/// # Errors
/// As [`open`].
pub fn open_at_most(paths: &[PathBuf], skip_damaged: bool, most: usize) -> Result<Vec<Run>> {
    all(paths, skip_damaged, |reading| {
        windows::read_at_most(reading, most)
    })
}

fn all(
    paths: &[PathBuf],
    skip_damaged: bool,
    read: impl Fn(&Reading) -> Result<Vec<Run>>,
) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for path in paths {
        if is_baseline(path) {
            runs.extend(of_baseline(path)?);
            continue;
        }
        let recordings = recording::find(path)?;
        if recordings != [path.clone()] {
            report_baselines(path);
        }
        for root in recordings {
            runs.extend(of_recording(&root, skip_damaged, &read)?);
        }
    }
    Ok(runs)
}

/// Warns about baselines next to recordings: only the recordings of a directory are read.
fn report_baselines(directory: &Path) {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    for file in files {
        if !matches!(BaselineFile::read_if_one(&file), Ok(None)) {
            let file = escaped_path(&file);
            message::line(format_args!(
                "warning: {file}: is not read: only the recordings of a directory are; name the \
                 file of the baseline to use it"
            ));
        }
    }
}

fn of_baseline(path: &Path) -> Result<Vec<Run>> {
    let mut runs = BaselineFile::read(path)?.runs;
    let mut reported = BTreeSet::new();
    for run in &mut runs {
        run.identity.name = format!("{}: {}", path.to_string_lossy(), run.identity.name);
        for warning in &run.identity.warnings {
            if reported.insert((run.identity.recording.clone(), warning.clone())) {
                message::line(format_args!("warning: {}: {warning}", run.identity.name));
            }
        }
    }
    Ok(runs)
}

fn of_recording(
    root: &Path,
    skip_damaged: bool,
    read: impl Fn(&Reading) -> Result<Vec<Run>>,
) -> Result<Vec<Run>> {
    let reading = Reading::open(root, skip_damaged, Comparison::BOUNDED)?;
    for warning in &reading.warnings {
        message::line(format_args!("warning: {}: {warning}", escaped_path(root)));
    }
    let runs = read(&reading)?;
    let known: BTreeSet<String> = reading.warnings.iter().map(ToString::to_string).collect();
    for run in &runs {
        let own = run.identity.warnings.iter();
        for warning in own.filter(|warning| !known.contains(*warning)) {
            message::line(format_args!("warning: {}: {warning}", run.identity.name));
        }
        if run.operations.is_empty() {
            let name = &run.identity.name;
            message::line(format_args!(
                "warning: {name}: no operation was observed in this run"
            ));
        }
    }
    Ok(runs)
}
