//! Reads one recording, searches it, and makes the charts of its report.

use soakbox_cli::Result;

use super::{MOST_JUDGED_ROWS, figure, rows, too_many};
use crate::cli::Source;
use crate::commands;
use crate::figures::Timeline;
use crate::pictures::{self, Changes, Shown};
use crate::report::{Judgement, Report, Side};
use crate::run::open;
use crate::run::series::{named, soak_series};
use crate::soak::{SoakSettings, findings};
use crate::sql::Session;
use crate::windows::{Cut, WindowLength};

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
    // Over times that an import made up there is nothing to see.
    if reading.why_no_rates().is_some() {
        return Ok(report);
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
