//! `sql`: the rows of queries, written as they arrive; and the queries that come with the program.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use soakbox_cli::{Failure, Result, answer, message};

use crate::cli::RowFormat;
use crate::output::{
    BinaryFormat, BinaryRows, CsvRows, JsonRows, MarkdownRows, OutputFile, OutputWriter,
    RowEncoder, ShownRows, TextRows, TsvRows,
};
use crate::shell::{self, ProgressLine, Stop};
use crate::sql::{Query, Running, Session, builtin};

/// What queries run on.
pub(crate) struct Opened {
    /// The tables.
    pub(crate) session: Session,
    /// Why they do not hold everything that happened.
    pub(crate) warnings: Vec<String>,
    /// The longest interval of a recording, ns.
    pub(crate) interval_ns: i64,
}

/// Runs the statements in order. All of them are planned first, so that a mistake in one is reported
/// before any row is written.
pub(crate) fn run(
    opened: &Opened,
    statements: &[&str],
    format: RowFormat,
    output: OutputFile,
) -> Result<()> {
    check(statements.len(), format, &output)?;
    let queries = statements.iter().enumerate().map(|(index, statement)| {
        let query = opened.session.prepare(statement);
        query.map_err(|failure| named(failure, index, statements.len()))
    });
    let queries = queries.collect::<Result<Vec<Query<'_>>>>()?;
    report(opened);
    let is_terminal = output.is_terminal();
    let mut writer = output.writer()?;
    let stop = Stop::at_signals()?;
    for (index, query) in queries.into_iter().enumerate() {
        if index > 0 && matches!(format, RowFormat::Table | RowFormat::Markdown) {
            writer.write(b"\n")?;
        }
        let rows = encoder(format, query.is_explanation(), is_terminal);
        write(query, rows, &mut writer, &stop)
            .map_err(|failure| named(failure, index, statements.len()))?;
    }
    writer.finish()
}

/// Opens a shell.
pub(crate) fn shell(opened: &Opened, format: RowFormat) -> Result<()> {
    check(1, format, &OutputFile::create(Path::new("-"))?)?;
    report(opened);
    shell::run(&opened.session, format, |format, keeps_lines| {
        encoder(format, keeps_lines, true)
    })
}

pub(super) fn report(opened: &Opened) {
    for warning in &opened.warnings {
        message::line(format_args!("warning: {warning}"));
    }
}

/// Whether this output can hold that many results.
fn check(statements: usize, format: RowFormat, output: &OutputFile) -> Result<()> {
    if !format.is_binary() {
        return Ok(());
    }
    let name = format!("--format {}", format.name());
    if statements > 1 {
        let reason = format!("holds one result, and there are {statements} queries");
        return Err(Failure::new(name, reason).hint("run them one by one"));
    }
    if output.is_terminal() {
        return Err(
            Failure::new(name, "is binary, and the output is a terminal")
                .hint("name a file with --output, or pipe it into another program"),
        );
    }
    Ok(())
}

/// The failure of one of several statements.
fn named(failure: Failure, index: usize, statements: usize) -> Failure {
    if statements == 1 || failure.is_closed_pipe() {
        failure
    } else {
        failure.about(format_args!("query {} of {statements}", index + 1))
    }
}

/// The encoder of a format. On a terminal no text of a recording acts.
fn encoder(format: RowFormat, keeps_lines: bool, is_terminal: bool) -> Box<dyn RowEncoder> {
    let text: Box<dyn RowEncoder> = match format {
        RowFormat::Table => return Box::new(TextRows::new(keeps_lines)),
        RowFormat::Markdown => return Box::new(MarkdownRows::default()),
        RowFormat::Parquet => return Box::new(BinaryRows::new(BinaryFormat::Parquet)),
        RowFormat::Arrow => return Box::new(BinaryRows::new(BinaryFormat::Arrow)),
        RowFormat::ArrowStream => return Box::new(BinaryRows::new(BinaryFormat::ArrowStream)),
        RowFormat::Json => Box::new(JsonRows::array()),
        RowFormat::Ndjson => Box::new(JsonRows::lines()),
        RowFormat::Csv => Box::new(CsvRows::new()),
        RowFormat::Tsv => Box::new(TsvRows::default()),
    };
    let is_json = matches!(format, RowFormat::Json | RowFormat::Ndjson);
    match is_terminal {
        true => Box::new(ShownRows::new(text, is_json)),
        false => text,
    }
}

fn write(
    query: Query<'_>,
    mut rows: Box<dyn RowEncoder>,
    writer: &mut OutputWriter,
    stop: &Stop,
) -> Result<()> {
    stream(query, writer, stop, |batch, part| rows.encode(batch, part))?;
    let mut part = Vec::new();
    rows.finish(&mut part)?;
    writer.write(&part)
}

/// Runs a query, and writes the bytes that `encode` appends for each batch. A line shows how far it is.
pub(super) fn stream(
    query: Query<'_>,
    writer: &mut OutputWriter,
    stop: &Stop,
    mut encode: impl FnMut(&RecordBatch, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let line = RefCell::new(ProgressLine::new());
    let goes_on = |query: &Running<'_>| {
        line.borrow_mut().show(query);
        stop.goes_on()
    };
    let mut part = Vec::new();
    let is_done = query.run_while(goes_on, |batch| {
        encode(batch, &mut part)?;
        if !part.is_empty() {
            line.borrow_mut().clear();
        }
        writer.write(&part)?;
        part.clear();
        Ok(true)
    });
    line.borrow_mut().end();
    match is_done? {
        true => Ok(()),
        false => Err(stop.failure()),
    }
}

/// Lists the queries that come with the program.
pub(crate) fn list(format: RowFormat, output: OutputFile) -> Result<()> {
    check(1, format, &output)?;
    let texts = |text: fn(&builtin::BuiltIn) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(builtin::ALL.iter().map(text)))
    };
    let columns = [
        ("query", texts(|query| query.name.to_owned())),
        ("description", texts(builtin::BuiltIn::description)),
    ];
    let batch =
        RecordBatch::try_from_iter(columns).map_err(|error| Failure::new("queries", error))?;
    let mut rows = encoder(format, false, output.is_terminal());
    let mut text = Vec::new();
    rows.encode(&batch, &mut text)?;
    rows.finish(&mut text)?;
    output.write(&text)
}

/// Prints the text of one of them.
pub(crate) fn print(name: &str) -> Result<()> {
    let query = builtin::named(name)?;
    answer::write(|out| out.write_all(query.text.as_bytes()))
}
