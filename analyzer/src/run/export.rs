//! Opens what `export` reads, and the file that it writes.

use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::Table;

use super::sql;
use crate::cli::ExportPlan;
use crate::commands;
use crate::export::Format;
use crate::output::OutputFile;
use crate::sql::Session;

pub(super) fn run(plan: &ExportPlan) -> Result<()> {
    let output = OutputFile::create(&plan.source.output)?;
    let opened = sql::open(&plan.source, &plan.source.arguments)?;
    if let Format::Csv(table) | Format::Parquet(table) = plan.format {
        check_table(&opened.session, table)?;
    }
    commands::export::run(&opened, plan, output)
}

fn check_table(session: &Session, table: Table) -> Result<()> {
    let names = session.texts(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema <> 'information_schema' ORDER BY table_name",
    )?;
    if names.iter().any(|name| name == table.name()) {
        return Ok(());
    }
    let thing = format!("--table {}", table.name());
    Err(Failure::new(thing, "the recording has no such table")
        .hint(format!("it has {}", names.join(", "))))
}
