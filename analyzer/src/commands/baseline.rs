//! `baseline`: creates, extends, shows, lists and compares the provenance of baselines.

use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Format, Result, answer, escaped_path, message};

use crate::baseline::{BaselineDiff, BaselineFile, Baselines, Contents};
use crate::compare::differences;
use crate::output::{self, OutputFile};
use crate::units::{bytes, count};
use crate::windows::Run;

/// Writes the runs into a new baseline.
pub(crate) fn create(runs: Vec<Run>, output: OutputFile, path: &Path) -> Result<()> {
    let mut baseline = BaselineFile::default();
    baseline.add(runs);
    write(&baseline, output, path)
}

/// Writes the baseline at `path` with further runs.
pub(crate) fn add(runs: Vec<Run>, path: &Path) -> Result<()> {
    let mut baseline = BaselineFile::read(path)?;
    let output = OutputFile::create(path)?;
    for run in &runs {
        if baseline.has(run) {
            let reason = format!("has the run {} already", run.identity.name);
            return Err(Failure::path(path, reason));
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
    baseline.add(runs);
    write(&baseline, output, path)
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
        "wrote {} {} into {} ({})",
        count(baseline.runs.len() as u64),
        if baseline.runs.len() == 1 {
            "run"
        } else {
            "runs"
        },
        escaped_path(path),
        bytes(content.len() as f64)
    ));
    Ok(())
}

pub(crate) fn show(path: &Path, format: Format) -> Result<()> {
    let contents = Contents::of(&BaselineFile::read(path)?, path)?;
    answer::write(|out| match format {
        Format::Table => out.write_all(output::baseline_text(&contents).as_bytes()),
        Format::Json => output::json(&contents, out),
    })
}

pub(crate) fn list(paths: &[PathBuf], format: Format) -> Result<()> {
    let baselines = Baselines::list(paths)?;
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
