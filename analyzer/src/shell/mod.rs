//! The shell of `sql`: reads statements and commands from a terminal and shows their rows. Ctrl-C
//! stops a query, and the shell goes on.

mod commands;
mod editor;
mod highlight;
mod history;
mod names;
mod pager;
mod progress_line;
mod stop;
mod stopwatch;

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use clap::ValueEnum;
use signal_hook::consts::SIGINT;
use soakbox_cli::{Failure, Result, plain_io_error};

use self::commands::Command;
use self::editor::{Editor, Typed};
use self::names::Names;
use self::pager::Pager;
pub(crate) use self::progress_line::ProgressLine;
pub(crate) use self::stop::Stop;
use self::stopwatch::Stopwatch;
use crate::cli::RowFormat;
use crate::output::RowEncoder;
use crate::sql::{Running, Session, Statements};

/// Makes an encoder of a format; the flag keeps the lines of a cell.
pub(crate) type Encoder = fn(RowFormat, bool) -> Box<dyn RowEncoder>;

/// A shell on one session.
struct Shell<'a> {
    session: &'a Session,
    encoder: Encoder,
    format: RowFormat,
    has_timing: bool,
    /// Set by Ctrl-C while a query runs.
    interrupted: Arc<AtomicBool>,
}

/// Runs until Ctrl-D or `\q`.
///
/// # Errors
/// Where the terminal cannot be read.
pub(crate) fn run(session: &Session, format: RowFormat, encoder: Encoder) -> Result<()> {
    let failed = |error: io::Error| Failure::new("terminal", plain_io_error(&error));
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, interrupted.clone()).map_err(failed)?;
    let has_colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut editor = Editor::new(names(session)?, has_colours)?;
    let mut shell = Shell {
        session,
        encoder,
        format,
        has_timing: false,
        interrupted,
    };
    println("SQL on a recording. \\? lists the commands, Ctrl-D leaves.");
    loop {
        match editor.read()? {
            Typed::End => return Ok(()),
            Typed::Interrupted => {}
            Typed::Text(text) => {
                if shell.obey(&text) {
                    return Ok(());
                }
            }
        }
    }
}

/// The names that are completed. Their queries are ours.
fn names(session: &Session) -> Result<Names> {
    let list = |query: &str| session.texts(query);
    Ok(Names {
        tables: list(
            "SELECT DISTINCT CASE table_schema WHEN 'recording' THEN table_name \
             ELSE table_schema || '.' || table_name END FROM information_schema.tables \
             WHERE table_schema <> 'information_schema'",
        )?,
        columns: list(
            "SELECT DISTINCT column_name FROM information_schema.columns \
             WHERE table_schema <> 'information_schema'",
        )?,
        functions: list("SELECT DISTINCT routine_name FROM information_schema.routines")?,
        // Several recordings have no common table; their operations are not completed.
        operations: list("SELECT DISTINCT operation FROM operation_metrics").unwrap_or_default(),
    })
}

impl Shell<'_> {
    /// Runs what was typed; true if the shell ends.
    fn obey(&mut self, text: &str) -> bool {
        match Command::parse(text) {
            Some(Command::Quit) => return true,
            Some(Command::Help) => {
                for (name, does) in commands::ALL {
                    println(&format!("{name:8} {does}"));
                }
            }
            Some(Command::Query(query)) => self.query(&query),
            Some(Command::Describe(name, query)) => self.timed(|pager| {
                let found = self.session.collect(&query)?;
                if found.iter().all(|batch| batch.num_rows() == 0) {
                    return Err(Failure::new(name, "is no function and no view")
                        .hint("\\h lists them, and \\d NAME describes a table"));
                }
                self.few_rows(&found, pager)
            }),
            Some(Command::Format(name)) => self.set_format(name.as_deref()),
            Some(Command::Timing(wanted)) => {
                self.has_timing = wanted.unwrap_or(!self.has_timing);
                println(if self.has_timing {
                    "timing is on"
                } else {
                    "timing is off"
                });
            }
            Some(Command::Unknown(name)) => {
                report(&Failure::new(name, "is no command").hint("\\? lists them"));
            }
            None => {
                for statement in Statements::of(text).all() {
                    self.query(statement);
                }
            }
        }
        false
    }

    fn set_format(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            return println(&self.format.name());
        };
        match RowFormat::from_str(name, true) {
            Ok(format) if !format.is_binary() => self.format = format,
            Ok(_) => report(&Failure::new(
                name,
                "is binary, and the output is a terminal",
            )),
            Err(_) => report(&Failure::new(name, "is no format").hint(names::FORMATS.join(", "))),
        }
    }

    fn query(&self, statement: &str) {
        self.timed(|pager| self.rows(statement, pager));
    }

    /// Shows what `show` writes, which gives false if it was stopped, and how long it took.
    fn timed(&self, show: impl FnOnce(&mut Pager) -> Result<bool>) {
        let start = Stopwatch::start();
        self.interrupted.store(false, Ordering::Relaxed);
        let mut pager = Pager::new();
        let result = show(&mut pager);
        pager.finish();
        match result {
            Ok(true) => {}
            Ok(false) => println("stopped"),
            Err(failure) => report(&failure),
        }
        if self.has_timing {
            println(&format!("{:.3} s", start.seconds()));
        }
    }

    /// Shows rows that are there already.
    fn few_rows(&self, batches: &[RecordBatch], pager: &mut Pager) -> Result<bool> {
        let mut rows = (self.encoder)(self.format, false);
        let mut part = Vec::new();
        for batch in batches {
            rows.encode(batch, &mut part)?;
        }
        rows.finish(&mut part)?;
        pager.write(&part);
        Ok(true)
    }

    /// Shows the rows of a query; false if it was stopped.
    fn rows(&self, statement: &str, pager: &mut Pager) -> Result<bool> {
        let query = self.session.prepare(statement)?;
        let mut rows = (self.encoder)(self.format, query.is_explanation());
        let (mut part, mut is_read) = (Vec::new(), true);
        let line = RefCell::new(ProgressLine::new());
        let goes_on = |query: &Running<'_>| {
            line.borrow_mut().show(query);
            !self.interrupted.load(Ordering::Relaxed)
        };
        let is_done = query.run_while(goes_on, |batch| {
            rows.encode(batch, &mut part)?;
            line.borrow_mut().clear();
            is_read = pager.write(&part);
            if pager.is_open() {
                line.borrow_mut().end();
            }
            part.clear();
            Ok(is_read)
        });
        line.borrow_mut().end();
        let is_done = is_done?;
        if is_done && is_read {
            rows.finish(&mut part)?;
            pager.write(&part);
        }
        // Somebody who leaves the pager has read enough.
        Ok(is_done || !is_read)
    }
}

/// A line on the terminal; a terminal that is gone ends the shell when it reads.
fn println(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn report(failure: &Failure) {
    soakbox_cli::message::line(format_args!("error: {failure}"));
}
