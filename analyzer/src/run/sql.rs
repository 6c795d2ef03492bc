//! Opens what `sql` needs: the text of the queries, the output, the recording.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use soakbox_cli::{Failure, Result, escaped_path, plain_io_error};
use soakbox_schemas::tables::Table;

use super::places::places;
use crate::cli::{QueryPlan, QueryText, SqlPlan, empty_query};
use crate::commands;
use crate::commands::sql::Opened;
use crate::coverage::KnownRuns;
use crate::figures::Outline;
use crate::output::OutputFile;
use crate::recording::Recording;
use crate::sql::{SCHEMA, Scope, Session, SessionRecording, Statements, UserFile, builtin};

/// Longest text of queries that is read from a file or from stdin.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Stands for stdin on the command line.
const STDIN: &str = "-";

pub(super) fn run(plan: &SqlPlan) -> Result<()> {
    match plan {
        SqlPlan::Run(plan) => queries(plan),
        SqlPlan::List(format) => {
            commands::sql::list(*format, OutputFile::create(Path::new(STDIN))?)
        }
        SqlPlan::Print(name) => commands::sql::print(name),
    }
}

fn queries(plan: &QueryPlan) -> Result<()> {
    let (arguments, text) = with_query(plan)?;
    if opens_shell(&text, &plan.output) {
        let opened = open(plan, &arguments)?;
        return commands::sql::shell(&opened, plan.format);
    }
    let texts = texts(&text)?;
    let statements = texts.iter().flat_map(|text| Statements::of(text).all());
    let statements: Vec<&str> = statements.collect();
    if statements.is_empty() {
        return Err(Failure::new("query", "has no statement").hint(EXAMPLE));
    }
    if let Some(command) = statements.iter().find(|text| text.starts_with('\\')) {
        let name = command.split_whitespace().next().unwrap_or(command);
        return Err(Failure::new(name, "is a command of the shell, and no SQL")
            .hint("`soakbox-analyzer sql DIR` opens the shell on a terminal"));
    }
    let output = OutputFile::create(&plan.output)?;
    let opened = open(plan, &arguments)?;
    commands::sql::run(&opened, &statements, plan.format, output)
}

/// The recordings of a plan without a shell, and its only query: its last argument, or stdin.
pub(super) fn opened(plan: &QueryPlan) -> Result<(Opened, String)> {
    let (arguments, text) = with_query(plan)?;
    let texts = texts(&text)?;
    let statements = texts.iter().flat_map(|text| Statements::of(text).all());
    let statements: Vec<&str> = statements.collect();
    match statements.as_slice() {
        [only] => Ok((open(plan, &arguments)?, (*only).to_owned())),
        [] => Err(Failure::new("query", "has no statement").hint(EXAMPLE)),
        _ => {
            Err(Failure::new("query", "has several statements")
                .hint("a chart shows the rows of one"))
        }
    }
}

/// Whether somebody sits at a terminal and gave no query.
fn opens_shell(text: &QueryText, output: &Path) -> bool {
    let is_typed = *text == QueryText::NotGiven && output == Path::new(STDIN);
    is_typed && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The arguments that are places, and the text of the queries. The last argument is the query if no
/// other query was given and it is no directory.
fn with_query(plan: &QueryPlan) -> Result<(Vec<PathBuf>, QueryText)> {
    let mut arguments = plan.arguments.clone();
    let has_others = !plan.named.is_empty() || !plan.tables.is_empty();
    let may_be_last = arguments.len() > 1 || has_others;
    if plan.text != QueryText::NotGiven || !may_be_last {
        return Ok((arguments, plan.text.clone()));
    }
    match arguments.pop_if(|last| !last.is_dir() && !is_directories(last)) {
        None => Ok((arguments, QueryText::NotGiven)),
        Some(last) => {
            let query = last.into_os_string().into_string();
            let query = query.map_err(|_| Failure::new("query", "is not UTF-8 text"))?;
            if query.trim().is_empty() {
                return Err(empty_query());
            }
            Ok((arguments, QueryText::Given(vec![query])))
        }
    }
}

/// Whether it is a pattern that fits directories.
fn is_directories(argument: &Path) -> bool {
    places(argument).is_ok_and(|places| places.iter().all(|place| place.is_dir()))
}

/// Opens all recordings. Those without a name are one.
pub(super) fn open(plan: &QueryPlan, arguments: &[PathBuf]) -> Result<Opened> {
    let mut outlines = Vec::new();
    let unnamed = arguments.iter().map(|argument| (SCHEMA, argument));
    let named = plan.named.iter().map(|named| (&*named.name, &named.place));
    for (name, place) in unnamed.chain(named) {
        for place in places(place)? {
            let outline = Outline::open(&place, plan.skip_damaged)?;
            outlines.push((name.to_owned(), outline));
        }
    }
    check_scope(&plan.scope, &outlines)?;
    let is_one = outlines.len() == 1;
    let mut warnings = Vec::new();
    let mut recordings: Vec<(String, Vec<(Recording, KnownRuns)>)> = Vec::new();
    let mut files = BTreeSet::new();
    for (name, outline) in outlines {
        check_once(&name, &outline.recording, &mut files)?;
        let root = escaped_path(&outline.recording.root);
        warnings.extend(outline.warnings.iter().map(|warning| match is_one {
            true => warning.to_string(),
            false => format!("{root}: {warning}"),
        }));
        let one = (outline.recording, outline.runs);
        match recordings.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(one),
            None => recordings.push((name, vec![one])),
        }
    }
    let merged = recordings.into_iter().filter_map(|(name, all)| {
        let (all, runs): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        Some((name, Recording::merged(all)?, KnownRuns::joined(runs)))
    });
    let merged: Vec<(String, Recording, Option<KnownRuns>)> = merged.collect();
    let opened = merged
        .iter()
        .map(|(name, recording, runs)| SessionRecording {
            name,
            recording,
            runs: runs.clone(),
        });
    let session = Session::of(opened.collect(), &plan.scope, plan.memory_bytes)?;
    for table in &plan.tables {
        session.add_file(&table.name, UserFile::open(&table.place)?)?;
    }
    let intervals = merged
        .iter()
        .map(|(_, recording, _)| recording.interval_ns());
    let interval_ns = intervals.max().unwrap_or(0);
    Ok(Opened {
        session,
        warnings,
        interval_ns,
    })
}

/// A file that is read twice, also as a copy, would silently count its rows twice.
fn check_once(
    name: &str,
    recording: &Recording,
    files: &mut BTreeSet<(String, PathBuf)>,
) -> Result<()> {
    let segments = recording.segments.iter().map(|segment| &segment.path);
    for path in segments {
        // Its table, day and name.
        let file = path.strip_prefix(&recording.root).unwrap_or(path);
        if !files.insert((name.to_owned(), file.to_owned())) {
            let reason = format!("{} was read before", escaped_path(path));
            return Err(Failure::path(&recording.root, reason)
                .hint("name each recording once, and no copy of it; --as gives it another name"));
        }
    }
    Ok(())
}

/// A name that no recording has would silently give no rows.
fn check_scope(scope: &Scope, outlines: &[(String, Outline)]) -> Result<()> {
    let has_operation = |name: &str| -> Result<bool> {
        for table in [Table::OPERATION_METRICS, Table::OPERATION_LOG] {
            for (_, outline) in outlines {
                if outline.recording.has_word(table, "operation", name)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    let has_host = |name: &String| {
        outlines.iter().any(|(_, outline)| {
            let recording = &outline.recording;
            let segments = recording.segments.iter().map(|segment| &segment.origin);
            let journals = recording.journals.iter().map(|journal| &journal.origin);
            segments.chain(journals).any(|origin| origin.host == *name)
        })
    };
    for name in &scope.operations {
        if !has_operation(name)? {
            let thing = format!("--operation {name}");
            return Err(Failure::new(thing, "no recording has such an operation")
                .hint("`soakbox-analyzer info DIR` lists its operations"));
        }
    }
    if let Some(name) = scope.hosts.iter().find(|name| !has_host(name)) {
        let thing = format!("--host {name}");
        return Err(Failure::new(thing, "no recording is of such a host")
            .hint("`soakbox-analyzer info DIR` lists its hosts"));
    }
    Ok(())
}

/// Advice where a query is missing.
const EXAMPLE: &str = "for example \"SELECT * FROM operation_log LIMIT 10\"";

fn texts(source: &QueryText) -> Result<Vec<String>> {
    match source {
        QueryText::Given(texts) => Ok(texts.clone()),
        QueryText::Files(paths) => paths.iter().map(|path| file(path)).collect(),
        QueryText::BuiltIn(names) => names
            .iter()
            .map(|name| Ok(builtin::named(name)?.text.to_owned()))
            .collect(),
        QueryText::NotGiven if io::stdin().is_terminal() => {
            Err(Failure::new("query", "is missing")
                .hint("give it as an argument, with --file or --query, or on stdin"))
        }
        QueryText::NotGiven => Ok(vec![file(Path::new(STDIN))?]),
    }
}

fn file(path: &Path) -> Result<String> {
    let is_stdin = path == Path::new(STDIN);
    let failed = |reason: String| match is_stdin {
        true => Failure::new("stdin", reason),
        false => Failure::path(path, reason),
    };
    let unreadable =
        |error: io::Error| failed(format!("cannot be read: {}", plain_io_error(&error)));
    let mut bytes = Vec::new();
    let read = match is_stdin {
        true => io::stdin().take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes),
        false => {
            File::open(path).and_then(|file| file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(failed(
            "has more than 16 MiB, which are no queries".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|_| failed("is not UTF-8 text".to_owned()))
}
