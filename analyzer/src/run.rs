//! Runs a plan: opens the recording, asks, prints. The only room that knows all the others.

use std::io::Write;

use crate::chart;
use crate::cli::{Format, Plan, RowFormat, Source};
use crate::counting;
use crate::failure::{Failure, Result};
use crate::gaps;
use crate::info::Info;
use crate::observed::Observed;
use crate::output::{self, OutputFile};
use crate::recording::{self, Recording};
use crate::report;
use crate::sql::Session;
use crate::summary::Summary;
use crate::warning::Warning;
use crate::windows::Timeline;

/// Runs it.
///
/// # Errors
/// The one thing that went wrong.
pub fn run(plan: &Plan) -> Result<()> {
    match plan {
        Plan::Info(source, format) => {
            let (recording, session) = open(source)?;
            let info = Info::read(&recording, &session)?;
            warn(&info.warnings);
            match format {
                Format::Table => print(&output::info_text(&info)),
                Format::Json => print(&output::json(&info)?),
            }
        }
        Plan::Summary(source, format) => {
            let (recording, session) = open(source)?;
            let summary = Summary::read(&recording, &session)?;
            match format {
                // The text says it itself, under the figures.
                Format::Table => print(&output::summary_text(&summary)),
                Format::Json => {
                    warn(&summary.warnings);
                    print(&output::json(&summary)?)
                }
            }
        }
        Plan::Sql(source, query, format) => sql(source, query, *format),
        Plan::Chart {
            source,
            output,
            operations,
        } => {
            let file = OutputFile::create(output)?;
            let (recording, session) = open(source)?;
            warn_of_what_is_missing(&recording, &session)?;
            let observed = Observed::read(&recording, &session)?;
            let timeline = Timeline::read(&session, &observed, operations)?;
            let timeline = timeline.filter(|timeline| !timeline.series.is_empty());
            let timeline = timeline.ok_or_else(|| no_operations(&recording, operations))?;
            file.write(chart::page(&recording.name(), &timeline)?.as_bytes())
        }
        Plan::Report { sources, output } => {
            let file = OutputFile::create(output)?;
            let mut sides = Vec::new();
            for source in sources {
                let (recording, session) = open(source)?;
                warn_skipped(&recording);
                sides.push(report::Side::read(&recording, &session)?);
            }
            file.write(report::html(&sides)?.as_bytes())
        }
    }
}

fn open(source: &Source) -> Result<(Recording, Session)> {
    let recording = recording::open(&source.recording, source.skip_damaged)?;
    let session = Session::new(&recording)?;
    Ok((recording, session))
}

fn sql(source: &Source, query: &str, format: RowFormat) -> Result<()> {
    let (recording, session) = open(source)?;
    warn_of_what_is_missing(&recording, &session)?;
    let out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut rows = output::rows(format, out);
    session.query(query, |batch| rows.write(batch))?;
    rows.finish()
}

fn warn(warnings: &[Warning]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// What makes an answer less than the whole truth: loss, gaps, damage. For answers that cannot say it themselves.
fn warn_of_what_is_missing(recording: &Recording, session: &Session) -> Result<()> {
    let counts = counting::kernel_counts(session)?;
    warn(&Warning::all(recording, &counts, &gaps::read(session)?));
    Ok(())
}

fn warn_skipped(recording: &Recording) {
    warn(&Warning::all(recording, &[], &[]));
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output("stdout", &error))
}

fn no_operations(recording: &Recording, operations: &[String]) -> Failure {
    if operations.is_empty() {
        Failure::path(
            &recording.root,
            "no operation has finished yet, so there is nothing to draw",
        )
    } else {
        Failure::new(
            format!("--operation {}", operations.join(" ")),
            "the recording has no such operation",
        )
        .hint("`soakbox-analyzer info DIR` lists its operations")
    }
}
