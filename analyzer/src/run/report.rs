//! Opens what a report shows, judges it, and makes its charts.

use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, message, plain_io_error};
use soakbox_schemas::tables::Table;

use super::open;
use super::series::{named, soak_series};
use super::shown_file::show;
use crate::chart::{Chart, MOST_SERIES};
use crate::cli::{ReportPlan, Source};
use crate::commands;
use crate::compare::{Settings, compare};
use crate::figures::{Reading, Timeline};
use crate::output::OutputFile;
use crate::pictures::{self, Changes, Shown};
use crate::report::{Figure, Judgement, Report, Side};
use crate::runs;
use crate::soak::{SoakSettings, findings};
use crate::sql::Session;
use crate::units::count;
use crate::windows::{Cut, WindowLength};

/// Most rows that are read a second time for a verdict: more would take longer than somebody waits
/// for a page. A month of 50 operations has more.
const MOST_JUDGED_ROWS: u64 = 60_000_000;
/// The rate of false alarms that `soak` has if nothing else is asked for.
const FALSE_ALARM: f64 = 0.05;

pub(super) fn run(plan: &ReportPlan) -> Result<()> {
    let output = OutputFile::create(&plan.output)?;
    let header = plan.template.as_deref().map(template).transpose()?;
    let report = match plan.sources.as_slice() {
        [only] => soak(only)?,
        sources => comparison(sources, plan.bases)?,
    };
    let report = Report {
        title: plan.title.clone(),
        header,
        ..report
    };
    commands::report::run(&report, plan.format, output)?;
    match plan.opens {
        true => show(&plan.output),
        false => Ok(()),
    }
}

/// The reader's own header.
fn template(path: &Path) -> Result<String> {
    let failed =
        |reason: String| Failure::path(path, reason).hint("--template is a file of HTML, in UTF-8");
    let bytes = std::fs::read(path).map_err(|error| failed(plain_io_error(&error)))?;
    String::from_utf8(bytes).map_err(|_| failed("is not UTF-8".to_owned()))
}

/// The rows that a verdict reads.
fn rows(reading: &Reading) -> u64 {
    let recording = &reading.recording;
    recording.rows(Table::OPERATION_LOG) + recording.rows(Table::OPERATION_METRICS)
}

/// Why there is no verdict.
fn too_many(rows: u64, command: &str) -> Judgement {
    Judgement::None(format!(
        "{} rows are more than a report judges ({}); `{command}` judges them",
        count(rows),
        count(MOST_JUDGED_ROWS)
    ))
}

fn figure(heading: &'static str, caption: &str, chart: impl Chart + 'static) -> Figure {
    Figure {
        heading,
        caption: caption.to_owned(),
        chart: Box::new(chart),
    }
}

/// One recording: its findings, and its charts over time.
fn soak(source: &Source) -> Result<Report> {
    let reading = open(source, Timeline::CUT)?;
    commands::warn(&reading.warnings);
    let mut report = Report::of(vec![Side::of(&reading)]);
    let shown = Shown::of(&reading, &[]);
    if shown.operations.is_empty() {
        report.judgement = Judgement::None("no operation was observed yet".to_owned());
        return Ok(report);
    }
    let rows = rows(&reading);
    let is_judged = rows <= MOST_JUDGED_ROWS;
    let mut changes = Changes::default();
    let mut memory = None;
    if is_judged {
        let judged = open(source, Cut::not_shorter(WindowLength::SHORTEST))?;
        let runs = named(&judged.runs);
        // Searches in many operations take minutes.
        let operations = match shown.left_out {
            0 => Vec::new(),
            _ => shown.operations.clone(),
        };
        if !operations.is_empty() {
            report.scope = Some(format!(
                "Only the {} operations that finished most often were judged; `soak` judges all {}.",
                operations.len(),
                operations.len() + shown.left_out
            ));
        }
        let series = soak_series(&runs, &operations, &[]);
        let settings = SoakSettings {
            options: Default::default(),
            false_alarm: FALSE_ALARM,
            reference: None,
            operations,
            metrics: Vec::new(),
        };
        changes = Changes::of(&judged.runs, &shown.operations)?;
        report.judgement = match findings(&runs, &series, &settings) {
            Ok(answer) => {
                memory = pictures::memory_found(&judged, &shown, &changes, &series, &answer);
                Judgement::Soak(answer)
            }
            // The figures are worth a page without it.
            Err(failure) => Judgement::None(format!("`soak` refuses the recording: {failure}")),
        };
    } else {
        report.judgement = too_many(rows, "soak");
    }
    let figures = &mut report.figures;
    if let Some(chart) = pictures::throughput(&reading, &shown, &changes) {
        let caption = "operations that finished per second observed, lost ones included; below \
                       it, where they are known, failures and data";
        figures.push(figure("Throughput and failures", caption, chart));
    }
    if let Some(chart) = memory {
        let caption = "resident memory at the finish of operations, with the line of the finding";
        figures.push(figure("Memory", caption, chart));
    }
    if is_judged {
        let session = Session::new(&reading.recording)?;
        if let Some(chart) = pictures::cpu(&reading, &session, &shown, &changes)? {
            let caption = "CPUs in use: time on a CPU per second observed";
            figures.push(figure("CPU", caption, chart));
        }
    }
    if let Some(chart) = pictures::heatmap(&reading, &shown) {
        let caption = "the share of a window’s operations that took each duration";
        figures.push(figure("Durations over time", caption, chart));
    }
    Ok(report)
}

/// Bases and candidates: the verdict, and its effects.
fn comparison(sources: &[Source], bases: usize) -> Result<Report> {
    // More lines of a spectrum cannot be told apart, and the readings need memory.
    let has_spectrum = sources.len() <= MOST_SERIES;
    let mut kept = Vec::new();
    let mut sides = Vec::new();
    let mut all_rows = 0;
    for source in sources {
        let reading = open(source, Timeline::CUT)?;
        let name = reading.recording.name();
        for warning in &reading.warnings {
            message::line(format_args!("warning: {name}: {warning}"));
        }
        all_rows += rows(&reading);
        sides.push(Side::of(&reading));
        if has_spectrum {
            kept.push(reading);
        }
    }
    let mut report = Report {
        bases,
        ..Report::of(sides)
    };
    let figures = &mut report.figures;
    if all_rows > MOST_JUDGED_ROWS {
        report.judgement = too_many(all_rows, "compare");
    } else {
        let paths: Vec<PathBuf> = sources.iter().map(|one| one.recording.clone()).collect();
        let (base, candidate) = paths.split_at(bases);
        let skip_damaged = sources.iter().any(|source| source.skip_damaged);
        let [base, candidate] = runs::open_again_to_compare([base, candidate], skip_damaged)?;
        report.judgement = match compare(&base, &candidate, &Settings::default()) {
            Ok(answer) => {
                let caption = "each change with its interval; the grey band is its threshold, and \
                               up is worse";
                figures.push(figure("All effects", caption, pictures::forest(&answer)));
                let shift = pictures::shift(&answer);
                if !shift.effects.is_empty() {
                    let caption = "the change of each quantile of the duration, with its interval";
                    figures.push(figure("Shift of the quantiles", caption, shift));
                }
                Judgement::Comparison(Box::new(answer))
            }
            Err(failure) => Judgement::None(format!("`compare` refuses the recordings: {failure}")),
        };
    }
    let shown = Shown::of_all(&kept, &[]);
    if has_spectrum && !shown.operations.is_empty() {
        let caption = "the duration at each percentile, with as much room from 99 % to 99.9 % as \
                       from 90 % to 99 %";
        let chart = pictures::spectrum(&kept, &shown);
        figures.push(figure("Percentile spectrum", caption, chart));
    }
    Ok(report)
}
