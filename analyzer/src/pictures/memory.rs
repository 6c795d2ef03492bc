//! Memory over time with the line that `soak` finds in it.

use soakbox_cli::Result;
use soakbox_statistics::Metric;

use super::Changes;
use super::shown::{Shown, span};
use crate::changes::Times;
use crate::chart::{Memory, OperationMemory, SlopeLine, Track};
use crate::figures::Reading;
use crate::soak::{FindingAnswer, SoakAnswer, SoakRun, SoakSeries, SoakSettings, findings};
use crate::units::bytes;

/// The rate of false alarms that `soak` has if nothing else is asked for.
const FALSE_ALARM: f64 = 0.05;

/// The chart of these operations of a recording that was read for verdicts; `None` where none of them
/// has memory.
///
/// # Errors
/// As `soak`.
pub fn memory(reading: &Reading, shown: &Shown, changes: &Changes) -> Result<Option<Memory>> {
    let settings = SoakSettings {
        options: Default::default(),
        false_alarm: FALSE_ALARM,
        reference: None,
        operations: shown.operations.clone(),
        metrics: Vec::new(),
    };
    let runs: Vec<SoakRun<'_>> = reading
        .runs
        .iter()
        .map(|run| SoakRun {
            run,
            name: &run.identity.name,
        })
        .collect();
    let of_run = |run: &SoakRun<'_>| run.series(&shown.operations, &[]);
    let series: Vec<SoakSeries> = runs.iter().flat_map(of_run).collect();
    // All series share the rate of false alarms, so that the findings are those of `soak`.
    let answer = findings(&runs, &series, &settings)?;
    Ok(memory_found(reading, shown, changes, &series, &answer))
}

/// The same chart of series of the recording, whose findings are known.
pub fn memory_found(
    reading: &Reading,
    shown: &Shown,
    changes: &Changes,
    series: &[SoakSeries],
    answer: &SoakAnswer,
) -> Option<Memory> {
    let range = reading.coverage.range?;
    let mut operations: Vec<OperationMemory> = Vec::new();
    let is_shown = |one: &&SoakSeries| {
        one.series.metric == Metric::Memory && shown.operations.contains(&one.series.operation)
    };
    for one in series.iter().filter(is_shown) {
        let Times::Windows {
            first_ns,
            length_ns,
        } = one.series.times
        else {
            continue;
        };
        let at = |index: usize| {
            let since = length_ns.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX));
            first_ns.saturating_add(since).saturating_add(length_ns / 2)
        };
        let values = one.series.values.iter().enumerate();
        let points: Vec<(i64, f64)> = values.map(|(index, value)| (at(index), *value)).collect();
        let of_series = answer
            .findings
            .iter()
            .filter(|f| f.subject == one.series.name);
        let growth: Vec<&FindingAnswer> = of_series
            .filter(|finding| ["leak", "drift"].contains(&finding.kind))
            .collect();
        let found = growth.iter().find(|finding| finding.status == "found");
        let slope = found.and_then(|finding| line(finding, &points));
        let finding = found
            .or(growth.first())
            .map_or_else(String::new, |one| words(one));
        match operations
            .iter_mut()
            .find(|known| known.name == one.series.operation)
        {
            // Another run of the recording.
            Some(known) => {
                known.memory.points.push((first_ns, f64::NAN));
                known.memory.points.extend(points);
                known.slope = known.slope.take().or(slope);
                if known.finding != finding {
                    known.finding.push_str("; ");
                    known.finding.push_str(&finding);
                }
            }
            None => operations.push(OperationMemory {
                name: one.series.operation.clone(),
                window_ns: length_ns,
                memory: Track {
                    name: "memory".to_owned(),
                    points,
                },
                slope,
                finding,
                changes: changes.of_metrics(&one.series.operation, &[Metric::Memory]),
            }),
        }
    }
    (!operations.is_empty()).then(|| Memory {
        recording: reading.recording.name(),
        span: span(reading, range),
        operations,
        left_out: shown.left_out,
    })
}

/// What was found, in words.
fn words(finding: &FindingAnswer) -> String {
    let per_hour = |slope: f64| {
        let sign = if slope < 0.0 { "−" } else { "+" };
        format!("{sign}{}", bytes(slope.abs()))
    };
    let kind = finding.kind;
    match (
        finding.status,
        finding.slope_per_hour,
        finding.low,
        finding.high,
    ) {
        ("found", Some(slope), Some(low), Some(high)) => format!(
            "{kind}: {} per hour ({} to {})",
            per_hour(slope),
            per_hour(low),
            per_hour(high)
        ),
        ("found", Some(slope), _, _) => format!("{kind}: {} per hour", per_hour(slope)),
        ("absent", ..) => format!("no {kind}"),
        (status, ..) => format!("{kind}: {status}"),
    }
}

/// The line of a finding from its begin to the end. The finding has its slope; its height is the median
/// of what is left of the points, for a leak that of the lowest fifth.
fn line(finding: &FindingAnswer, points: &[(i64, f64)]) -> Option<SlopeLine> {
    let per_ns = finding.slope_per_hour? / 3_600e9;
    let from = finding.from.as_deref().and_then(crate::changes::seconds);
    let from_ns = from.map_or(i64::MIN, |seconds| (seconds * 1e9) as i64);
    let part = points
        .iter()
        .filter(|(at, value)| *at >= from_ns && value.is_finite());
    let part: Vec<(i64, f64)> = part.copied().collect();
    let (first, last) = (part.first()?.0, part.last()?.0);
    let since = |at: i64| at.saturating_sub(first) as f64;
    let mut rests: Vec<f64> = part
        .iter()
        .map(|(at, value)| value - per_ns * since(*at))
        .collect();
    rests.sort_by(f64::total_cmp);
    let place = if finding.kind == "leak" {
        rests.len() / 10
    } else {
        rests.len() / 2
    };
    let level = rests.get(place)?;
    Some(SlopeLine {
        from: (first, *level),
        to: (last, level + per_ns * since(last)),
    })
}
