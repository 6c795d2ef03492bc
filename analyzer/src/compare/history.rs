//! The variation from run to run that a history of good runs shows: between runs of one build, pooled
//! over the builds. The levels of the builds do not matter.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::recording::footer::Cpu;
use soakbox_statistics::{History, RunVariance, read};

use super::threshold::metrics;
use super::{known_run, window_length_for};
use crate::windows::{MADE_UP, Run, Target};

/// The runs of a history that were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HistoryAnswer {
    /// Their number.
    pub(crate) runs: usize,
    /// The number of builds that they are of.
    pub(crate) builds: usize,
    /// Why they do not show how much rates differ: how long one of them took was made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_rates: Option<&'static str>,
}

/// What the runs of one build have in common.
type Build<'a> = (&'a str, &'a str, &'a Cpu, &'a str, &'a [Target]);

fn build(run: &Run) -> Build<'_> {
    let identity = &run.identity;
    (
        &identity.host,
        &identity.kernel,
        &identity.cpu,
        &identity.config_digest,
        &identity.targets,
    )
}

/// The variance between runs of each metric of each operation, from the runs of a history without
/// those that are `compared`: these count already.
///
/// # Errors
/// Where no two runs of one build are left.
pub(super) fn history(runs: &[Run], compared: &[&Run]) -> Result<(Vec<History>, HistoryAnswer)> {
    let known: BTreeSet<_> = compared
        .iter()
        .filter_map(|run| run.identity.key())
        .collect();
    let mut builds: BTreeMap<Build<'_>, Vec<&Run>> = BTreeMap::new();
    let others = runs.iter();
    for run in others.filter(|run| run.identity.key().is_none_or(|key| !known.contains(&key))) {
        builds.entry(build(run)).or_default().push(run);
    }
    builds.retain(|_, runs| runs.len() > 1);
    let used = || builds.values().flatten().copied();
    if builds.is_empty() {
        return Err(Failure::new(
            "--history",
            "has no two runs of one build besides those that are compared",
        )
        .hint("runs of one build have the same host, kernel, CPU, configuration and target"));
    }
    let operations: BTreeSet<&String> = used().flat_map(|run| run.operations.keys()).collect();
    let mut all = Vec::new();
    for operation in operations {
        let length = window_length_for(used().filter_map(|run| run.operations.get(operation)));
        let mut converted = Vec::new();
        for runs in builds.values() {
            let of_build = runs.iter().filter_map(|run| {
                let series = run.operations.get(operation)?;
                Some(known_run(&run.identity, &series.merged(length)))
            });
            converted.push(of_build.collect::<Result<Vec<_>>>()?);
        }
        for metric in metrics() {
            let absolute = metric.is_absolute();
            let values = converted.iter().map(|runs| {
                let readings = runs.iter().filter_map(|run| read(run, &metric, 0).ok());
                let readings = readings.filter(|reading| reading.absolute == absolute);
                readings.map(|reading| reading.value).collect::<Vec<f64>>()
            });
            let values: Vec<Vec<f64>> = values.collect();
            let values: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
            if let Some(variance) = RunVariance::from_builds(&values, absolute) {
                all.push(History {
                    operation: Some(operation.clone()),
                    metric,
                    variance,
                });
            }
        }
    }
    let answer = HistoryAnswer {
        runs: used().count(),
        builds: builds.len(),
        no_rates: used()
            .any(|run| !run.identity.has_length())
            .then_some(MADE_UP),
    };
    Ok((all, answer))
}
