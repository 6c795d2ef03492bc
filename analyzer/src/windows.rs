//! An operation over time: percentiles of its duration per window, what was lost, when nothing was observed, and what
//! was annotated. The windows' width follows from the length of the recording and the operation's rows, so that a chart
//! has some 100 of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Result;
use crate::observed::Observed;
use crate::recording::Range;
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
    /// Width of a window, ns.
    pub width_ns: i64,
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
    /// Per operation, by name.
    pub series: Vec<Series>,
    /// When nothing was observed.
    pub unobserved: Vec<Range>,
    /// What was annotated.
    pub moments: Vec<Moment>,
}

/// The width of windows for a recording of that length and an operation with so many rows.
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
        session: &Session,
        observed: &Observed,
        operations: &[String],
    ) -> Result<Option<Self>> {
        let Some(range) = observed.range else {
            return Ok(None);
        };
        let mut series: BTreeMap<String, Series> = BTreeMap::new();
        if let Some(found) = Columns::new(&session.collect(queries::OPERATIONS)?)? {
            let rows = found.counts("rows")?;
            for (operation, rows) in found.words("operation")?.into_iter().zip(rows) {
                if operations.is_empty() || operations.contains(&operation) {
                    let width_ns = width_ns(range.length_ns(), rows);
                    series.insert(operation.clone(), Series::new(operation, width_ns));
                }
            }
        }
        let widths: BTreeSet<i64> = series.values().map(|series| series.width_ns).collect();
        for width_ns in widths {
            of_width(session, width_ns, &mut series)?;
        }
        Ok(Some(Self {
            range,
            series: series.into_values().collect(),
            unobserved: observed.unobserved.clone(),
            moments: moments(session)?,
        }))
    }
}

impl Series {
    fn new(operation: String, width_ns: i64) -> Self {
        Self {
            operation,
            width_ns,
            windows: Vec::new(),
            lost: BTreeMap::new(),
        }
    }
}

/// Reads all series whose windows have that width.
fn of_width(session: &Session, width_ns: i64, series: &mut BTreeMap<String, Series>) -> Result<()> {
    let wanted = series.values().filter(|series| series.width_ns == width_ns);
    let wanted: Vec<String> = wanted.map(|s| queries::literal(&s.operation)).collect();
    let query = |query: &str| {
        let query = queries::fill(query, "width_ns", &width_ns.to_string());
        let query = queries::fill(&query, "operations", &wanted.join(", "));
        Columns::new(&session.collect(&query)?)
    };
    if let Some(found) = query(queries::LOSS_WINDOWS)? {
        let (starts, lost) = (found.times("since")?, found.counts("lost")?);
        for (row, name) in found.words("operation")?.into_iter().enumerate() {
            if let (Some(series), Some(at_ns)) = (series.get_mut(&name), starts[row]) {
                series.lost.insert(at_ns, lost[row]);
            }
        }
    }
    if let Some(found) = query(queries::WINDOWS)? {
        let (starts, counts) = (found.times("at")?, found.counts("count")?);
        let durations = found.lists("duration")?;
        for (row, name) in found.words("operation")?.into_iter().enumerate() {
            if let (Some(series), Some(at_ns), &[p50_ns, p95_ns, p99_ns]) =
                (series.get_mut(&name), starts[row], &durations[row][..])
            {
                series.windows.push(Window {
                    at_ns,
                    count: counts[row],
                    p50_ns,
                    p95_ns,
                    p99_ns,
                    lost: series.lost.get(&at_ns).copied().unwrap_or(0),
                });
            }
        }
    }
    Ok(())
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
