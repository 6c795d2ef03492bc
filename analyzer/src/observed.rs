//! When a recording observed: from the start to the stop of each recorder's run, without the gaps. Rates are per
//! second of this time, and charts begin and end with it.

use std::collections::{BTreeMap, BTreeSet};

use soakbox_schemas::tables::{AnnotationKind, Table};

use crate::failure::Result;
use crate::gaps::{self, Gap};
use crate::recording::{Range, Recording};
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// When was observed, and when not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// From the first to the last moment; `None` without rows.
    pub range: Option<Range>,
    /// Time observed inside it, ns.
    pub length_ns: i64,
    /// Stretches inside the range in which nothing was observed: gaps, and time between runs.
    pub unobserved: Vec<Range>,
    /// Recorders that said that they stopped in good order.
    pub stopped: BTreeSet<String>,
    /// When nothing was observed though a recorder ran, or should have.
    pub gaps: Vec<Gap>,
}

impl Observed {
    /// Reads the runs and gaps of a recording.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(recording: &Recording, session: &Session) -> Result<Self> {
        let gaps = gaps::read(session)?;
        let said = said(session)?;
        let origins = recording.origins();
        let runs: Vec<Range> = origins
            .iter()
            .filter_map(|origin| run(recording, &origin.recorder, &said))
            .collect();
        let range = runs.iter().copied().reduce(Range::union);
        let unobserved = range.map_or_else(Vec::new, |range| unobserved(range, runs, &gaps));
        let length_ns = range.map_or(0, Range::length_ns);
        Ok(Self {
            range,
            length_ns: length_ns
                - unobserved
                    .iter()
                    .map(|range| range.length_ns())
                    .sum::<i64>(),
            unobserved,
            stopped: said
                .into_iter()
                .filter_map(|(recorder, (_, stopped))| stopped.map(|_| recorder))
                .collect(),
            gaps,
        })
    }
}

/// What recorders said of their own start and stop, ns UTC.
type Said = BTreeMap<String, (Option<i64>, Option<i64>)>;

fn said(session: &Session) -> Result<Said> {
    let mut said = Said::new();
    if let Some(found) = Columns::new(&session.collect(queries::RUNS)?)? {
        let (kinds, times) = (found.words("kind")?, found.times("at")?);
        for (row, recorder) in found.words("recorder")?.into_iter().enumerate() {
            let (started, stopped) = said.entry(recorder).or_default();
            if kinds[row] == AnnotationKind::RecordingStarted.name() {
                *started = started.or(times[row]);
            } else {
                *stopped = times[row];
            }
        }
    }
    Ok(said)
}

/// One recorder's run: as it said, and where it said nothing (it runs, or crashed), as its rows tell. A row outside
/// stretches it.
fn run(recording: &Recording, recorder: &str, said: &Said) -> Option<Range> {
    let range = |table| recording.range_of(table, Some(recorder));
    let log = range(Table::OPERATION_LOG);
    let metrics = range(Table::OPERATION_METRICS).map(|range| Range {
        // A row's time is the start of its interval.
        last_ns: range.last_ns.saturating_add(recording.interval_ns()),
        ..range
    });
    let tables = [log, range(Table::RECORDER_HEALTH), metrics];
    let rows = tables.into_iter().flatten().reduce(Range::union)?;
    let (started, stopped) = said.get(recorder).copied().unwrap_or_default();
    let run = Range {
        first_ns: started.unwrap_or(rows.first_ns),
        last_ns: stopped.unwrap_or(rows.last_ns),
    };
    Some(log.map_or(run, |log| run.union(log)))
}

/// What the runs do not cover and what gaps cut out of them, inside `range`.
fn unobserved(range: Range, runs: Vec<Range>, gaps: &[Gap]) -> Vec<Range> {
    // A gap without an end lasts as long as the run that it began in, and is no matter of later ones.
    let end = |gap: &Gap| {
        let run = runs
            .iter()
            .find(|run| (run.first_ns..=run.last_ns).contains(&gap.from_ns));
        gap.to_ns
            .unwrap_or(run.map_or(range.last_ns, |run| run.last_ns))
    };
    let mut holes: Vec<Range> = gaps
        .iter()
        .map(|gap| Range {
            first_ns: gap.from_ns.max(range.first_ns),
            last_ns: end(gap).min(range.last_ns),
        })
        .collect();
    holes.extend(merge(runs).windows(2).map(|runs| Range {
        first_ns: runs[0].last_ns,
        last_ns: runs[1].first_ns,
    }));
    merge(holes)
}

/// The same time as ranges that do not touch.
fn merge(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.retain(|range| range.length_ns() > 0);
    ranges.sort_by_key(|range| range.first_ns);
    let mut merged: Vec<Range> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first_ns <= last.last_ns => *last = last.union(range),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_ns: i64, last_ns: i64) -> Range {
        Range { first_ns, last_ns }
    }

    fn gap(from_ns: i64, to_ns: Option<i64>) -> Gap {
        Gap {
            from: String::new(),
            to: None,
            cause: "crash".to_owned(),
            from_ns,
            to_ns,
        }
    }

    #[test]
    fn holes_between_runs_and_gaps_are_unobserved_once() {
        let runs = || vec![range(0, 100), range(50, 150), range(200, 300)];
        let all = range(0, 300);
        assert_eq!(unobserved(all, runs(), &[]), [range(150, 200)]);
        let gaps = [gap(90, Some(110)), gap(100, Some(120)), gap(140, Some(210))];
        assert_eq!(
            unobserved(all, runs(), &gaps),
            [range(90, 120), range(140, 210)]
        );
        assert_eq!(
            unobserved(all, runs(), &[gap(280, None)]),
            [range(150, 200), range(280, 300)]
        );
        assert_eq!(
            unobserved(all, runs(), &[gap(400, None), gap(310, Some(320))]),
            [range(150, 200)]
        );
    }
}
