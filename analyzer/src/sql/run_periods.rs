//! The table `run_periods`, which the views `runs` and `observed_spans` are made of: the runs of a
//! recording and the periods in which they observed, as all other commands see them. It is not
//! listed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::Result;
use soakbox_schemas::tables::ORIGIN_COLUMNS;

use super::scope::Scope;
use crate::coverage::{KnownRuns, RunCoverage};
use crate::recording::{Recording, TimeRange};

/// Its name in the texts of views.
pub(super) const NAME: &str = "run_periods";

/// A period of a run without a gap; for a run without any, a row without a period.
struct Row<'a> {
    recorder: &'a str,
    host: &'a str,
    run: &'a RunCoverage,
    is_stopped: bool,
    period: Option<TimeRange>,
}

/// The runs of the recording, and their periods, that reach into `scope`.
pub(super) fn table(
    recording: &Recording,
    known: &KnownRuns,
    scope: &Scope,
) -> Result<Arc<dyn TableProvider>> {
    let batch = batch(&rows(recording, known, scope))?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    Ok(Arc::new(table))
}

fn rows<'a>(recording: &'a Recording, known: &'a KnownRuns, scope: &Scope) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for origin in recording.origins() {
        let run = known.runs.get(&origin.recorder);
        let run = run.filter(|run| scope.has_host(&origin.host) && scope.reaches(run.range));
        let Some(run) = run else { continue };
        let row = |period| Row {
            recorder: &origin.recorder,
            host: &origin.host,
            run,
            is_stopped: known.stopped.contains(&origin.recorder),
            period,
        };
        let mut periods = observed(run);
        periods.retain(|period| scope.reaches(*period));
        match periods.is_empty() {
            true => rows.push(row(None)),
            false => rows.extend(periods.into_iter().map(|period| row(Some(period)))),
        }
    }
    rows
}

/// The periods between the gaps, which do not touch.
fn observed(run: &RunCoverage) -> Vec<TimeRange> {
    let TimeRange { first_ns, last_ns } = run.range;
    let begins = std::iter::once(first_ns).chain(run.gaps.iter().map(|gap| gap.last_ns));
    let ends = run.gaps.iter().map(|gap| gap.first_ns);
    let ends = ends.chain(std::iter::once(last_ns));
    let periods = begins.zip(ends);
    let periods = periods.map(|(first_ns, last_ns)| TimeRange { first_ns, last_ns });
    periods.filter(|period| period.length_ns() > 0).collect()
}

fn schema() -> SchemaRef {
    let [recorder, host] = ORIGIN_COLUMNS;
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new(recorder, DataType::Utf8, false),
        Field::new(host, DataType::Utf8, false),
        Field::new("started_at", time.clone(), false),
        Field::new("ended_at", time.clone(), false),
        Field::new("is_stopped", DataType::Boolean, false),
        // Of the whole run.
        Field::new("gap_ns", DataType::Int64, false),
        Field::new("at", time.clone(), true),
        Field::new("until", time, true),
    ]))
}

fn batch(rows: &[Row<'_>]) -> Result<RecordBatch> {
    let texts = |of: fn(&Row<'_>) -> String| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|row| Some(of(row)))
                .collect::<StringArray>(),
        )
    };
    let times = |of: fn(&Row<'_>) -> Option<i64>| -> ArrayRef {
        let times = rows.iter().map(of).collect::<TimestampNanosecondArray>();
        Arc::new(times.with_timezone("UTC"))
    };
    let stopped = rows.iter().map(|row| Some(row.is_stopped));
    let gap_ns = rows.iter().map(|row| {
        let gaps = row.run.gaps.iter().map(|gap| gap.length_ns());
        gaps.sum::<i64>()
    });
    let columns: Vec<ArrayRef> = vec![
        texts(|row| row.recorder.to_owned()),
        texts(|row| row.host.to_owned()),
        times(|row| Some(row.run.range.first_ns)),
        times(|row| Some(row.run.range.last_ns)),
        Arc::new(stopped.collect::<BooleanArray>()),
        Arc::new(gap_ns.collect::<Int64Array>()),
        times(|row| row.period.map(|period| period.first_ns)),
        times(|row| row.period.map(|period| period.last_ns)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_ns: i64, last_ns: i64) -> TimeRange {
        TimeRange { first_ns, last_ns }
    }

    fn run(gaps: Vec<TimeRange>) -> RunCoverage {
        RunCoverage {
            range: range(10, 100),
            gaps_of_counts: gaps.clone(),
            gaps,
            deleted_rows: None,
            noted_gaps: Vec::new(),
            restarts_ns: Vec::new(),
            stalls: Vec::new(),
            has_start: true,
        }
    }

    #[test]
    fn gaps_divide_a_run_also_at_its_begin_and_end() {
        assert_eq!(observed(&run(vec![])), [range(10, 100)]);
        assert_eq!(
            observed(&run(vec![range(20, 30), range(40, 50)])),
            [range(10, 20), range(30, 40), range(50, 100)]
        );
        assert_eq!(
            observed(&run(vec![range(10, 30), range(90, 100)])),
            [range(30, 90)]
        );
        assert_eq!(observed(&run(vec![range(10, 100)])), []);
    }
}
