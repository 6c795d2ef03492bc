//! Whether nothing is missing unsaid: brings the kernel's counters and the rows together and checks the identities.
//!
//! Per operation and interval: finished = recorded + filtered + sampled_out + lost, and recorded = rows in
//! `operation_log`. Per operation over a recorder's run: begun = finished + abandoned + in flight, and once more
//! recorded = rows. Intervals that a gap cut, and
//! the last ones of a recorder that runs or did not stop in good order, are not settled and take no part.

use std::collections::BTreeMap;

use serde::Serialize;
use soakbox_schemas::counters::SLOTS;
use soakbox_schemas::tables::LOSS_CAUSES;

use crate::failure::Result;
use crate::observed::Observed;
use crate::recording::Recording;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// Intervals at the end of a run that may not be written completely: one is being counted, one being flushed.
const UNSETTLED_INTERVALS: i64 = 2;

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
    /// Whether its counts agree with one another and with its rows; null where there is nothing to check.
    pub identity_ok: Option<bool>,
}

impl OperationCounts {
    /// All that was lost.
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// A recorder and an operation.
type Key = (String, String);

/// Counts per operation, by name, each with its verdict on the identities.
pub(crate) fn read(
    recording: &Recording,
    session: &Session,
    observed: &Observed,
) -> Result<Vec<OperationCounts>> {
    let settled = settled(recording, session, observed)?;
    let mut counting = Counting::default();
    let query = |query: &str| {
        let query = queries::fill(query, "settled", &settled);
        let query = queries::fill(&query, "slots", &SLOTS.to_string());
        Columns::new(&session.collect(&query)?)
    };
    if let Some(found) = query(queries::COUNTERS)? {
        counting.counters(&found)?;
    }
    if let Some(found) = query(queries::LEVELS)? {
        counting.levels(&found)?;
    }
    if let Some(found) = query(queries::UNBALANCED)? {
        for key in keys(&found)? {
            counting.of_recorder(key).unbalanced = true;
        }
    }
    if let Some(found) = query(queries::ROWS)? {
        counting.rows(&found)?;
    }
    Ok(counting.finish())
}

/// The kernel's counts per operation alone, without a look at the rows: cheap, and no verdict on the identities.
pub(crate) fn kernel_counts(session: &Session) -> Result<Vec<OperationCounts>> {
    let mut counting = Counting::default();
    let query = queries::fill(queries::COUNTERS, "settled", "-1");
    if let Some(found) = Columns::new(&session.collect(&query)?)? {
        counting.counters(&found)?;
    }
    Ok(counting.operations.into_values().collect())
}

/// What one recorder counted of one operation, as far as the identities need it.
#[derive(Default)]
struct OfRecorder {
    /// Settled intervals with counters.
    settled: u64,
    /// Some settled interval does not add up.
    unbalanced: bool,
    /// begun − finished − abandoned.
    open: i64,
    /// What its last rows said was in flight.
    levels: Vec<i64>,
    /// Settled rows minus settled `recorded`.
    difference: i128,
}

impl OfRecorder {
    /// What was in flight at the end. A count that came late has a row of an earlier interval and the newer level, so
    /// the last level is any of the last few.
    fn in_flight(&self) -> i64 {
        if self.levels.contains(&self.open) {
            self.open
        } else {
            self.levels.last().copied().unwrap_or(0)
        }
    }

    fn agrees(&self) -> bool {
        !self.unbalanced && self.difference == 0 && self.in_flight() == self.open
    }
}

#[derive(Default)]
struct Counting {
    operations: BTreeMap<String, OperationCounts>,
    recorders: BTreeMap<Key, OfRecorder>,
}

fn keys(found: &Columns) -> Result<Vec<Key>> {
    let recorders = found.words("recorder")?.into_iter();
    Ok(recorders.zip(found.words("operation")?).collect())
}

fn difference(of: u64, other: u64) -> i64 {
    i64::try_from(i128::from(of) - i128::from(other)).unwrap_or(i64::MAX)
}

impl Counting {
    fn of_recorder(&mut self, key: Key) -> &mut OfRecorder {
        self.recorders.entry(key).or_default()
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
        let types = found.integers("operation_type")?;
        let counts = |name: &str| found.counts(name);
        let (begun, finished) = (counts("begun")?, counts("finished")?);
        let (recorded, filtered) = (counts("recorded")?, counts("filtered")?);
        let (sampled_out, abandoned) = (counts("sampled_out")?, counts("abandoned")?);
        let (unmatched, failures) = (counts("unmatched")?, counts("failures")?);
        let (settled, settled_recorded) = (counts("settled")?, counts("settled_recorded")?);
        let mut lost = Vec::new();
        for cause in LOSS_CAUSES {
            lost.push((cause, counts(&format!("lost_{cause}"))?));
        }
        for (row, key) in keys(found)?.into_iter().enumerate() {
            let operation = self.operation(&key.1, types[row]);
            operation.begun += begun[row];
            operation.finished += finished[row];
            operation.recorded += recorded[row];
            operation.filtered += filtered[row];
            operation.sampled_out += sampled_out[row];
            operation.abandoned += abandoned[row];
            operation.unmatched += unmatched[row];
            operation.failures += failures[row];
            for (cause, counts) in &lost {
                *operation.lost.entry(cause).or_insert(0) += counts[row];
            }
            let of_recorder = self.of_recorder(key);
            of_recorder.settled += settled[row];
            of_recorder.open = difference(begun[row], finished[row] + abandoned[row]);
            of_recorder.difference -= i128::from(settled_recorded[row]);
        }
        Ok(())
    }

    fn levels(&mut self, found: &Columns) -> Result<()> {
        for (key, levels) in keys(found)?.into_iter().zip(found.lists("levels")?) {
            self.of_recorder(key).levels = levels;
        }
        Ok(())
    }

    fn rows(&mut self, found: &Columns) -> Result<()> {
        let types = found.integers("operation_type")?;
        let (rows, settled) = (found.counts("rows")?, found.counts("settled_rows")?);
        for (row, key) in keys(found)?.into_iter().enumerate() {
            self.operation(&key.1, types[row]).rows += rows[row];
            self.of_recorder(key).difference += i128::from(settled[row]);
        }
        Ok(())
    }

    fn finish(self) -> Vec<OperationCounts> {
        let mut operations = self.operations;
        let mut agree: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
        for ((_, name), of_recorder) in &self.recorders {
            if let Some(operation) = operations.get_mut(name) {
                operation.in_flight += of_recorder.in_flight();
            }
            let (settled, agrees) = agree.entry(name.as_str()).or_insert((0, true));
            *settled += of_recorder.settled;
            *agrees &= of_recorder.agrees();
        }
        for (name, operation) in &mut operations {
            // Without a settled interval there is nothing to agree; a disagreement is one all the same.
            operation.identity_ok = match agree.get(name.as_str()) {
                Some((0, true)) | None => None,
                Some((_, agrees)) => Some(*agrees),
            };
        }
        operations.into_values().collect()
    }
}

/// An SQL expression for the last settled interval of a row's recorder.
fn settled(recording: &Recording, session: &Session, observed: &Observed) -> Result<String> {
    let interval_ns = recording.interval_ns().to_string();
    let query = queries::fill(queries::SETTLED, "interval_ns", &interval_ns);
    let unsealed = recording.unsealed();
    let mut cases = String::new();
    if let Some(found) = Columns::new(&session.collect(&query)?)? {
        let intervals = found.integers("interval")?;
        for (recorder, interval) in found.words("recorder")?.iter().zip(intervals) {
            let mut interval = interval.unwrap_or(-1);
            if unsealed.contains(recorder.as_str()) || !observed.stopped.contains(recorder) {
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
