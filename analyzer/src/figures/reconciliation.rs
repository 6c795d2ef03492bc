//! Reconciliation: compares the kernel's counters with one another and with the rows, so that a row
//! that is missing without having been counted as lost is found.
//!
//! Per operation and interval: finished = recorded + filtered + sampled_out + lost, and recorded =
//! rows in `operation_log`. Per operation over a recorder's run: begun = finished + abandoned + in
//! flight, and again recorded = rows. The intervals of a recorder are compared up to the last one
//! that none of its gaps touches. If the recorder still runs or did not stop cleanly, the last two
//! of these are not compared either, since they may be incomplete.

mod passes;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use arrow::array::RecordBatch;
use serde::{Serialize, Serializer};
use soakbox_cli::Result;
use soakbox_schemas::counters::{COUNTERS, CounterValues, SLOTS};
use soakbox_schemas::recording::Provenance;
use soakbox_schemas::tables::{AnnotationKind, LOSS_CAUSES, Table};

use crate::coverage::{Coverage, INCOMPLETE_INTERVALS};
use crate::recording::Recording;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};
use crate::units::count;

/// The kernel's counts of one operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OperationCounts {
    /// The operation's name.
    pub operation: String,
    /// The operation's code.
    pub operation_type: i64,
    /// Sums of the kernel's counters; in JSON each under its own name, except the losses.
    #[serde(flatten, serialize_with = "all_but_losses")]
    pub counters: CounterValues,
    /// Operations lost, by cause: those that the kernel counted, and those of the recorder.
    pub lost: BTreeMap<&'static str, u64>,
    /// Operations that had begun and were neither finished nor abandoned at the end.
    pub in_flight: i64,
    /// Rows in `operation_log`.
    pub rows: u64,
    /// Whether the counts agree with one another and with the rows; `None` where there is nothing
    /// to compare.
    pub identity_ok: Option<bool>,
    /// Whether the kernel's counters have the operation. In the first intervals they do, while
    /// there is nothing to compare yet.
    #[serde(skip)]
    pub is_counted: bool,
}

impl OperationCounts {
    /// Operations lost, for all causes together.
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

fn all_but_losses<S: Serializer>(
    counters: &CounterValues,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let losses = COUNTERS.iter().filter(|one| one.loss_cause().is_some());
    let losses: Vec<&str> = losses.map(|one| one.name).collect();
    let others = counters.by_name();
    serializer.collect_map(others.filter(|(name, _)| !losses.contains(name)))
}

/// Whether the counts are compared with the rows. The comparison scans all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Always, and rows that cannot be read are a failure.
    Required,
    /// Only where the recording has at most this number of rows and all of them can be read.
    /// Otherwise a warning reports that they were not compared. It is for commands whose own answer
    /// may need few rows.
    UpTo(u64),
}

/// Most parts of a recording that are compared one by one where the memory is bounded: intervals of
/// an operation, or several of them in a long recording.
const MOST_PARTS: u64 = 1 << 18;

impl Comparison {
    /// For commands whose own answer may need few rows. The scan takes some seconds.
    pub const BOUNDED: Self = Self::UpTo(50_000_000);

    /// How many neighbouring intervals are compared together. All are compared one by one where
    /// the comparison is required: it is then the answer itself.
    fn intervals_together(self, recording: &Recording) -> u64 {
        match self {
            Self::Required => 1,
            Self::UpTo(_) => parts(recording).div_ceil(MOST_PARTS).max(1),
        }
    }
}

/// The largest number of intervals of operations that can be compared.
fn parts(recording: &Recording) -> u64 {
    match recording.rows(Table::OPERATION_METRICS) {
        // Of an import the intervals are those of its rows.
        0 => recording.rows(Table::OPERATION_LOG),
        counted => counted,
    }
}

/// The query for [`IntervalRows::complete`].
pub(super) fn complete_intervals(recording: &Recording) -> String {
    let interval_ns = recording.interval_ns().to_string();
    let values = [
        ("interval_ns", interval_ns.as_str()),
        ("gap", AnnotationKind::Gap.name()),
    ];
    queries::fill(queries::COMPLETE_INTERVALS, &values)
}

/// The query for [`IntervalRows::in_flight`].
pub(super) fn in_flight() -> String {
    let slots = SLOTS.to_string();
    queries::fill(queries::IN_FLIGHT, &[("slots", slots.as_str())])
}

/// Results that the comparison starts from.
pub(super) struct IntervalRows {
    /// Of [`complete_intervals`].
    pub(super) complete: Vec<RecordBatch>,
    /// Of [`in_flight`].
    pub(super) in_flight: Vec<RecordBatch>,
}

/// The counts per operation, by name, each compared with the rows; and the reason if they were not
/// compared.
pub(super) fn read(
    recording: &Recording,
    session: &Session,
    coverage: &Coverage,
    observed: &IntervalRows,
    comparison: Comparison,
) -> Result<(Vec<OperationCounts>, Option<String>)> {
    let complete = last_complete_interval(recording, coverage, &observed.complete)?;
    let sums = sums();
    let intervals = comparison.intervals_together(recording).to_string();
    let values = [
        ("complete", complete.as_str()),
        ("sums", sums.as_str()),
        ("intervals", intervals.as_str()),
    ];
    let filled = |query| queries::fill(query, &values);
    let rows = recording.rows(Table::OPERATION_LOG);
    let counters = session.collect(&filled(queries::COUNTERS))?;
    let balance = match comparison {
        Comparison::UpTo(limit) if rows > limit => {
            Err(format!("there are {} of them", count(rows)))
        }
        _ => match (
            passes::balance(recording, session, comparison, &values),
            comparison,
        ) {
            (Err(failure), Comparison::Required) => return Err(failure),
            (balance, _) => balance.map_err(|failure| failure.reason().to_owned()),
        },
    };
    let mut reconciliation = Reconciliation::default();
    if let Some(found) = Columns::new(&counters)? {
        reconciliation.add_counters(&found)?;
    }
    if let Some(found) = Columns::new(&observed.in_flight)? {
        reconciliation.add_in_flight(&found)?;
    }
    match balance {
        Ok(balance) => {
            if let Some(found) = Columns::new(&balance)? {
                reconciliation.add_balance(&found)?;
            }
            Ok((reconciliation.finish(), None))
        }
        Err(reason) => {
            // Nobody counted imported rows: there is nothing to compare.
            let is_import = recording.provenances().all(Provenance::is_import);
            let reason = (!is_import).then_some(reason);
            Ok((reconciliation.without_rows(), reason))
        }
    }
}

/// An SQL expression for the last complete interval of a row's recorder.
fn last_complete_interval(
    recording: &Recording,
    coverage: &Coverage,
    complete: &[RecordBatch],
) -> Result<String> {
    let mut cases = String::new();
    if let Some(found) = Columns::new(complete)? {
        let intervals = found.integers("interval")?;
        for (recorder, interval) in found.texts("recorder")?.iter().zip(intervals) {
            let mut interval = interval.unwrap_or(-1);
            if recording.is_unsealed(recorder) || !coverage.stopped.contains(recorder) {
                interval -= INCOMPLETE_INTERVALS;
            }
            let recorder = queries::literal(recorder);
            cases.push_str(&format!(" WHEN {recorder} THEN {interval}"));
        }
    }
    Ok(if cases.is_empty() {
        "-1".to_owned()
    } else {
        format!("CASE recorder{cases} ELSE -1 END")
    })
}

fn lost_column(cause: &str) -> String {
    format!("lost_{cause}")
}

/// SQL expressions: the sum of each counter and of each cause of loss, under its own name.
fn sums() -> String {
    let counters = COUNTERS.iter().map(|counter| counter.name.to_owned());
    let columns: BTreeSet<String> = counters.chain(LOSS_CAUSES.map(lost_column)).collect();
    let sums = columns.iter().map(|name| format!("sum({name}) AS {name}"));
    sums.collect::<Vec<_>>().join(", ")
}

/// A recorder and an operation.
type Key = (String, String);

fn keys(found: &Columns) -> Result<Vec<Key>> {
    let recorders = found.texts("recorder")?.into_iter();
    Ok(recorders.zip(found.texts("operation")?).collect())
}

/// The counts that are compared: those of one operation in the run of one recorder.
#[derive(Default)]
struct RunCounts {
    /// Complete intervals with counters.
    complete: u64,
    /// Whether the counts of some complete interval do not add up.
    is_unbalanced: bool,
    /// begun − finished − abandoned.
    unfinished: i64,
    /// In-flight samples of the last intervals, in order of time.
    in_flight: Vec<i64>,
    /// Rows minus `recorded`, of complete intervals.
    surplus: i128,
}

impl RunCounts {
    /// Operations in flight at the end. A late count is written as another row of its earlier
    /// interval, together with a newer in-flight sample. This is why the newest sample can be in
    /// any of the last rows.
    fn in_flight(&self) -> i64 {
        if self.in_flight.contains(&self.unfinished) {
            self.unfinished
        } else {
            self.in_flight.last().copied().unwrap_or(0)
        }
    }

    fn agrees(&self) -> bool {
        !self.is_unbalanced && self.surplus == 0 && self.in_flight() == self.unfinished
    }
}

#[derive(Default)]
struct Reconciliation {
    operations: BTreeMap<String, OperationCounts>,
    runs: BTreeMap<Key, RunCounts>,
}

impl Reconciliation {
    fn run(&mut self, key: Key) -> &mut RunCounts {
        self.runs.entry(key).or_default()
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

    fn add_counters(&mut self, found: &Columns) -> Result<()> {
        let types = found.integers("operation_type")?;
        let counts = |name: &str| found.counts(name);
        let (complete, complete_recorded) = (counts("complete")?, counts("complete_recorded")?);
        let mut counters = BTreeMap::new();
        for counter in COUNTERS {
            counters.insert(counter.name, counts(counter.name)?);
        }
        let mut lost = Vec::new();
        for cause in LOSS_CAUSES {
            lost.push((cause, counts(&lost_column(cause))?));
        }
        for (row, key) in keys(found)?.into_iter().enumerate() {
            let Ok(counted) =
                CounterValues::from_names(|name| Ok::<_, Infallible>(counters[name][row]));
            let operation = self.operation(&key.1, types[row]);
            operation.counters += counted;
            operation.is_counted = true;
            for (cause, counts) in &lost {
                *operation.lost.entry(cause).or_insert(0) += counts[row];
            }
            let run = self.run(key);
            run.complete += complete[row];
            run.unfinished =
                saturating_difference(counted.begun, counted.finished + counted.abandoned);
            run.surplus -= i128::from(complete_recorded[row]);
        }
        Ok(())
    }

    fn add_in_flight(&mut self, found: &Columns) -> Result<()> {
        for (key, samples) in keys(found)?.into_iter().zip(found.lists("samples")?) {
            self.run(key).in_flight = samples;
        }
        Ok(())
    }

    fn add_balance(&mut self, found: &Columns) -> Result<()> {
        let types = found.integers("operation_type")?;
        let (rows, complete) = (found.counts("rows")?, found.counts("complete_rows")?);
        let unbalanced = found.counts("unbalanced")?;
        for (row, key) in keys(found)?.into_iter().enumerate() {
            self.operation(&key.1, types[row]).rows += rows[row];
            let run = self.run(key);
            run.surplus += i128::from(complete[row]);
            run.is_unbalanced |= unbalanced[row] > 0;
        }
        Ok(())
    }

    /// The counts alone: whether they agree is not known.
    fn without_rows(self) -> Vec<OperationCounts> {
        self.operations.into_values().collect()
    }

    fn finish(self) -> Vec<OperationCounts> {
        let mut operations = self.operations;
        let mut agree: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
        for ((_, name), run) in &self.runs {
            if let Some(operation) = operations.get_mut(name) {
                operation.in_flight += run.in_flight();
            }
            let (complete, agrees) = agree.entry(name.as_str()).or_insert((0, true));
            *complete += run.complete;
            *agrees &= run.agrees();
        }
        for (name, operation) in &mut operations {
            // Without a complete interval there is nothing that could agree, but a disagreement is
            // still one.
            operation.identity_ok = match agree.get(name.as_str()) {
                Some((0, true)) | None => None,
                Some((_, agrees)) => Some(*agrees),
            };
        }
        operations.into_values().collect()
    }
}

fn saturating_difference(left: u64, right: u64) -> i64 {
    let difference = i128::from(left) - i128::from(right);
    let bounded = difference.clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(bounded).unwrap_or_default()
}
