//! An operation over time: percentiles of its duration per window, what was lost, when nothing was observed, and what
//! was annotated. The windows' width follows from the length of the recording and its rows, so that a chart has some 100 of them.

use std::collections::BTreeMap;

use soakbox_schemas::tables::Table;

use crate::failure::Result;
use crate::info::Gap;
use crate::observed::Observed;
use crate::recording::{Range, Recording};
use crate::sql::columns::Columns;
use crate::sql::{Session, queries};

/// Windows that a recording is divided into, at most, and how few there may be.
const WINDOWS: std::ops::RangeInclusive<i64> = 10..=150;
/// Rows to a window, on the average, below which there are fewer windows: a percentile of a handful says little.
const ROWS_PER_WINDOW: u64 = 40;
/// Widths of windows, in milliseconds.
const WIDTHS_MS: [i64; 24] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
    86_400_000,
];

/// A moment that was annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, ns UTC.
    pub at_ns: i64,
    /// As `annotations.kind` has it.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// One window of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its start, ns UTC.
    pub at_ns: i64,
    /// Rows.
    pub count: u64,
    /// Median duration.
    pub p50_ns: i64,
    /// 95%.
    pub p95_ns: i64,
    /// 99%.
    pub p99_ns: i64,
    /// Operations lost.
    pub lost: u64,
}

/// The windows of one operation, in order; those without a row are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The operation.
    pub operation: String,
    /// Its windows.
    pub windows: Vec<Window>,
    /// Starts of windows in which operations were lost, and how many.
    pub lost: BTreeMap<i64, u64>,
}

/// All operations of a recording over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// From when to when.
    pub range: Range,
    /// Width of a window, ns.
    pub width_ns: i64,
    /// Per operation, by name.
    pub series: Vec<Series>,
    /// When nothing was observed.
    pub gaps: Vec<Gap>,
    /// What was annotated.
    pub moments: Vec<Moment>,
}

/// The width of windows for a recording of that length with so many rows.
pub fn width_ns(length_ns: i64, rows: u64) -> i64 {
    let windows = i64::try_from(rows / ROWS_PER_WINDOW).unwrap_or(i64::MAX);
    let windows = windows.clamp(*WINDOWS.start(), *WINDOWS.end());
    let widths = WIDTHS_MS.map(|ms| ms * 1_000_000);
    let found = widths.into_iter().find(|width| length_ns / width < windows);
    found.unwrap_or_else(|| {
        let day = WIDTHS_MS[WIDTHS_MS.len() - 1] * 1_000_000;
        (length_ns / windows / day + 1) * day
    })
}

impl Timeline {
    /// Reads the recording over time; `None` where it has no rows. `operations`, unless empty, names the wanted ones.
    ///
    /// # Errors
    /// Where a query fails.
    pub fn read(
        recording: &Recording,
        session: &Session,
        observed: &Observed,
        operations: &[String],
    ) -> Result<Option<Self>> {
        let Some(range) = observed.range else {
            return Ok(None);
        };
        let width_ns = width_ns(range.length_ns(), recording.rows(Table::OperationLog));
        let wanted = |name: &String| operations.is_empty() || operations.contains(name);
        let mut series: BTreeMap<String, Series> = BTreeMap::new();
        let width = width_ns.to_string();
        let losses = session.collect(&queries::fill(queries::LOSS_WINDOWS, "width_ns", &width))?;
        if let Some(found) = Columns::new(&losses)? {
            let (starts, lost) = (found.times("since")?, found.counts("lost")?);
            for (row, name) in found.words("operation")?.into_iter().enumerate() {
                if let Some(at_ns) = starts[row] {
                    of(&mut series, &name).lost.insert(at_ns, lost[row]);
                }
            }
        }
        let windows = session.collect(&queries::fill(queries::WINDOWS, "width_ns", &width))?;
        if let Some(found) = Columns::new(&windows)? {
            let (starts, counts) = (found.times("at")?, found.counts("count")?);
            let durations = found.lists("duration")?;
            for (row, name) in found.words("operation")?.into_iter().enumerate() {
                if let (Some(at_ns), &[p50_ns, p95_ns, p99_ns]) = (starts[row], &durations[row][..])
                {
                    let series = of(&mut series, &name);
                    let lost = series.lost.get(&at_ns).copied().unwrap_or(0);
                    series.windows.push(Window {
                        at_ns,
                        count: counts[row],
                        p50_ns,
                        p95_ns,
                        p99_ns,
                        lost,
                    });
                }
            }
        }
        let mut gaps = observed.gaps.clone();
        gaps.retain(|gap| {
            gap.from_ns < range.last_ns && gap.to_ns.is_none_or(|to| to > range.first_ns)
        });
        Ok(Some(Self {
            range,
            width_ns,
            series: series
                .into_values()
                .filter(|s| wanted(&s.operation))
                .collect(),
            gaps,
            moments: moments(session)?,
        }))
    }
}

fn of<'a>(series: &'a mut BTreeMap<String, Series>, operation: &str) -> &'a mut Series {
    let entry = series.entry(operation.to_owned());
    entry.or_insert_with(|| Series {
        operation: operation.to_owned(),
        windows: Vec::new(),
        lost: BTreeMap::new(),
    })
}

fn moments(session: &Session) -> Result<Vec<Moment>> {
    let Some(found) = Columns::new(&session.collect(queries::MOMENTS)?)? else {
        return Ok(Vec::new());
    };
    let (times, kinds, texts) = (
        found.times("at")?,
        found.words("kind")?,
        found.words("text")?,
    );
    let rows = times.into_iter().zip(kinds).zip(texts);
    Ok(rows
        .filter_map(|((at_ns, kind), text)| {
            let at_ns = at_ns?;
            Some(Moment { at_ns, kind, text })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_neither_too_many_nor_too_thin() {
        let second = 1_000_000_000;
        assert_eq!(width_ns(2 * second, 140), second / 2);
        assert_eq!(width_ns(600 * second, 42_000), 5 * second);
        assert_eq!(width_ns(7 * 86_400 * second, 1 << 30), 2 * 3600 * second);
        for days in [100, 1000, 10_000] {
            let length = days * 86_400 * second;
            assert!(length / width_ns(length, 1 << 40) < *WINDOWS.end());
        }
    }
}
