//! The content of a recording: files, time, hosts, the kernel's counts, gaps, and whether the
//! counts agree with the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use soakbox_schemas::recording::footer::{Cpu, LeftOut, ObservedOperation, Vouched};
use soakbox_schemas::recording::{Deleted, ObservedFile};
use soakbox_schemas::tables::Table;

use super::{Reading, Warning};
use crate::coverage::Gap;
use crate::recording::Recording;
use crate::units::serialize;
use crate::windows::OperationCounts;

/// The content of a recording; in JSON the schema `soakbox.info/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// Name and version of the JSON schema.
    pub schema: &'static str,
    /// The recording's directory.
    #[serde(serialize_with = "serialize::path")]
    pub recording: PathBuf,
    /// First moment of the measurements, ns UTC; `None` without rows.
    #[serde(rename = "from", serialize_with = "serialize::optional_time")]
    pub from_ns: Option<i64>,
    /// Last moment.
    #[serde(rename = "to", serialize_with = "serialize::optional_time")]
    pub to_ns: Option<i64>,
    /// Names of the hosts that it was recorded on.
    pub hosts: Vec<String>,
    /// The processors of these hosts, where they are known.
    pub cpus: Vec<Cpu>,
    /// The recorders' runs, by the first eight digits of their UUIDs.
    pub recorders: Vec<String>,
    /// Runs whose recorder still runs: it holds the lock of its journals.
    pub running: Vec<String>,
    /// Versions of the recorder.
    pub recorder_versions: Vec<String>,
    /// How the rows were obtained: `import`; none where recorders measured all of them.
    pub sources: Vec<String>,
    /// Which times imports made up, `made up` or `even`; absent where each row has its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<String>,
    /// Paths of the observed files, as they were typed.
    pub targets: Vec<String>,
    /// The observed files: the path that was typed, the file it led to, and its build id.
    pub observed: Vec<Target>,
    /// The operations that were asked for and not recorded, with the reasons.
    pub left_out: Vec<LeftOut>,
    /// The operations that were finished by a uretprobe because the person vouched for it.
    pub vouched: Vec<Vouched>,
    /// What each operation is and how it was observed, where the recording has it.
    pub observed_operations: Vec<ObservedOperation>,
    /// Journals that are not sealed.
    pub journals: usize,
    /// Rows, files and bytes of each table.
    pub tables: BTreeMap<String, TableExtent>,
    /// What retention deleted of each table; absent where nothing was deleted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deleted: BTreeMap<String, DeletedExtent>,
    /// The kernel's counts, per operation.
    pub operations: Vec<OperationCounts>,
    /// When nothing, or not everything, was observed.
    pub gaps: Vec<Gap>,
    /// Whether all counts agree; `None` where there are no counters to compare.
    pub identity_ok: Option<bool>,
    /// Why the recording does not hold everything that happened; empty if it does.
    pub warnings: Vec<Warning>,
}

/// A file that was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Its path as it was typed.
    pub path: String,
    /// The file that this led to, without symbolic links.
    pub file: String,
    /// Its build id; `None` where it has none.
    pub build_id: Option<String>,
}

impl Target {
    fn of(observed: &ObservedFile) -> Self {
        Self {
            path: observed.path.to_string(),
            file: observed.file.to_string(),
            build_id: observed.build_id.clone(),
        }
    }

    /// As text: the path, followed by the file in parentheses if it differs.
    pub fn label(&self) -> String {
        if self.path == self.file {
            self.path.clone()
        } else {
            format!("{} ({})", self.path, self.file)
        }
    }
}

/// How many rows, files and bytes a table has.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct TableExtent {
    /// Rows, those of journals included.
    pub rows: u64,
    /// Sealed files and journals.
    pub files: u64,
    /// Size of these files.
    pub bytes: u64,
}

/// How many rows of a table were deleted, and of which time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DeletedExtent {
    /// Rows.
    pub rows: u64,
    /// Sealed files.
    pub files: u64,
    /// Size of these files.
    pub bytes: u64,
    /// Time of the earliest row, ns UTC.
    #[serde(rename = "from", serialize_with = "serialize::time")]
    pub from_ns: i64,
    /// Time of the latest row, ns UTC.
    #[serde(rename = "to", serialize_with = "serialize::time")]
    pub until_ns: i64,
}

impl DeletedExtent {
    fn of(deleted: &Deleted) -> Self {
        Self {
            rows: deleted.rows,
            files: deleted.files,
            bytes: deleted.bytes,
            from_ns: deleted.from_ns,
            until_ns: deleted.until_ns,
        }
    }
}

impl Info {
    /// The content of a recording that was read.
    pub fn of(reading: &Reading) -> Self {
        let recording = &reading.recording;
        let range = reading.coverage.range;
        let versions = recording.provenances();
        let versions: BTreeSet<&str> = versions
            .map(|provenance| provenance.recorder_version.as_str())
            .filter(|version| !version.is_empty())
            .collect();
        let sources = recording.provenances();
        let sources: BTreeSet<&str> = sources
            .filter_map(|provenance| provenance.source.as_deref())
            .collect();
        let times = recording.provenances();
        let times: BTreeSet<&str> = times
            .filter_map(|provenance| provenance.times.as_deref())
            .collect();
        let cpus = recording.provenances().map(|provenance| &provenance.cpu);
        let cpus: BTreeSet<&Cpu> = cpus.filter(|cpu| !cpu.is_unknown()).collect();
        let observed = recording.provenances();
        let observed: BTreeSet<&ObservedFile> = observed
            .flat_map(|provenance| &provenance.observed)
            .collect();
        let observed: Vec<Target> = observed.into_iter().map(Target::of).collect();
        let left_out = recording.provenances();
        let left_out: BTreeSet<&LeftOut> = left_out
            .flat_map(|provenance| &provenance.left_out)
            .collect();
        let vouched = recording.provenances();
        let vouched: BTreeSet<&Vouched> =
            vouched.flat_map(|provenance| &provenance.vouched).collect();
        let observed_operations = recording.provenances();
        let observed_operations: BTreeSet<&ObservedOperation> = observed_operations
            .flat_map(|provenance| &provenance.operations)
            .collect();
        let origins = recording.origins();
        let hosts: BTreeSet<&str> = origins.iter().map(|origin| origin.host.as_str()).collect();
        let recorders: BTreeSet<&str> = origins
            .iter()
            .map(|origin| origin.recorder.as_str())
            .collect();
        let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        Self {
            schema: "soakbox.info/1",
            recording: recording.root.clone(),
            from_ns: range.map(|range| range.first_ns),
            to_ns: range.map(|range| range.last_ns),
            hosts: owned(hosts),
            cpus: cpus.into_iter().cloned().collect(),
            recorders: owned(recorders),
            running: recording.running(),
            recorder_versions: owned(versions),
            sources: owned(sources),
            times: owned(times),
            targets: observed.iter().map(|target| target.path.clone()).collect(),
            observed,
            left_out: left_out.into_iter().cloned().collect(),
            vouched: vouched.into_iter().cloned().collect(),
            observed_operations: observed_operations.into_iter().cloned().collect(),
            journals: recording.journals.len(),
            tables: recording
                .tables()
                .into_iter()
                .map(|table| (table.name().to_owned(), TableExtent::of(recording, table)))
                .collect(),
            deleted: recording
                .deletions
                .by_table()
                .into_iter()
                .map(|(table, deleted)| (table.to_owned(), DeletedExtent::of(&deleted)))
                .collect(),
            operations: reading.counts.clone(),
            gaps: reading.gaps.clone(),
            identity_ok: reading.counts_agree(),
            warnings: reading.warnings.clone(),
        }
    }

    /// The processors as text; `None` where they are not known.
    pub fn cpus_label(&self) -> Option<String> {
        let cpus: Vec<String> = self.cpus.iter().map(Cpu::to_string).collect();
        (!cpus.is_empty()).then(|| cpus.join("; "))
    }
}

impl TableExtent {
    fn of(recording: &Recording, table: Table) -> Self {
        let sealed = recording.segments(table).map(|segment| segment.bytes);
        let journals = recording
            .journals(table)
            .map(|journal| journal.bytes.len() as u64);
        let (files, bytes) = sealed
            .chain(journals)
            .fold((0, 0), |(files, bytes), size| (files + 1, bytes + size));
        Self {
            rows: recording.rows(table),
            files,
            bytes,
        }
    }
}
