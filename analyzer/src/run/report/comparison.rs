//! Reads bases and candidates, compares them, and makes the charts of their report.

use std::path::PathBuf;

use soakbox_cli::{Result, message};

use super::{MOST_JUDGED_ROWS, figure, rows, too_many};
use crate::chart::MOST_SERIES;
use crate::cli::Source;
use crate::compare::{Settings, compare};
use crate::figures::Timeline;
use crate::pictures::{self, Shown};
use crate::report::{Judgement, Report, Side};
use crate::run::open;
use crate::runs;

/// Bases and candidates: the verdict, and its effects.
pub(super) fn comparison(sources: &[Source], bases: usize, settings: &Settings) -> Result<Report> {
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
    let paths: Vec<PathBuf> = sources.iter().map(|one| one.recording.clone()).collect();
    let (base, candidate) = paths.split_at(bases);
    let skip_damaged = sources.iter().any(|source| source.skip_damaged);
    // Long recordings are mostly read by sums.
    let rows = match all_rows > MOST_JUDGED_ROWS {
        true => runs::rows_to_compare([base, candidate], skip_damaged)?,
        false => all_rows,
    };
    if rows > MOST_JUDGED_ROWS {
        report.judgement = too_many(rows, "compare");
    } else {
        let [base, candidate] = runs::open_again_to_compare([base, candidate], skip_damaged)?;
        report.judgement = match compare(&base, &candidate, settings) {
            Ok(answer) => {
                let caption = "each change with its interval; the grey band is its threshold";
                figures.push(figure("All effects", caption, pictures::forest(&answer)));
                let shift = pictures::shift(&answer);
                if shift.effects.iter().any(|one| one.change.is_some()) {
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
