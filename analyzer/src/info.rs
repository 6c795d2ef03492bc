//! What is in a recording: files, time, hosts, what the kernel counted, gaps, and whether the counts agree with the
//! rows. Figures only; how they look is `output`'s.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use soakbox_schemas::recording::footer;
use soakbox_schemas::tables::{LOSS_CAUSES, Table};

use crate::failure::Result;
use crate::recording::Recording;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};
use crate::warning::Warning;

/// Intervals that a running recorder may not have written completely yet.
const UNSETTLED_INTERVALS: i64 = 2;

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
    pub tables: BTreeMap<&'static str, TableInfo>,
    /// What the kernel counted, per operation.
    pub operations: Vec<OperationCounts>,
    /// When nothing was observed.
    pub gaps: Vec<Gap>,
    /// Whether all counts agree; null where there are no counters to check.
    pub identity_ok: Option<bool>,
    /// What a reader must know before believing a figure.
    pub warnings: Vec<Warning>,
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

/// What the kernel counted for one operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OperationCounts {
    /// Its name.
    pub operation: String,
    /// Its code.
    pub operation_type: i64,
    /// Begins seen.
    pub begun: u64,
    /// Finished while observed.
    pub finished: u64,
    /// Of these, handed over as rows.
    pub recorded: u64,
    /// Left out by a rule of the operation.
    pub filtered: u64,
    /// Left out by sampling.
    pub sampled_out: u64,
    /// Lost, per cause.
    pub lost: BTreeMap<&'static str, u64>,
    /// Began and can never finish.
    pub abandoned: u64,
    /// Begun, neither finished nor abandoned, at the end.
    pub in_flight: i64,
    /// Finishes without a begin.
    pub unmatched: u64,
    /// Finished without success.
    pub failures: u64,
    /// Rows in `operation_log`.
    pub rows: u64,
    /// Whether its counts agree with one another and with its rows; null where the kernel counted nothing.
    pub identity_ok: Option<bool>,
}

impl OperationCounts {
    /// All that was lost.
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// A stretch of time in which nothing was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// From when, RFC 3339.
    pub from: String,
    /// Until when; null where it did not end.
    pub to: Option<String>,
    /// Why.
    pub cause: String,
    /// The same in ns UTC, for charts.
    #[serde(skip)]
    pub from_ns: i64,
    /// The same in ns UTC.
    #[serde(skip)]
    pub to_ns: Option<i64>,
}

/// RFC 3339 in UTC, with as many digits as needed.
pub fn rfc3339(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl Info {
    /// Reads everything that `info` shows.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(recording: &Recording, session: &Session) -> Result<Self> {
        let range = recording.range();
        let gaps = gaps(session)?;
        let operations = Counting::read(recording, session)?.finish();
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
            tables: Table::ALL
                .map(|table| (table.name(), TableInfo::of(recording, table)))
                .into(),
            operations,
            gaps,
            identity_ok,
            warnings,
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

/// Gaps of a recording, in order.
///
/// # Errors
/// Where the query fails.
pub fn gaps(session: &Session) -> Result<Vec<Gap>> {
    let Some(found) = Columns::new(&session.collect(queries::GAPS)?)? else {
        return Ok(Vec::new());
    };
    let (from, until, causes) = (
        found.times("at")?,
        found.times("until")?,
        found.words("cause")?,
    );
    let rows = from.into_iter().zip(until).zip(causes);
    Ok(rows
        .filter_map(|((from, to_ns), cause)| {
            let from_ns = from?;
            Some(Gap {
                from: rfc3339(from_ns),
                to: to_ns.map(rfc3339),
                cause,
                from_ns,
                to_ns,
            })
        })
        .collect())
}

/// Counters and rows, brought together per operation.
#[derive(Default)]
struct Counting {
    operations: BTreeMap<String, OperationCounts>,
    /// Rows up to the settled interval minus `recorded` up to it, per recorder and operation.
    difference: BTreeMap<(String, String), i128>,
    counted: BTreeMap<String, bool>,
}

impl Counting {
    fn read(recording: &Recording, session: &Session) -> Result<Self> {
        let settled = settled(recording, session)?;
        let mut counting = Self::default();
        let counters = session.collect(&queries::fill(queries::COUNTERS, "settled", &settled))?;
        if let Some(found) = Columns::new(&counters)? {
            counting.counters(&found)?;
        }
        let rows = session.collect(&queries::fill(queries::ROWS, "settled", &settled))?;
        if let Some(found) = Columns::new(&rows)? {
            counting.rows(&found)?;
        }
        Ok(counting)
    }

    fn operation(&mut self, name: &str, operation_type: Option<i64>) -> &mut OperationCounts {
        let entry = self.operations.entry(name.to_owned());
        entry.or_insert_with(|| OperationCounts {
            operation: name.to_owned(),
            operation_type: operation_type.unwrap_or(0),
            lost: LOSS_CAUSES.map(|cause| (cause, 0)).into(),
            ..OperationCounts::default()
        })
    }

    fn counters(&mut self, found: &Columns) -> Result<()> {
        let (recorders, names) = (found.words("recorder")?, found.words("operation")?);
        let types = found.integers("operation_type")?;
        let counts = |name: &str| found.counts(name);
        let (begun, finished) = (counts("begun")?, counts("finished")?);
        let (recorded, filtered) = (counts("recorded")?, counts("filtered")?);
        let (sampled_out, abandoned) = (counts("sampled_out")?, counts("abandoned")?);
        let (unmatched, failures) = (counts("unmatched")?, counts("failures")?);
        let (settled, unbalanced) = (counts("settled_recorded")?, counts("unbalanced")?);
        let in_flight = found.integers("in_flight")?;
        let mut lost = Vec::new();
        for cause in LOSS_CAUSES {
            lost.push((cause, counts(&format!("lost_{cause}"))?));
        }
        for row in 0..found.len() {
            let in_flight = in_flight[row].unwrap_or(0);
            let ended = i128::from(finished[row]) + i128::from(abandoned[row]);
            let balanced =
                unbalanced[row] == 0 && i128::from(begun[row]) == ended + i128::from(in_flight);
            *self.counted.entry(names[row].clone()).or_insert(true) &= balanced;
            let key = (recorders[row].clone(), names[row].clone());
            *self.difference.entry(key).or_insert(0) -= i128::from(settled[row]);
            let operation = self.operation(&names[row], types[row]);
            operation.begun += begun[row];
            operation.finished += finished[row];
            operation.recorded += recorded[row];
            operation.filtered += filtered[row];
            operation.sampled_out += sampled_out[row];
            operation.abandoned += abandoned[row];
            operation.unmatched += unmatched[row];
            operation.failures += failures[row];
            operation.in_flight += in_flight;
            for (cause, counts) in &lost {
                *operation.lost.entry(cause).or_insert(0) += counts[row];
            }
        }
        Ok(())
    }

    fn rows(&mut self, found: &Columns) -> Result<()> {
        let (recorders, names) = (found.words("recorder")?, found.words("operation")?);
        let types = found.integers("operation_type")?;
        let (rows, settled) = (found.counts("rows")?, found.counts("settled_rows")?);
        for row in 0..found.len() {
            let key = (recorders[row].clone(), names[row].clone());
            *self.difference.entry(key).or_insert(0) += i128::from(settled[row]);
            self.operation(&names[row], types[row]).rows += rows[row];
        }
        Ok(())
    }

    fn finish(self) -> Vec<OperationCounts> {
        let mut operations: Vec<OperationCounts> = self.operations.into_values().collect();
        for operation in &mut operations {
            let name = &operation.operation;
            let mut differences = self.difference.iter().filter(|((_, of), _)| of == name);
            let complete = differences.all(|(_, difference)| *difference == 0);
            operation.identity_ok = self.counted.get(name).map(|balanced| *balanced && complete);
        }
        operations
    }
}

/// An SQL expression for the last settled interval of a row's recorder. Rows after it (cut off by a crash, or not
/// completely written yet by a recorder that runs) take no part in the check.
fn settled(recording: &Recording, session: &Session) -> Result<String> {
    let interval_ns = recording.interval_ns().to_string();
    let query = queries::fill(queries::SETTLED, "interval_ns", &interval_ns);
    let unsealed = recording.unsealed();
    let mut cases = String::new();
    if let Some(found) = Columns::new(&session.collect(&query)?)? {
        for (recorder, interval) in found
            .words("recorder")?
            .iter()
            .zip(found.integers("interval")?)
        {
            let mut interval = interval.unwrap_or(-1);
            if unsealed.contains(recorder.as_str()) {
                interval -= UNSETTLED_INTERVALS;
            }
            cases.push_str(&format!(" WHEN '{recorder}' THEN {interval}"));
        }
    }
    Ok(if cases.is_empty() {
        "-1".to_owned()
    } else {
        format!("CASE recorder{cases} ELSE -1 END")
    })
}
