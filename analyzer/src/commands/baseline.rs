//! `baseline`: creates, extends, shows and lists baselines, and compares their provenance.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Format, Result, answer, escaped, escaped_path, message};

use crate::baseline::{BaselineDiff, BaselineFile, Baselines, Contents};
use crate::compare::{builds, differences, refuse_repeated};
use crate::output::{self, OutputFile};
use crate::units::{bytes, count};
use crate::windows::Run;

/// Writes the runs into a new baseline.
pub(crate) fn create(runs: Vec<Run>, output: OutputFile, path: &Path) -> Result<()> {
    refuse_repeated("RECORDING", &runs)?;
    refuse_empty(&runs)?;
    let mut baseline = BaselineFile::default();
    baseline.add(runs);
    let earlier = earlier(path)?;
    write(&baseline, output, path)?;
    if let Some(earlier) = earlier {
        message::line(format_args!(
            "it replaces a baseline of {}; `baseline add` keeps its runs",
            runs_text(earlier.runs.len())
        ));
    }
    Ok(())
}

/// The baseline that a new one would replace. Any other file there is refused.
fn earlier(path: &Path) -> Result<Option<BaselineFile>> {
    if path == Path::new("-")
        || !path.is_file()
        || std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
    {
        return Ok(None);
    }
    BaselineFile::read(path).map(Some).map_err(|failure| {
        let reason = format!("would be overwritten, and {}", failure.reason());
        Failure::path(path, reason).hint("name another file, or delete it")
    })
}

/// Refuses runs in which nothing was observed: no candidate would pass against them.
fn refuse_empty(runs: &[Run]) -> Result<()> {
    let has_windows = |run: &Run| {
        let mut series = run.operations.values();
        series.any(|series| series.missing() < series.windows.len())
    };
    match runs.iter().find(|run| !has_windows(run)) {
        Some(run) => Err(
            Failure::new(&run.identity.name, "nothing was observed in this run")
                .hint("leave it out: a baseline has good runs"),
        ),
        None => Ok(()),
    }
}

/// Writes the baseline at `path` with further runs.
pub(crate) fn add(runs: Vec<Run>, path: &Path) -> Result<()> {
    refuse_repeated("RECORDING", &runs)?;
    refuse_empty(&runs)?;
    let mut baseline = BaselineFile::read(path)?;
    let output = OutputFile::create(path)?;
    for run in &runs {
        if baseline.has(run) {
            let reason = format!("has the run {} already", run.identity.name);
            return Err(Failure::path(path, reason).hint(
                "name only runs that are new; `baseline show FILE` lists those that it has",
            ));
        }
    }
    for difference in differences(&baseline.runs, &runs) {
        message::line(format_args!(
            "warning: the {} of the new runs differs: {} | {}",
            difference.property,
            difference.base.join(", "),
            difference.candidate.join(", ")
        ));
    }
    let (known, new) = (builds(&baseline.runs), builds(&runs));
    if !known.is_empty() && !new.is_subset(&known) {
        message::line(format_args!(
            "warning: the build of the new runs differs: {} | {}; a baseline of one build tells how \
             much its runs differ",
            named(&known),
            named(&new)
        ));
    }
    baseline.add(runs);
    write(&baseline, output, path)
}

fn named(builds: &BTreeSet<String>) -> String {
    builds
        .iter()
        .map(|build| escaped(build))
        .collect::<Vec<_>>()
        .join(", ")
}

fn write(baseline: &BaselineFile, output: OutputFile, path: &Path) -> Result<()> {
    if baseline.runs.is_empty() {
        return Err(
            Failure::path(path, "there is no run to keep").hint("the recordings have no rows yet")
        );
    }
    let content = baseline.encode()?;
    output.write(&content)?;
    message::line(format_args!(
        "wrote {} into {} ({})",
        runs_text(baseline.runs.len()),
        escaped_path(path),
        bytes(content.len() as f64)
    ));
    Ok(())
}

fn runs_text(runs: usize) -> String {
    match runs {
        1 => "1 run".to_owned(),
        runs => format!("{} runs", count(runs as u64)),
    }
}

pub(crate) fn show(path: &Path, format: Format) -> Result<()> {
    let contents = Contents::of(&BaselineFile::read(path)?, path)?;
    answer::write(|out| match format {
        Format::Table => out.write_all(output::baseline_text(&contents).as_bytes()),
        Format::Json => output::json(&contents, out),
    })
}

pub(crate) fn list(paths: &[PathBuf], format: Format) -> Result<()> {
    let (baselines, unreadable) = Baselines::list(paths)?;
    for failure in unreadable {
        message::line(format_args!("warning: {failure}"));
    }
    answer::write(|out| match format {
        Format::Table => out.write_all(output::baselines_text(&baselines).as_bytes()),
        Format::Json => output::json(&baselines, out),
    })
}

pub(crate) fn diff(base: &[Run], other: &[Run], format: Format) -> Result<()> {
    let diff = BaselineDiff::of(base, other);
    answer::write(|out| match format {
        Format::Table => out.write_all(output::baseline_diff_text(&diff).as_bytes()),
        Format::Json => output::json(&diff, out),
    })
}
