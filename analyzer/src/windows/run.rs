//! One run of one recorder: who recorded it, when, and its operations as windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::recording::footer::Cpu;

use super::{MadeUpTimes, Series};
use crate::recording::TimeRange;
use crate::units::{count, duration, serialize};

/// What durations by the kernel's histograms are.
pub const OF_FINISHED: &str =
    "durations of all finished operations, also of those without a row, within 1/128";
/// The most operations that a note names; of more it names one fewer.
const MOST_NAMED: usize = 4;

/// One run of one recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Who recorded it, where and when.
    pub identity: RunIdentity,
    /// The operations that were observed, by name, also those of which none finished.
    pub operations: BTreeMap<String, Series>,
    /// When a process of the recorded command began or ended, ns UTC; a baseline does not keep it.
    pub restarts_ns: Vec<i64>,
}

impl Run {
    /// Notes in its identity which operations have durations of all finished operations.
    pub(super) fn with_durations_noted(mut self) -> Self {
        let operations = self.operations.iter();
        let noted = operations.filter_map(|(operation, series)| {
            let present = || series.windows.iter().flatten();
            let windows = present().filter(|window| window.finished.is_some()).count();
            (windows > 0).then(|| FinishedWindows {
                operation: operation.clone(),
                windows,
                of_windows: present().count(),
                window_s: series.length.duration().as_secs_f64(),
            })
        });
        self.identity.durations_of_finished = noted.collect();
        self
    }

    /// The operations that are named, or all where `names` is empty.
    pub fn chosen<'a>(
        &'a self,
        names: &'a [String],
    ) -> impl Iterator<Item = (&'a String, &'a Series)> {
        let operations = self.operations.iter();
        operations.filter(|(name, _)| names.is_empty() || names.contains(name))
    }
}

/// Who recorded a run, where, when and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Its name in reports: the recording, and the recorder where the recording has several runs.
    pub name: String,
    /// The recording's directory, as it was typed; bytes that are not UTF-8 are U+FFFD.
    pub recording: String,
    /// First eight digits of the run's UUID.
    pub recorder: String,
    /// Begin of the run, ns UTC.
    #[serde(rename = "from", with = "serialize::moment")]
    pub first_ns: i64,
    /// Its end.
    #[serde(rename = "to", with = "serialize::moment")]
    pub last_ns: i64,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Its processors; unknown in runs that older versions recorded.
    #[serde(default)]
    pub cpu: Cpu,
    /// Version of the recorder.
    pub recorder_version: String,
    /// Digest of the effective configuration.
    pub config_digest: String,
    /// The settings that it covers, by name; empty in runs that older versions recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The observed files.
    pub targets: Vec<Target>,
    /// How `cpu_ns` was measured.
    pub cpu_method: Option<String>,
    /// How resident memory was measured.
    pub memory_method: Option<String>,
    /// What is known of its times where an import made up some; absent where each row has its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_up_times: Option<MadeUpTimes>,
    /// Why the recording does not hold everything that happened.
    pub warnings: Vec<String>,
    /// The operations with durations of all finished operations, also of those without a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub durations_of_finished: Vec<FinishedWindows>,
}

/// An operation whose durations are those of all finished operations, also of those without a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinishedWindows {
    /// Its name.
    pub operation: String,
    /// Windows with such durations.
    pub windows: usize,
    /// Windows that are not missing.
    pub of_windows: usize,
    /// Length of a window, s.
    pub window_s: f64,
}

impl Eq for FinishedWindows {}

/// An observed file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Its path as it was typed.
    pub path: String,
    /// Its build id, where it has one.
    pub build_id: Option<String>,
}

impl RunIdentity {
    /// The key by which a run is recognised: its UUID and its begin; `None` where they are not
    /// known.
    pub fn key(&self) -> Option<(&str, i64)> {
        (!self.recorder.is_empty()).then_some((self.recorder.as_str(), self.first_ns))
    }

    /// A sentence about the operations whose durations are not those of the rows; `None` where there
    /// is none.
    pub fn durations_note(&self) -> Option<String> {
        let named = self.durations_of_finished.iter().map(|one| {
            let length = duration(one.window_s * 1e9);
            let windows = count(one.windows as u64);
            let of = count(one.of_windows as u64);
            format!("{} ({windows} of {of} windows of {length})", one.operation)
        });
        let named: Vec<String> = named.collect();
        let text = match named.len() {
            0 => return None,
            few if few <= MOST_NAMED => named.join(", "),
            many => {
                let names = self.durations_of_finished[..MOST_NAMED - 1].iter();
                let names: Vec<&str> = names.map(|one| one.operation.as_str()).collect();
                let more = count((many - names.len()) as u64);
                let names = names.join(", ");
                let many = count(many as u64);
                format!("{many} operations ({names} and {more} more; --format json has them all)")
            }
        };
        Some(format!("{OF_FINISHED}: {text}"))
    }

    /// From the footer of a file of the run.
    pub(super) fn of(provenance: &Provenance, recorder: &str, range: TimeRange) -> Self {
        let targets = provenance.observed.iter().map(|file| Target {
            path: file.path.to_string(),
            build_id: file.build_id.clone(),
        });
        Self {
            name: String::new(),
            recording: String::new(),
            recorder: recorder.to_owned(),
            first_ns: range.first_ns,
            last_ns: range.last_ns,
            host: provenance.host.clone(),
            kernel: provenance.kernel.clone(),
            cpu: provenance.cpu.clone(),
            recorder_version: provenance.recorder_version.clone(),
            config_digest: provenance.config_digest.clone(),
            settings: provenance.settings.clone(),
            targets: targets.collect(),
            cpu_method: provenance.cpu_method.clone(),
            memory_method: provenance.memory_method.clone(),
            made_up_times: None,
            warnings: Vec::new(),
            durations_of_finished: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(operations: usize) -> Option<String> {
        let one = |index: usize| FinishedWindows {
            operation: format!("o{index}"),
            windows: 3,
            of_windows: 4,
            window_s: 1.0,
        };
        let identity = RunIdentity {
            durations_of_finished: (0..operations).map(one).collect(),
            ..RunIdentity::default()
        };
        identity.durations_note()
    }

    #[test]
    fn a_note_about_many_operations_names_a_few() {
        assert_eq!(note(0), None);
        for operations in [1, 4] {
            let note = note(operations).unwrap();
            let last = format!("o{} (3 of 4 windows of 1.00 s)", operations - 1);
            assert!(note.ends_with(&last), "{note}");
        }
        let end = ": 1,200 operations (o0, o1, o2 and 1,197 more; --format json has them all)";
        let note = note(1_200).unwrap();
        assert!(note.ends_with(end), "{note}");
    }
}
