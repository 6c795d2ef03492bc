//! When the processes of a recording restarted, from its annotations alone.

use std::collections::BTreeMap;
use std::path::Path;

use soakbox_cli::Result;

use super::annotations::Annotations;
use crate::recording;
use crate::sql::{Session, queries};

/// The starts and ends of the commands of the recording at `root`, ns UTC, in order of time, by
/// recorder.
///
/// # Errors
/// Where there is no recording, or its annotations cannot be read.
pub fn restarts(root: &Path, skip_damaged: bool) -> Result<BTreeMap<String, Vec<i64>>> {
    let recording = recording::open(root, skip_damaged)?;
    let session = Session::new(&recording)?;
    let [annotations] = session.collect_all([queries::ANNOTATIONS.to_owned()]);
    let runs = Annotations::of(&annotations?)?.runs.into_iter();
    Ok(runs
        .map(|(recorder, noted)| (recorder, noted.restarts_ns))
        .collect())
}
