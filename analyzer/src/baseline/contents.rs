//! What a baseline holds, as figures: `soakbox.baseline/1`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use soakbox_cli::Result;
use soakbox_statistics::{Metric, read};

use super::BaselineFile;
use crate::compare::known_run;
use crate::units::serialize;
use crate::windows::{Run, RunIdentity, Series};

/// The content of a baseline; in JSON the schema `soakbox.baseline/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Contents {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The file.
    #[serde(serialize_with = "serialize::path")]
    pub file: PathBuf,
    /// Its runs, in the order in which they were added.
    pub runs: Vec<RunContents>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunContents {
    /// Who recorded it, where and when.
    #[serde(flatten)]
    pub identity: RunIdentity,
    /// Its operations, by name.
    pub operations: Vec<OperationContents>,
}

/// One operation of a run.
#[derive(Clone, Debug, Serialize)]
pub struct OperationContents {
    /// Its name.
    pub operation: String,
    /// Operations with a row.
    pub count: u64,
    /// Operations that were lost.
    pub lost: u64,
    /// Number of windows, with those that are missing.
    pub windows: usize,
    /// Windows that are missing: because of a gap, or of missing rows or counts.
    pub missing: usize,
    /// Length of a window, s.
    pub window_s: f64,
    /// What was measured.
    pub metrics: Vec<MetricContents>,
}

/// One metric of an operation.
#[derive(Clone, Debug, Serialize)]
pub struct MetricContents {
    /// Its name.
    pub metric: String,
    /// Its value, in `unit`.
    pub value: f64,
    /// The unit.
    pub unit: String,
    /// The standard error from the noise inside the run, as a fraction of the value, or in `unit`
    /// if `absolute`; null where it is unknown.
    pub error: Option<f64>,
    /// Whether `error` is in `unit`.
    pub absolute: bool,
    #[serde(skip)]
    pub(crate) quantity: Metric,
}

impl Contents {
    /// The content of the baseline that is in `file`.
    ///
    /// # Errors
    /// Where the statistics refuse its windows.
    pub fn of(baseline: &BaselineFile, file: &Path) -> Result<Self> {
        let runs = baseline.runs.iter().map(run);
        Ok(Self {
            schema: "soakbox.baseline/1",
            file: file.to_owned(),
            runs: runs.collect::<Result<_>>()?,
        })
    }
}

fn run(run: &Run) -> Result<RunContents> {
    let operations = run.operations.iter();
    let operations = operations.map(|(name, series)| operation(&run.identity, name, series));
    Ok(RunContents {
        identity: run.identity.clone(),
        operations: operations.collect::<Result<_>>()?,
    })
}

fn operation(identity: &RunIdentity, name: &str, series: &Series) -> Result<OperationContents> {
    let run = known_run(identity, series)?;
    let metrics = run.metrics().into_iter().filter_map(|metric| {
        let reading = read(&run, &metric, 0).ok()?;
        Some(MetricContents {
            metric: metric.name().to_owned(),
            value: reading.value,
            unit: metric.unit().to_owned(),
            error: reading.error,
            absolute: reading.absolute,
            quantity: metric,
        })
    });
    Ok(OperationContents {
        operation: name.to_owned(),
        count: series.count(),
        lost: series.sum(|window| window.lost),
        windows: series.windows.len(),
        missing: series.missing(),
        window_s: series.length.duration().as_secs_f64(),
        metrics: metrics.collect(),
    })
}
