//! The runs of a recording with the time that each covers, which the views of runs are made of.

use std::collections::{BTreeMap, BTreeSet};

use soakbox_cli::Result;

use super::{Annotations, Coverage, RunCoverage};
use crate::recording::Recording;

/// The runs of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownRuns {
    /// The time of each run, by recorder.
    pub runs: BTreeMap<String, RunCoverage>,
    /// Recorders that recorded their own stop.
    pub stopped: BTreeSet<String>,
}

impl KnownRuns {
    /// Reads the annotations of the recording.
    ///
    /// # Errors
    /// Where one of their files cannot be read.
    pub(crate) fn read(recording: &Recording) -> Result<Self> {
        let annotations = Annotations::read(recording)?;
        let coverage = Coverage::of(recording, &annotations.runs, &annotations.gaps);
        Ok(coverage.into())
    }

    /// Those of several recordings; `None` where two have files of the same run, which only together
    /// show its time.
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut joined = Self::default();
        for mut one in all {
            if one
                .runs
                .keys()
                .any(|recorder| joined.runs.contains_key(recorder))
            {
                return None;
            }
            joined.runs.append(&mut one.runs);
            joined.stopped.append(&mut one.stopped);
        }
        Some(joined)
    }
}

impl From<Coverage> for KnownRuns {
    fn from(coverage: Coverage) -> Self {
        Self {
            runs: coverage.runs,
            stopped: coverage.stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::TimeRange;

    #[test]
    fn a_run_in_two_recordings_is_not_joined() {
        let known = |names: &[&str]| {
            let run = RunCoverage::whole(TimeRange {
                first_ns: 0,
                last_ns: 1,
            });
            let names = names.iter().map(|name| (*name).to_owned());
            KnownRuns {
                stopped: names.clone().collect(),
                runs: names.map(|name| (name, run.clone())).collect(),
            }
        };
        let joined = KnownRuns::joined([known(&["a", "c"]), known(&["b"])]);
        assert_eq!(joined, Some(known(&["a", "b", "c"])));
        assert_eq!(KnownRuns::joined([known(&["a", "b"]), known(&["b"])]), None);
        assert_eq!(KnownRuns::joined([]), Some(known(&[])));
    }
}
