//! The changes of level that `changes` finds in a recording, for the charts of its metrics.

use soakbox_cli::Result;
use soakbox_statistics::{LeastChange, Metric};

use crate::changes::{NumberSeries, Points, Times, changes, series_of};
use crate::chart::ChangeMark;
use crate::windows::Run;

/// The rate of false alarms that `changes` has if nothing else is asked for.
const FALSE_ALARM: f64 = 0.05;

/// Changes of level by operation and metric.
#[derive(Clone, Debug, Default)]
pub struct Changes(Vec<(String, Metric, ChangeMark)>);

impl Changes {
    /// All that are found in runs that were read with windows for verdicts: the same as `changes`
    /// finds.
    ///
    /// # Errors
    /// As `changes`.
    pub fn of(runs: &[Run], operations: &[String]) -> Result<Self> {
        let series = runs.iter();
        let series = series.flat_map(|run| series_of(run, "", operations, &[], Points::OF_CHANGES));
        let series: Vec<NumberSeries> = series.collect();
        let found = changes(&series, FALSE_ALARM, &LeastChange::default())?;
        let mut all = Vec::new();
        for (series, answer) in series.iter().zip(found.series) {
            let Times::Windows {
                first_ns,
                length_ns,
            } = series.times
            else {
                continue;
            };
            // A single outlier is no change of level.
            for change in answer
                .changes
                .iter()
                .filter(|change| change.kind != "outlier")
            {
                let since =
                    length_ns.saturating_mul(i64::try_from(change.index).unwrap_or(i64::MAX));
                let mark = ChangeMark {
                    at_ns: first_ns.saturating_add(since),
                    of: name(&series.metric, change.kind),
                    change: change.change,
                    is_up: change.after > change.before,
                };
                all.push((series.operation.clone(), series.metric.clone(), mark));
            }
        }
        Ok(Self(all))
    }

    /// Those of an operation and of any of these metrics, in order of time.
    pub(super) fn of_metrics(&self, operation: &str, metrics: &[Metric]) -> Vec<ChangeMark> {
        let found = self.0.iter();
        let found = found.filter(|(name, metric, _)| name == operation && metrics.contains(metric));
        let mut marks: Vec<ChangeMark> = found.map(|(_, _, mark)| mark.clone()).collect();
        marks.sort_by_key(|mark| mark.at_ns);
        marks
    }
}

fn name(metric: &Metric, kind: &str) -> String {
    let name = metric.name();
    let name = name.strip_prefix("duration_").unwrap_or(name);
    match kind {
        "drift" => format!("{name} drift"),
        _ => name.replace('_', " "),
    }
}
