//! `compare`: the verdict on a candidate, as text, JSON, Markdown or JUnit XML.

use soakbox_cli::{Result, answer};

use crate::cli::VerdictFormat;
use crate::compare::{self, Settings};
use crate::output::{self, OutputFile};
use crate::windows::Run;

/// Prints the verdict, writes it into `copy` as JSON, and gives the exit status.
pub(crate) fn run(
    base: &[Run],
    candidate: &[Run],
    settings: &Settings,
    format: VerdictFormat,
    copy: Option<OutputFile>,
) -> Result<u8> {
    let verdict = compare::compare(base, candidate, settings)?;
    if let Some(copy) = copy {
        let mut json = Vec::new();
        output::json(&verdict, &mut json).map_err(|error| answer::unwritable(&error))?;
        unless_closed(copy.write(&json))?;
    }
    let written = answer::write(|out| match format {
        VerdictFormat::Table => out.write_all(output::verdict_text(&verdict).as_bytes()),
        VerdictFormat::Markdown => out.write_all(output::verdict_markdown(&verdict).as_bytes()),
        VerdictFormat::Junit => out.write_all(junit(&verdict).as_bytes()),
        VerdictFormat::Json => output::json(&verdict, out),
    });
    unless_closed(written)?;
    Ok(verdict.exit_status())
}

fn junit(verdict: &compare::Answer) -> String {
    output::junit(&[output::verdict_suite("soakbox compare", verdict)])
}

/// The exit status is the verdict, also if nobody reads the answer to its end (`… | head`).
fn unless_closed(written: Result<()>) -> Result<()> {
    match written {
        Err(failure) if failure.is_closed_pipe() => Ok(()),
        written => written,
    }
}
