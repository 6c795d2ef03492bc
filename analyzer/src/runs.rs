//! The runs that a command line names: of recordings, of directories of recordings, and of
//! baselines. The warnings of every recording are reported on stderr; a baseline has kept those of
//! its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use soakbox_cli::{Result, escaped_path, message};
use soakbox_schemas::tables::Table;

use crate::baseline::{BaselineFile, is_baseline, shorten};
use crate::compare::{least_window_length, spans};
use crate::coverage::INCOMPLETE_INTERVALS;
use crate::figures::Reading;
use crate::recording::{self, Recording, RunFiles, TimeRange, on_all_cpus};
use crate::windows::{Cut, Run, WindowLength};

/// The runs of all `paths`, in the order of the paths. One recording is open at a time.
///
/// # Errors
/// Where a path has no recording, or one cannot be read.
pub fn open(paths: &[PathBuf], skip_damaged: bool) -> Result<Vec<Run>> {
    let cut = Cut::not_shorter(WindowLength::SHORTEST);
    all(paths, skip_damaged, cut, |_| {})
}

/// As [`open`], with at most `most` windows in the runs of recordings.
///
/// # Errors
/// As [`open`].
pub fn open_at_most(paths: &[PathBuf], skip_damaged: bool, most: usize) -> Result<Vec<Run>> {
    all(paths, skip_damaged, Cut::at_most(most), |_| {})
}

/// As [`open`], for a baseline: each run in the windows that it has there.
///
/// # Errors
/// As [`open`].
pub fn open_to_keep(paths: &[PathBuf], skip_damaged: bool) -> Result<Vec<Run>> {
    let cut = Cut::not_shorter(WindowLength::SHORTEST);
    all(paths, skip_damaged, cut, shorten)
}

/// As [`open`] of each list, for runs that are compared with each other: in windows that are not
/// shorter than the comparison needs, so that many runs need less memory. The comparison is the
/// same.
///
/// # Errors
/// As [`open`].
pub fn open_to_compare<const N: usize>(
    lists: [&[PathBuf]; N],
    skip_damaged: bool,
) -> Result<[Vec<Run>; N]> {
    to_compare(lists, skip_damaged, Warnings::Reported)
}

/// As [`open_to_compare`], without messages: of recordings whose warnings the caller has reported.
///
/// # Errors
/// As [`open`].
pub fn open_again_to_compare<const N: usize>(
    lists: [&[PathBuf]; N],
    skip_damaged: bool,
) -> Result<[Vec<Run>; N]> {
    to_compare(lists, skip_damaged, Warnings::Known)
}

/// Whether the warnings of a recording are new to the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Warnings {
    /// They go to stderr.
    Reported,
    /// They were there before.
    Known,
}

fn to_compare<const N: usize>(
    lists: [&[PathBuf]; N],
    skip_damaged: bool,
    warnings: Warnings,
) -> Result<[Vec<Run>; N]> {
    let all = sources_of(lists)?;
    let shortest = shortest_span(all.iter().flatten(), skip_damaged)?;
    let cut = cut_to_compare(shortest);
    let lengthen = |run: &mut Run| {
        for series in run.operations.values_mut() {
            let length = least_window_length(shortest, series.timed());
            if length > series.length {
                *series = series.merged(length).into_owned();
            }
        }
    };
    let mut runs = lists.map(|_| Vec::new());
    for (runs, sources) in runs.iter_mut().zip(all) {
        for source in sources {
            runs.extend(read_source(source, skip_damaged, cut, warnings, lengthen)?);
        }
    }
    Ok(runs)
}

/// How many rows [`open_to_compare`] reads of recordings.
///
/// # Errors
/// As [`open`].
pub fn rows_to_compare<const N: usize>(lists: [&[PathBuf]; N], skip_damaged: bool) -> Result<u64> {
    let all = sources_of(lists)?;
    let cut = cut_to_compare(shortest_span(all.iter().flatten(), skip_damaged)?);
    let mut rows = 0;
    for source in all.iter().flatten() {
        if let Source::Recording(root) = source {
            rows += Reading::rows_read(root, skip_damaged, cut)?;
        }
    }
    Ok(rows)
}

fn cut_to_compare(shortest: Duration) -> Cut {
    Cut::not_shorter(least_window_length(shortest, u64::MAX))
}

/// Less than the time of each run.
fn shortest_span<'a>(
    sources: impl Iterator<Item = &'a Source>,
    skip_damaged: bool,
) -> Result<Duration> {
    let mut shortest: Option<Duration> = None;
    for source in sources {
        let known = match source {
            Source::Baseline(runs) => runs.iter().flat_map(spans).collect(),
            Source::Recording(root) => least_spans(&recording::open(root, skip_damaged)?),
        };
        shortest = known.into_iter().chain(shortest).min();
    }
    Ok(shortest.unwrap_or_default())
}

/// Less than the time that each run of a recording covers, from the footers of its files.
fn least_spans(recording: &Recording) -> Vec<Duration> {
    // The end of a run that did not stop is cut off, and a window that is not filled.
    let incomplete = INCOMPLETE_INTERVALS.saturating_mul(recording.interval_ns());
    let runs = recording.runs().into_values();
    let span = |files: RunFiles<'_>| {
        let tables = [Table::OPERATION_LOG, Table::OPERATION_METRICS];
        let ranges = tables.into_iter().filter_map(|table| files.range_of(table));
        let range = ranges.reduce(TimeRange::union);
        let length_ns = range.map_or(0, |range| range.length_ns() - incomplete);
        Duration::from_nanos(u64::try_from(length_ns).unwrap_or(0)).mul_f64(0.9)
    };
    runs.map(span).collect()
}

/// Where runs are.
enum Source {
    /// The runs of a baseline, which is read as a whole.
    Baseline(Vec<Run>),
    /// A recording.
    Recording(PathBuf),
}

/// The runs of all paths; those of recordings are read with `cut` and then changed.
fn all(
    paths: &[PathBuf],
    skip_damaged: bool,
    cut: Cut,
    change: impl Fn(&mut Run) + Copy,
) -> Result<Vec<Run>> {
    let [sources] = sources_of([paths])?;
    let mut runs = Vec::new();
    for source in sources {
        let warnings = Warnings::Reported;
        runs.extend(read_source(source, skip_damaged, cut, warnings, change)?);
    }
    runs.iter().for_each(report_durations);
    Ok(runs)
}

/// Notes on stderr which durations of a run are not those of the rows.
fn report_durations(run: &Run) {
    if let Some(note) = run.identity.durations_note() {
        message::line(format_args!("note: {}: {note}", run.identity.name));
    }
}

fn sources_of<const N: usize>(lists: [&[PathBuf]; N]) -> Result<[Vec<Source>; N]> {
    let paths = lists.iter().copied().flatten();
    let paths: Vec<&Path> = paths
        .map(PathBuf::as_path)
        .filter(|p| is_baseline(p))
        .collect();
    let read = |(): &mut (), path: &&Path| BaselineFile::read(path);
    let mut baselines = on_all_cpus(&paths, 1, || (), read).into_iter();
    let mut all = lists.map(|_| Vec::new());
    for (sources, paths) in all.iter_mut().zip(lists) {
        for path in paths {
            if is_baseline(path)
                && let Some(baseline) = baselines.next()
            {
                sources.push(Source::Baseline(runs_of_baseline(path, baseline?)));
                continue;
            }
            let recordings = recording::find(path)?;
            if recordings != [path.clone()] {
                report_baselines(path);
            }
            sources.extend(recordings.into_iter().map(Source::Recording));
        }
    }
    Ok(all)
}

fn read_source(
    source: Source,
    skip_damaged: bool,
    cut: Cut,
    warnings: Warnings,
    change: impl Fn(&mut Run),
) -> Result<Vec<Run>> {
    let root = match source {
        Source::Baseline(runs) => return Ok(runs),
        Source::Recording(root) => root,
    };
    let mut runs = of_recording(&root, skip_damaged, cut, warnings)?;
    runs.iter_mut().for_each(change);
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

fn runs_of_baseline(path: &Path, baseline: BaselineFile) -> Vec<Run> {
    let mut runs = baseline.runs;
    let mut reported = BTreeSet::new();
    for run in &mut runs {
        run.identity.name = format!("{}: {}", path.to_string_lossy(), run.identity.name);
        for warning in &run.identity.warnings {
            if reported.insert((run.identity.recording.clone(), warning.clone())) {
                message::line(format_args!("warning: {}: {warning}", run.identity.name));
            }
        }
    }
    runs
}

fn of_recording(root: &Path, skip_damaged: bool, cut: Cut, warnings: Warnings) -> Result<Vec<Run>> {
    let reading = Reading::open(root, skip_damaged, cut)?;
    let report = |text: std::fmt::Arguments<'_>| {
        if warnings == Warnings::Reported {
            message::line(text);
        }
    };
    for warning in &reading.warnings {
        report(format_args!("warning: {}: {warning}", escaped_path(root)));
    }
    let mut runs = reading.runs;
    for run in &mut runs {
        for warning in &run.identity.warnings {
            report(format_args!("warning: {}: {warning}", run.identity.name));
        }
        let known = reading.warnings.iter().map(ToString::to_string);
        run.identity.warnings.splice(..0, known);
        if run.operations.is_empty() {
            let name = &run.identity.name;
            report(format_args!(
                "warning: {name}: no operation was observed in this run"
            ));
        }
    }
    Ok(runs)
}
