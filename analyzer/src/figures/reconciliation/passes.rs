//! The comparison of counts and rows in passes over ranges of intervals, so that its memory does not
//! grow with the recording.

use arrow::array::RecordBatch;
use soakbox_cli::Result;
use soakbox_schemas::tables::Table;

use super::{Comparison, parts};
use crate::recording::Recording;
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// Most parts that one pass over a recording compares: about 150 MB of groups.
const MOST_PARTS_AT_ONCE: u64 = 1 << 19;

/// The result of [`queries::BALANCE`], in a row for each pass over a range of intervals: each interval
/// is a group of its own, and all of them would need much memory.
pub(super) fn balance(
    recording: &Recording,
    session: &Session,
    comparison: Comparison,
    values: &[(&str, &str)],
) -> Result<Vec<RecordBatch>> {
    let parts = parts(recording) / comparison.intervals_together(recording);
    let extent = match parts.div_ceil(MOST_PARTS_AT_ONCE) {
        0 | 1 => None,
        passes => extent(recording, session)?.map(|extent| (extent, passes)),
    };
    let conditions = match extent {
        None => vec!["TRUE".to_owned()],
        Some(((first, last), passes)) => ranges(first, last, passes),
    };
    in_ranges(session, &conditions, values)
}

fn in_ranges(
    session: &Session,
    conditions: &[String],
    values: &[(&str, &str)],
) -> Result<Vec<RecordBatch>> {
    let mut found = Vec::new();
    for within in conditions {
        let mut values = values.to_vec();
        values.push(("within", within));
        found.extend(session.collect(&queries::fill(queries::BALANCE, &values))?);
    }
    Ok(found)
}

/// The first and the last interval that has counts, or rows where there are none.
fn extent(recording: &Recording, session: &Session) -> Result<Option<(i64, i64)>> {
    let table = match recording.rows(Table::OPERATION_METRICS) {
        0 => Table::OPERATION_LOG,
        _ => Table::OPERATION_METRICS,
    };
    let query = queries::fill(queries::EXTENT, &[("table", table.name())]);
    let Some(found) = Columns::new(&session.collect(&query)?)? else {
        return Ok(None);
    };
    let (first, last) = (found.integers("first")?, found.integers("last")?);
    let bounds = first.into_iter().zip(last).next();
    Ok(bounds.and_then(|(first, last)| first.zip(last)))
}

/// Conditions that split all intervals into `count` ranges, which meet between `first` and `last`.
fn ranges(first: i64, last: i64, count: u64) -> Vec<String> {
    let length = u64::try_from(last.saturating_sub(first)).unwrap_or_default();
    let step = i64::try_from((length / count.max(1)).max(1)).unwrap_or(i64::MAX);
    let mut bounds = Vec::new();
    let mut bound = first.saturating_add(step);
    while bound < last {
        bounds.push(bound);
        bound = bound.saturating_add(step);
    }
    let mut conditions = Vec::new();
    let mut from = None;
    for to in bounds.into_iter().map(Some).chain([None]) {
        conditions.push(match (from, to) {
            (None, None) => "TRUE".to_owned(),
            (None, Some(to)) => format!("\"interval\" < {to}"),
            (Some(from), None) => format!("\"interval\" >= {from}"),
            (Some(from), Some(to)) => {
                format!("\"interval\" >= {from} AND \"interval\" < {to}")
            }
        });
        from = to;
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;
    use soakbox_schemas::tables::OperationMetrics;
    use soakbox_testing::{Recorder, Soak};

    #[test]
    fn ranges_hold_each_interval_exactly_once() {
        let holds = |condition: &str, interval: i64| {
            condition
                .split(" AND ")
                .all(|part| match part.split_once(' ') {
                    Some((_, bound)) => {
                        let (sign, bound) = bound.split_once(' ').unwrap();
                        let bound: i64 = bound.parse().unwrap();
                        (sign == "<") == (interval < bound)
                    }
                    None => part == "TRUE",
                })
        };
        for (first, last, count) in [(0, 99, 7), (5, 5, 3), (-3, 9, 100), (10, 1_000_003, 4)] {
            let conditions = ranges(first, last, count);
            assert!(conditions.len() as u64 <= count + 1, "{conditions:?}");
            for interval in (first - 5..=last + 5).step_by(((last - first) / 50).max(1) as usize) {
                let holding = conditions.iter().filter(|one| holds(one, interval));
                assert_eq!(holding.count(), 1, "{interval}: {conditions:?}");
            }
        }
    }

    #[test]
    fn several_passes_find_what_one_pass_finds() {
        let place = tempfile::tempdir().unwrap();
        let soak = Soak {
            seconds: 20,
            ..Soak::default()
        };
        let mut rows = soak.rows();
        for row in [3, 9, 15] {
            rows.metrics[row][1].recorded += 1;
            rows.metrics[row][1].finished += 1;
        }
        let metrics: Vec<_> = rows.metrics.into_iter().flatten().collect();
        let metrics = OperationMetrics::batch(&metrics).unwrap();
        let mut recorder = Recorder::new(place.path());
        recorder.seal(Table::OPERATION_METRICS, &metrics);
        recorder.seal(Table::OPERATION_LOG, &soakbox_testing::concat(&rows.log));
        let recording = crate::recording::open(place.path(), false).unwrap();
        let session = Session::new(&recording).unwrap();
        let (first, last) = extent(&recording, &session).unwrap().unwrap();
        assert_eq!(last - first, 19);
        for count in [1, 3, 40] {
            let conditions = ranges(first, last, count);
            let values = [("intervals", "1"), ("complete", "1000000")];
            let found = in_ranges(&session, &conditions, &values).unwrap();
            let found = Columns::new(&found).unwrap().unwrap();
            let sum = |name: &str| found.counts(name).unwrap().iter().sum::<u64>();
            assert_eq!((sum("rows"), sum("unbalanced")), (1_400, 3), "{count}");
        }
    }
}
