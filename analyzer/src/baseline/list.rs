//! Several baselines next to each other (`soakbox.baselines/1`), and what differs between two sides
//! (`soakbox.baseline_diff/1`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use soakbox_cli::{Failure, Result, plain_io_error};

use super::BaselineFile;
use crate::compare::{Difference, differences};
use crate::units::serialize;
use crate::windows::Run;

/// Baselines with their extent.
#[derive(Clone, Debug, Serialize)]
pub struct Baselines {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The baselines, by path.
    pub baselines: Vec<BaselineExtent>,
}

/// The extent of a baseline.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineExtent {
    /// The file.
    #[serde(serialize_with = "serialize::path")]
    pub file: PathBuf,
    /// Number of runs.
    pub runs: usize,
    /// Begin of the first run, ns UTC.
    #[serde(rename = "from", serialize_with = "serialize::optional_time")]
    pub first_ns: Option<i64>,
    /// End of the last run.
    #[serde(rename = "to", serialize_with = "serialize::optional_time")]
    pub last_ns: Option<i64>,
    /// Names of the operations.
    pub operations: Vec<String>,
    /// Build ids of the observed files.
    pub builds: Vec<String>,
    /// Operations that were lost, in all runs.
    pub lost: u64,
}

impl Baselines {
    /// Reads the baselines at these paths. Of a directory those files are read that are baselines;
    /// the reasons why others of its Parquet files cannot be read come second.
    ///
    /// # Errors
    /// Where a path cannot be read, or a file that is named is no baseline.
    pub fn list(paths: &[PathBuf]) -> Result<(Self, Vec<Failure>)> {
        let mut baselines = Vec::new();
        let mut unreadable = Vec::new();
        for path in paths {
            if !path.is_dir() {
                baselines.push(BaselineExtent::of(&BaselineFile::read(path)?, path));
                continue;
            }
            let failed = |error: std::io::Error| Failure::path(path, plain_io_error(&error));
            let mut files = Vec::new();
            for entry in std::fs::read_dir(path).map_err(failed)? {
                files.push(entry.map_err(failed)?.path());
            }
            files.sort();
            for file in files.iter().filter(|file| file.is_file()) {
                match BaselineFile::read_if_one(file) {
                    Ok(Some(baseline)) => baselines.push(BaselineExtent::of(&baseline, file)),
                    // Other files in the directory are no mistake.
                    Ok(None) => {}
                    Err(failure) => unreadable.push(failure),
                }
            }
        }
        let listed = Self {
            schema: "soakbox.baselines/1",
            baselines,
        };
        Ok((listed, unreadable))
    }
}

impl BaselineExtent {
    fn of(baseline: &BaselineFile, file: &Path) -> Self {
        let runs = || baseline.runs.iter();
        let operations: BTreeSet<&String> = runs().flat_map(|run| run.operations.keys()).collect();
        let series = runs().flat_map(|run| run.operations.values());
        let lost = series.map(|series| series.sum(|window| window.lost));
        Self {
            file: file.to_owned(),
            runs: baseline.runs.len(),
            first_ns: runs().map(|run| run.identity.first_ns).min(),
            last_ns: runs().map(|run| run.identity.last_ns).max(),
            operations: operations.into_iter().cloned().collect(),
            builds: builds(&baseline.runs),
            lost: lost.fold(0, u64::saturating_add),
        }
    }
}

/// The build ids of runs, each once.
fn builds(runs: &[Run]) -> Vec<String> {
    let targets = runs.iter().flat_map(|run| &run.identity.targets);
    let builds: BTreeSet<&String> = targets
        .filter_map(|target| target.build_id.as_ref())
        .collect();
    builds.into_iter().cloned().collect()
}

/// What differs between two sides.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineDiff {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The properties that differ; those that should be equal first.
    pub differences: Vec<Difference>,
}

impl BaselineDiff {
    /// The differences, with those that are expected: the builds and the number of runs.
    pub fn of(base: &[Run], other: &[Run]) -> Self {
        let mut all = differences(base, other);
        let expected = [
            ("build", builds(base), builds(other)),
            (
                "runs",
                vec![base.len().to_string()],
                vec![other.len().to_string()],
            ),
        ];
        let differing = expected
            .into_iter()
            .filter(|(_, base, other)| base != other);
        all.extend(differing.map(|(property, base, candidate)| Difference {
            property,
            base,
            candidate,
        }));
        Self {
            schema: "soakbox.baseline_diff/1",
            differences: all,
        }
    }
}
