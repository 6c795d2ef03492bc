//! Reads one recording, searches it, and makes the charts of its report.

use soakbox_cli::Result;

use super::{LONG_WINDOWS, MOST_JUDGED_ROWS, figure, rows, too_many};
use crate::cli::Source;
use crate::commands;
use crate::figures::{Reading, Timeline};
use crate::pictures::{self, Changes, Shown};
use crate::report::{Judgement, Report, Side};
use crate::run::open;
use crate::run::series::{named, soak_series};
use crate::soak::{SoakSettings, findings};
use crate::sql::Session;
use crate::units::duration;
use crate::windows::{Cut, WindowLength, rows_read};

/// The rate of false alarms that `soak` has if nothing else is asked for.
const FALSE_ALARM: f64 = 0.05;

/// One recording: its findings, and its charts over time.
pub(super) fn soak(source: &Source) -> Result<Report> {
    let reading = open(source, Timeline::CUT)?;
    commands::warn(&reading.warnings);
    let mut report = Report::of(vec![Side::of(&reading)]);
    let shown = Shown::of(&reading, &[]);
    if shown.operations.is_empty() {
        report.judgement = Judgement::None("no operation was observed yet".to_owned());
        return Ok(report);
    }
    let all_rows = rows(&reading);
    let is_short = all_rows <= MOST_JUDGED_ROWS;
    let cut = match is_short {
        true => Cut::not_shorter(WindowLength::SHORTEST),
        false => Cut::at_most(LONG_WINDOWS),
    };
    // Long recordings are mostly read by sums.
    let rows = match is_short {
        true => all_rows,
        false => rows_read(&reading.recording, &reading.coverage, cut)?,
    };
    let mut changes = Changes::default();
    let mut memory = None;
    if rows <= MOST_JUDGED_ROWS {
        let judged = open(source, cut)?;
        let runs = named(&judged.runs);
        if !is_short {
            report.scope.extend(long_windows(&judged));
        }
        // Searches in many operations take minutes.
        let operations = match shown.left_out {
            0 => Vec::new(),
            _ => shown.operations.clone(),
        };
        if !operations.is_empty() {
            report.scope.push(format!(
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
    // Over times that an import made up there is nothing to see.
    if reading.why_no_rates().is_some() {
        return Ok(report);
    }
    if let Some(chart) = memory {
        let caption = "resident memory at the finish of operations, with the line of the finding";
        figures.push(figure("Memory", caption, chart));
    }
    if is_short {
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

/// Of a recording with more rows than are read for a page: in which windows it was judged.
fn long_windows(judged: &Reading) -> Option<String> {
    let all = judged.runs.iter().flat_map(|run| run.operations.values());
    let longest = all.map(|series| series.length).max()?;
    Some(format!(
        "The recording was judged in windows of {}; `soak` judges shorter ones and takes longer.",
        duration(longest.ns() as f64)
    ))
}
