//! Opens what a chart shows, and passes its figures on to be drawn.

use std::path::Path;

use soakbox_cli::{Failure, Result, escaped_path, message};

use super::{open, sql};
use crate::chart::Chart;
use crate::cli::{ChartKind, ChartPlan, ChartSubject, Source};
use crate::commands::chart::nothing_to_draw;
use crate::commands::{self, warn};
use crate::compare::compare;
use crate::figures::{Reading, Timeline};
use crate::output::OutputFile;
use crate::pictures::{self, Changes, RowCollector, Shown};
use crate::runs;
use crate::sql::Session;
use crate::windows::{Cut, WindowLength};

/// Windows of a run in which changes are searched, as `changes` does.
const POINTS_OF_CHANGES: usize = crate::changes::Points::OF_CHANGES.most;

pub(super) fn run(plan: &ChartPlan) -> Result<()> {
    let output = OutputFile::create(&plan.output)?;
    let chart = figures(&plan.subject)?;
    commands::chart::run(&*chart, plan.format, output)
}

fn figures(subject: &ChartSubject) -> Result<Box<dyn Chart>> {
    match subject {
        ChartSubject::Recording {
            kind,
            source,
            operations,
            with_changes,
            baseline,
        } => of_recording(
            *kind,
            source,
            operations,
            *with_changes,
            baseline.as_deref(),
        ),
        ChartSubject::Distributions {
            kind,
            sources,
            operations,
        } => distributions(*kind, sources, operations),
        ChartSubject::Comparison {
            kind,
            base,
            candidate,
            skip_damaged,
            settings,
        } => {
            let settings = settings.read()?;
            let [base, candidate] = runs::open_to_compare([base, candidate], *skip_damaged)?;
            let answer = compare(&base, &candidate, &settings)?;
            Ok(match kind {
                ChartKind::Shift => Box::new(pictures::shift(&answer)),
                _ => Box::new(pictures::forest(&answer)),
            })
        }
        ChartSubject::Sql(plan, columns) => {
            let (opened, query) = sql::opened(plan)?;
            for warning in &opened.warnings {
                message::line(format_args!("warning: {warning}"));
            }
            let mut rows = RowCollector::new(columns.clone());
            opened
                .session
                .prepare(&query)?
                .run(|batch| rows.add(batch))?;
            Ok(Box::new(rows.finish(&query)?))
        }
    }
}

fn of_recording(
    kind: ChartKind,
    source: &Source,
    operations: &[String],
    with_changes: bool,
    baseline: Option<&Path>,
) -> Result<Box<dyn Chart>> {
    if kind == ChartKind::Network {
        return Err(network(&source.recording));
    }
    let cut = match kind {
        ChartKind::Memory => Cut::not_shorter(WindowLength::SHORTEST),
        _ => Timeline::CUT,
    };
    let reading = open(source, cut)?;
    warn(&reading.warnings);
    let nothing = |what: &str| nothing_to_draw(&reading, operations, what);
    let shown = Shown::of(&reading, operations);
    if shown.operations.is_empty() && kind != ChartKind::Health {
        return Err(nothing("no operation has finished yet"));
    }
    let changes = || match (with_changes, kind) {
        (false, _) => Ok(Changes::default()),
        (true, ChartKind::Memory) => Changes::of(&reading.runs, &shown.operations),
        (true, _) => {
            let judged = open(source, Cut::at_most(POINTS_OF_CHANGES))?;
            Changes::of(&judged.runs, &shown.operations)
        }
    };
    let none = || nothing("no operation has finished yet");
    Ok(match kind {
        ChartKind::Heatmap => Box::new(pictures::heatmap(&reading, &shown).ok_or_else(none)?),
        ChartKind::Throughput => {
            if let Some(reason) = reading.why_no_rates() {
                return Err(nothing(&format!("no rate is known: {reason}")));
            }
            let found = pictures::throughput(&reading, &shown, &changes()?);
            Box::new(found.ok_or_else(none)?)
        }
        ChartKind::Cpu => {
            let session = Session::new(&reading.recording)?;
            let found = pictures::cpu(&reading, &session, &shown, &changes()?)?;
            Box::new(found.ok_or_else(|| nothing("no CPU time was measured"))?)
        }
        ChartKind::Memory => {
            let found = pictures::memory(&reading, &shown, &changes()?)?;
            Box::new(found.ok_or_else(|| nothing("no memory was measured"))?)
        }
        ChartKind::Health => {
            let session = Session::new(&reading.recording)?;
            let found = pictures::health(&reading, &session)?;
            Box::new(found.ok_or_else(|| nothing("the recorder's health was not recorded"))?)
        }
        _ => {
            let timeline = Timeline::of(&reading, &shown.operations).ok_or_else(none)?;
            let good = match baseline {
                Some(path) => {
                    let runs = runs::open(&[path.to_owned()], source.skip_damaged)?;
                    let name = path.file_name().unwrap_or(path.as_os_str());
                    Some((name.to_string_lossy().into_owned(), runs))
                }
                None => None,
            };
            let good = good.as_ref();
            let good = good.map(|(name, runs)| (name.as_str(), runs.as_slice()));
            let name = reading.recording.name();
            Box::new(pictures::percentiles(
                &name,
                &timeline,
                &shown,
                &changes()?,
                good,
            ))
        }
    })
}

fn distributions(
    kind: ChartKind,
    sources: &[Source],
    operations: &[String],
) -> Result<Box<dyn Chart>> {
    if sources.len() > crate::chart::MOST_SERIES {
        let reason = format_args!(
            "{} recordings are more than lines can be told apart",
            sources.len()
        );
        return Err(Failure::new("chart", reason)
            .hint(format_args!("name at most {}", crate::chart::MOST_SERIES)));
    }
    let mut readings: Vec<Reading> = Vec::new();
    for source in sources {
        let reading = open(source, Cut::WHOLE)?;
        let root = escaped_path(&source.recording);
        for warning in &reading.warnings {
            match sources.len() {
                1 => message::line(format_args!("warning: {warning}")),
                _ => message::line(format_args!("warning: {root}: {warning}")),
            }
        }
        readings.push(reading);
    }
    let shown = Shown::of_all(&readings, operations);
    if let (true, Some(first)) = (shown.operations.is_empty(), readings.first()) {
        return Err(nothing_to_draw(
            first,
            operations,
            "no operation has finished yet",
        ));
    }
    Ok(match kind {
        ChartKind::Ecdf => Box::new(pictures::ecdf(&readings, &shown)),
        _ => Box::new(pictures::spectrum(&readings, &shown)),
    })
}

/// No table has round-trip times.
fn network(recording: &Path) -> Failure {
    Failure::path(
        recording,
        "has no round-trip times: this version of the recorder does not measure the network",
    )
    .hint("`chart throughput` shows the operations and the data that they processed")
}
