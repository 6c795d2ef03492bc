//! Opens what a report shows, judges it, makes its charts, and writes its files.

mod comparison;
mod soak;

use std::path::Path;

use soakbox_cli::{Failure, Result, plain_io_error};
use soakbox_schemas::tables::Table;

use super::shown_file::show;
use crate::chart::Chart;
use crate::cli::{ReportPlan, ReportSubject, Source};
use crate::commands;
use crate::commands::report::Page;
use crate::compare::Settings;
use crate::figures::Reading;
use crate::output::OutputFile;
use crate::report::{Figure, Judgement, Release, ReleaseFile, Report};
use crate::units::count;

/// Most rows that are read a second time for a verdict: more would take longer than somebody waits
/// for a page. A month of 50 operations has more.
const MOST_JUDGED_ROWS: u64 = 60_000_000;
/// The title of a release that has none.
const RELEASE: &str = "Release";

pub(super) fn run(plan: &ReportPlan) -> Result<()> {
    let outputs = plan.outputs.iter();
    let outputs = outputs.map(|(path, format)| Ok((OutputFile::create(path)?, *format)));
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    let header = plan.template.as_deref().map(template).transpose()?;
    let settings = plan.settings.read()?;
    let title = plan.title.clone();
    let page = match &plan.subject {
        ReportSubject::Recording(source) => Page::One(Box::new(Report {
            title,
            header,
            ..soak::soak(source)?
        })),
        ReportSubject::Comparison(sources, bases) => Page::One(Box::new(Report {
            title,
            header,
            ..comparison::comparison(sources, *bases, &settings)?
        })),
        ReportSubject::Release(file) => Page::Release(Release {
            header,
            ..release(file, title, &settings, plan.skip_damaged)?
        }),
    };
    for (output, format) in outputs {
        commands::report::run(&page, format, output)?;
    }
    plan.shown.as_deref().map_or(Ok(()), show)
}

/// The comparisons that a file names.
fn release(
    path: &Path,
    title: Option<String>,
    settings: &Settings,
    skip_damaged: bool,
) -> Result<Release> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::path(path, plain_io_error(&error)))?;
    let file = ReleaseFile::parse(&text).map_err(|reason| {
        Failure::path(path, reason)
            .hint("it has [[comparison]] with title, base and candidate, as docs/report.md shows")
    })?;
    let file = file.within(path.parent().unwrap_or(Path::new("")));
    let mut comparisons = Vec::new();
    for one in file.comparisons {
        let bases = one.base.len();
        let recordings = one.base.into_iter().chain(one.candidate);
        let sources = recordings.map(|recording| Source {
            recording,
            skip_damaged,
        });
        let sources: Vec<Source> = sources.collect();
        comparisons.push(Report {
            title: Some(one.title),
            ..comparison::comparison(&sources, bases, settings)?
        });
    }
    Ok(Release {
        title: title.or(file.title).unwrap_or_else(|| RELEASE.to_owned()),
        header: None,
        comparisons,
    })
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
