//! The kernel's counts of an operation, compared with one another and with the rows, so that a row
//! that is missing without having been counted as lost is found. Pure.
//!
//! Per operation and interval: finished = recorded + filtered + sampled_out + lost, and recorded =
//! rows in `operation_log`. Per operation over a run: begun = finished + abandoned + in flight. The
//! intervals of a run are compared up to the last complete one.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde::{Serialize, Serializer};
use soakbox_schemas::counters::{COUNTERS, CounterValues};
use soakbox_schemas::tables::LOSS_CAUSES;

use super::check::Check;
use super::observed_time::Switched;
use super::tally::Tally;

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
    /// Age of the oldest of them at the end, ns; `None` where none was in flight, or it is not
    /// known.
    pub oldest_in_flight_ns: Option<u64>,
    /// Time in which its probes were off to hold a limit of overhead, ns; `None` where they never
    /// were.
    pub unobserved_ns: Option<u64>,
    /// The part of the time in which they were on; `None` where that was always so.
    pub observed_share: Option<f64>,
    /// Rows in `operation_log`; 0 where the rows were not read.
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
    /// Operations that finished: those that were counted, and rows that nobody counted (of an import,
    /// or written just before a crash).
    pub fn finished(&self) -> u64 {
        let uncounted = self.rows.saturating_sub(self.counters.recorded);
        self.counters.finished.saturating_add(uncounted)
    }

    /// Those of the counted ones that have a duration.
    pub fn timed(&self) -> u64 {
        let without = untimed(&self.counters);
        self.counters.finished.saturating_sub(without)
    }

    /// Operations lost, for all causes together.
    pub fn lost(&self) -> u64 {
        self.lost
            .values()
            .fold(0, |all, one| all.saturating_add(*one))
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

/// The counts of all operations, from those of each run.
#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    operations: BTreeMap<String, Sums>,
}

/// The sums of one operation over the runs.
#[derive(Debug, Default)]
struct Sums {
    operation_type: Option<i64>,
    counters: [u64; COUNTERS.len()],
    lost: [u64; LOSS_CAUSES.len()],
    in_flight: i64,
    oldest_in_flight_ns: Option<u64>,
    switched: Switched,
    /// Time of runs in which no probes were switched, ns.
    always_ns: i64,
    rows: u64,
    is_counted: bool,
    /// Whether a complete interval has counts.
    is_comparable: bool,
    disagrees: bool,
}

impl Reconciliation {
    /// Adds an operation of a run, which observed for `observed_ns`.
    pub(super) fn add(&mut self, operation: &str, tally: &Tally, check: &Check, observed_ns: i64) {
        let sums = self.operations.entry(operation.to_owned()).or_default();
        let types = [sums.operation_type, tally.operation_type];
        sums.operation_type = types.into_iter().flatten().min();
        add_all(&mut sums.counters, &tally.counters);
        add_all(&mut sums.lost, &tally.lost);
        sums.rows = sums.rows.saturating_add(tally.rows);
        sums.switched.merge(tally.switched);
        if !tally.switched.is_known() {
            sums.always_ns = sums.always_ns.saturating_add(observed_ns);
        }
        sums.is_counted |= tally.is_counted;
        sums.is_comparable |= check.has_counts();
        let unfinished = unfinished(tally.counters());
        let in_flight = tally.in_flight(unfinished);
        sums.in_flight = sums.in_flight.saturating_add(in_flight);
        sums.oldest_in_flight_ns = sums.oldest_in_flight_ns.max(tally.oldest_in_flight_ns());
        let is_balanced = in_flight == unfinished || !check.has_all_counts();
        sums.disagrees |= !check.agrees() || !is_balanced;
    }

    /// The operations by name.
    pub(super) fn finish(self) -> Vec<OperationCounts> {
        let counts = |(operation, sums): (String, Sums)| OperationCounts {
            operation,
            operation_type: sums.operation_type.unwrap_or(0),
            counters: values(&sums.counters),
            lost: LOSS_CAUSES.into_iter().zip(sums.lost).collect(),
            in_flight: sums.in_flight,
            oldest_in_flight_ns: sums.oldest_in_flight_ns,
            unobserved_ns: sums.switched.unobserved_ns(),
            observed_share: sums.switched.share(sums.always_ns),
            rows: sums.rows,
            // Without a complete interval there is nothing that could agree, but a disagreement is
            // still one.
            identity_ok: (sums.is_comparable || sums.disagrees).then_some(!sums.disagrees),
            is_counted: sums.is_counted,
        };
        self.operations.into_iter().map(counts).collect()
    }
}

/// The counters, from their values in the order of [`COUNTERS`].
pub(super) fn values(counters: &[u64; COUNTERS.len()]) -> CounterValues {
    let mut counters = counters.iter().copied();
    let Ok(values) =
        CounterValues::from_names(|_| Ok::<_, Infallible>(counters.next().unwrap_or(0)));
    values
}

/// Finished operations without a duration: the kernel does not know when they began, or ended.
pub(super) fn untimed(counted: &CounterValues) -> u64 {
    let without = counted.lost_too_deep.saturating_add(counted.lost_no_memory);
    without.saturating_add(counted.lost_switched_off)
}

/// begun − finished − abandoned.
fn unfinished(counters: CounterValues) -> i64 {
    let ended = i128::from(counters.finished) + i128::from(counters.abandoned);
    let unfinished = i128::from(counters.begun) - ended;
    let bounded = unfinished.clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(bounded).unwrap_or_default()
}

pub(super) fn add_all(sums: &mut [u64], more: &[u64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}
