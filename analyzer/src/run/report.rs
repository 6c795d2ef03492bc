//! Opens what a report shows, judges it, makes its charts, and writes its files.

mod comparison;
mod soak;

use std::path::Path;

use soakbox_cli::{Failure, Result, escaped_path};
use soakbox_schemas::tables::Table;

use super::shown_file::show;
use crate::chart::Chart;
use crate::cli::{ReportFormat, ReportPlan, ReportSubject, Source};
use crate::commands;
use crate::commands::report::Page;
use crate::compare::Settings;
use crate::figures::Reading;
use crate::output::OutputFile;
use crate::recording;
use crate::report::{Figure, Judgement, NamedComparison, Release, ReleaseFile, Report};
use crate::units::count;
use crate::user_text;

/// Most rows that are read a second time for a verdict: more would take longer than somebody waits
/// for a page. A month of 50 operations has more, most of which are read by their sums in long windows.
const MOST_JUDGED_ROWS: u64 = 60_000_000;
/// The most windows of a run with more rows: of a month, they are so long that most segments lie in one.
const LONG_WINDOWS: usize = 512;
/// The title of a release that has none.
const RELEASE: &str = "Release";

pub(super) fn run(plan: &ReportPlan) -> Result<()> {
    let outputs = plan.outputs.iter();
    let outputs = outputs.map(|(path, format)| Ok((OutputFile::create(path)?, *format)));
    let outputs: Vec<(OutputFile, ReportFormat)> = outputs.collect::<Result<_>>()?;
    for (index, (output, _)) in outputs.iter().enumerate() {
        if outputs[..index]
            .iter()
            .any(|(other, _)| output.is_that_of(other))
        {
            return Err(Failure::path(output.path(), "is named by two -o"));
        }
    }
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
    let text = user_text::read(path)?;
    let file = ReleaseFile::parse(&text).map_err(|reason| {
        Failure::path(path, reason)
            .hint("it has [[comparison]] with title, base and candidate, as docs/report.md shows")
    })?;
    let file = file.within(path.parent().unwrap_or(Path::new("")));
    let whose = |one: &NamedComparison| format!("{}: {:?}", escaped_path(path), one.title);
    // A wrong path is found before the first comparison is read, which may take long.
    for one in &file.comparisons {
        for path in one.base.iter().chain(&one.candidate) {
            recording::check(path).map_err(|failure| failure.within(whose(one)))?;
        }
    }
    let mut comparisons = Vec::new();
    for one in file.comparisons {
        let whose = whose(&one);
        let bases = one.base.len();
        let recordings = one.base.into_iter().chain(one.candidate);
        let sources = recordings.map(|recording| Source {
            recording,
            skip_damaged,
        });
        let sources: Vec<Source> = sources.collect();
        comparisons.push(Report {
            title: Some(one.title),
            ..comparison::comparison(&sources, bases, settings)
                .map_err(|failure| failure.within(&whose))?
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
    user_text::read(path)
        .map_err(|failure| failure.hint("--template is a file of HTML, in UTF-8, up to 16 MiB"))
}

/// All rows that a verdict may read.
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
