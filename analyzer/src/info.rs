//! What is in a recording: files, time, hosts, what the kernel counted, gaps, and whether the counts agree with the
//! rows. Figures only; how they look is `output`'s.

use std::collections::BTreeMap;

use serde::Serialize;
use soakbox_schemas::recording::footer;
use soakbox_schemas::tables::Table;

use crate::counting::{self, OperationCounts};
use crate::failure::Result;
use crate::gaps::Gap;
use crate::observed::Observed;
use crate::output::units::rfc3339;
use crate::recording::Recording;
use crate::sql::Session;
use crate::warning::Warning;

/// `soakbox.info/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// Name and version of this shape.
    pub schema: &'static str,
    /// The recording's directory.
    pub recording: String,
    /// First moment of the measurements, RFC 3339; null without rows.
    pub from: Option<String>,
    /// Last moment.
    pub to: Option<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Recorder runs, by the first eight digits of their UUIDs.
    pub recorders: Vec<String>,
    /// Versions of the recorder.
    pub recorder_versions: Vec<String>,
    /// Observed binaries.
    pub targets: Vec<String>,
    /// Journals that are not sealed: the recorder runs, or it crashed and `recover` has not run.
    pub journals: usize,
    /// Rows, files and bytes of each table.
    pub tables: BTreeMap<String, TableInfo>,
    /// What the kernel counted, per operation.
    pub operations: Vec<OperationCounts>,
    /// When observation was incomplete.
    pub gaps: Vec<Gap>,
    /// Whether all counts agree; null where there are no counters to check.
    pub identity_ok: Option<bool>,
    /// What a reader must know before believing a figure.
    pub warnings: Vec<Warning>,
    /// When was observed, for the figures and charts that need it.
    #[serde(skip)]
    pub observed: Observed,
}

/// Extent of a table.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct TableInfo {
    /// Rows, those of live journals included.
    pub rows: u64,
    /// Sealed files and live journals.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl Info {
    /// Reads everything that `info` shows.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(recording: &Recording, session: &Session) -> Result<Self> {
        let observed = Observed::read(recording, session)?;
        let (range, gaps) = (observed.range, observed.gaps.clone());
        let operations = counting::read(recording, session, &observed)?;
        let checked = operations
            .iter()
            .filter_map(|operation| operation.identity_ok);
        let identity_ok = checked.reduce(|all, one| all && one);
        let texts = |key| -> Vec<String> {
            let values = recording.footer_values(key).into_iter();
            values.map(str::to_owned).collect()
        };
        let mut hosts: Vec<String> = Vec::new();
        let mut recorders = Vec::new();
        for origin in recording.origins() {
            recorders.push(origin.recorder.clone());
            hosts.push(origin.host.clone());
        }
        hosts.sort();
        hosts.dedup();
        recorders.dedup();
        let warnings = Warning::all(recording, &operations, &gaps);
        Ok(Self {
            schema: "soakbox.info/1",
            recording: recording.root.display().to_string(),
            from: range.map(|range| rfc3339(range.first_ns)),
            to: range.map(|range| rfc3339(range.last_ns)),
            hosts,
            recorders,
            recorder_versions: texts(footer::RECORDER_VERSION),
            targets: texts(footer::TARGET),
            journals: recording.journals.len(),
            tables: recording
                .tables()
                .into_iter()
                .map(|table| (table.name().to_owned(), TableInfo::of(recording, table)))
                .collect(),
            operations,
            gaps,
            identity_ok,
            warnings,
            observed,
        })
    }
}

impl TableInfo {
    fn of(recording: &Recording, table: Table) -> Self {
        let sealed = recording.segments(table).map(|segment| segment.bytes);
        let live = recording
            .journals(table)
            .map(|journal| journal.bytes.len() as u64);
        let (files, bytes) = sealed
            .chain(live)
            .fold((0, 0), |(files, bytes), size| (files + 1, bytes + size));
        Self {
            rows: recording.rows(table),
            files,
            bytes,
        }
    }
}
