//! `export`: rows of a recording in the format of another program.

use arrow::array::RecordBatch;
use soakbox_cli::{Failure, Result, escaped_lines, escaped_path, message};
use soakbox_schemas::recording::footer::Exported;
use soakbox_schemas::tables::Table;

use super::sql::{Opened, report, stream};
use crate::cli::ExportPlan;
use crate::export::{Format, HdrLog, OpenMetrics, ParquetTable, PerfettoTrace, Size};
use crate::output::{CsvRows, OutputFile, OutputWriter, RowEncoder};
use crate::shell::Stop;
use crate::sql::{Session, queries};
use crate::units::{count, plural};

/// Most names of operations that a message has.
const MOST_NAMES: usize = 3;

/// Writes what the plan asks for.
///
/// # Errors
/// Where a query fails, the recording has more than the format can hold, or the file cannot be written.
pub(crate) fn run(opened: &Opened, plan: &ExportPlan, output: OutputFile) -> Result<()> {
    if plan.format.is_binary() && output.is_terminal() {
        return Err(Failure::new(
            format_args!("export {}", plan.format.name()),
            "is binary, and the output is a terminal",
        )
        .hint("name a file with --output, or pipe it into another program"));
    }
    let session = &opened.session;
    if let Format::Perfetto { most } = plan.format {
        Size::of(&session.collect(queries::SIZE)?)?.check(most)?;
    }
    report(opened);
    let stop = Stop::at_signals()?;
    let mut target = Target {
        session,
        is_terminal: output.is_terminal(),
        writer: output.writer()?,
        stop,
    };
    let rows = match plan.format {
        Format::Csv(table) => csv(table, &mut target)?,
        Format::Parquet(table) => parquet(table, about(opened, plan, table), &mut target)?,
        Format::Perfetto { .. } => perfetto(opened.interval_ns, &mut target)?,
        Format::OpenMetrics { every_ns } => openmetrics(every_ns, &mut target)?,
        Format::Hdr { every_ns } => hdr(every_ns, &mut target)?,
    };
    target.writer.finish()?;
    if let Some(left_out) = plan.format.left_out() {
        let name = plan.format.name();
        message::line(format_args!("note: {name} has no place for {left_out}"));
    }
    let output = escaped_path(&plan.source.output);
    message::line(format_args!(
        "exported {} {} to {output}",
        count(rows),
        plural(rows, "row")
    ));
    Ok(())
}

/// Where rows come from, and where they go.
struct Target<'a> {
    session: &'a Session,
    /// Whether the text is shown on a terminal, where foreign text must not act.
    is_terminal: bool,
    writer: OutputWriter,
    stop: Stop,
}

impl Target<'_> {
    /// Runs a query, and writes what `encode` appends for each batch.
    fn stream(
        &mut self,
        query: &str,
        mut encode: impl FnMut(&RecordBatch, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let query = self.session.prepare(query)?;
        let is_terminal = self.is_terminal;
        stream(query, &mut self.writer, &self.stop, |batch, part| {
            encode(batch, part)?;
            shown(is_terminal, part);
            Ok(())
        })
    }

    /// Writes a part, which is whole lines where it is text.
    fn write(&mut self, part: &mut Vec<u8>) -> Result<()> {
        shown(self.is_terminal, part);
        self.writer.write(part)?;
        part.clear();
        Ok(())
    }
}

/// On a terminal, characters that act on it are shown as escapes, as in every format of `sql`.
fn shown(is_terminal: bool, part: &mut Vec<u8>) {
    if is_terminal && !part.is_empty() {
        *part = escaped_lines(&String::from_utf8_lossy(part))
            .into_owned()
            .into_bytes();
    }
}

/// What the file has, for its footer.
fn about(opened: &Opened, plan: &ExportPlan, table: Table) -> Exported {
    let scope = &plan.source.scope;
    let recordings = plan.source.arguments.iter();
    Exported {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        table: table.name().to_owned(),
        recordings: recordings
            .map(|path| path.to_string_lossy().into_owned())
            .collect(),
        from_ns: scope.from_ns,
        to_ns: scope.to_ns,
        hosts: scope.hosts.clone(),
        operations: scope.operations.clone(),
        warnings: opened.warnings.clone(),
    }
}

fn csv(table: Table, target: &mut Target<'_>) -> Result<u64> {
    let (mut rows, mut total) = (CsvRows::new(), 0);
    target.stream(&queries::whole_table(table), |batch, part| {
        total += batch.num_rows() as u64;
        rows.encode(batch, part)
    })?;
    Ok(total)
}

fn parquet(table: Table, about: Exported, target: &mut Target<'_>) -> Result<u64> {
    let (mut rows, mut total) = (ParquetTable::new(table, about), 0);
    target.stream(&queries::whole_table(table), |batch, part| {
        total += batch.num_rows() as u64;
        rows.rows(batch, part)
    })?;
    let mut part = Vec::new();
    rows.finish(&mut part)?;
    target.write(&mut part)?;
    Ok(total)
}

fn perfetto(interval_ns: i64, target: &mut Target<'_>) -> Result<u64> {
    let mut trace = PerfettoTrace::new(interval_ns);
    target.stream(queries::ANNOTATIONS, |batch, part| {
        trace.annotations(batch, part)
    })?;
    target.stream(queries::COUNTS, |batch, part| trace.counts(batch, part))?;
    target.stream(queries::MEMORY, |batch, part| trace.memory(batch, part))?;
    target.stream(queries::TRACE, |batch, part| trace.operations(batch, part))?;
    let mut part = Vec::new();
    trace.finish(&mut part);
    target.write(&mut part)?;
    let clamped = trace.clamped();
    if clamped > 0 {
        message::line(format_args!(
            "warning: {} {} began before 1970; the trace shows them from 1970 on",
            count(clamped),
            plural(clamped, "operation")
        ));
    }
    Ok(trace.count())
}

fn openmetrics(every_ns: u64, target: &mut Target<'_>) -> Result<u64> {
    let mut metrics = OpenMetrics::new(every_ns);
    target.stream(queries::OBSERVED, |batch, _| metrics.observed(batch))?;
    target.stream(queries::SAMPLES, |batch, _| metrics.operations(batch))?;
    target.stream(queries::COUNTS, |batch, _| metrics.counts(batch))?;
    let rows = metrics.count();
    metrics.finish(|part| {
        target.write(part)?;
        match target.stop.goes_on() {
            true => Ok(()),
            false => Err(target.stop.failure()),
        }
    })?;
    Ok(rows)
}

fn hdr(every_ns: u64, target: &mut Target<'_>) -> Result<u64> {
    let mut log = HdrLog::new(every_ns);
    target.stream(queries::DURATIONS, |batch, part| log.rows(batch, part))?;
    let mut part = Vec::new();
    log.finish(&mut part)?;
    target.write(&mut part)?;
    let renamed: Vec<(&str, &str)> = log.renamed().collect();
    if !renamed.is_empty() {
        let names = renamed.iter().take(MOST_NAMES);
        let names: Vec<String> = names
            .map(|(name, tag)| format!("{name} is {tag}"))
            .collect();
        let more = match renamed.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        message::line(format_args!(
            "warning: names with characters that a tag cannot have are written with % and digits: {}{more}",
            names.join(", ")
        ));
    }
    Ok(log.count())
}
