//! The schemas of a session: one for each recording, with its tables and views.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemorySchemaProvider};
use datafusion::common::{Result, TableReference, internal_datafusion_err};
use datafusion::prelude::SessionContext;
use soakbox_schemas::tables::Table;

use super::catalog::CATALOG;
use super::queries;
use super::scope::Scope;
use super::session::SessionRecording;
use super::table::RecordingTable;
use super::user_file::UserFile;
use super::views::TablesAndViews;

/// Adds a table to the schema of that name, which is made if no recording has it; false if the schema
/// has such a table or view.
pub(super) fn add_table(
    context: &SessionContext,
    schema: &str,
    name: &str,
    table: UserFile,
) -> Result<bool> {
    let catalog = catalog(context)?;
    let tables = match catalog.schema(schema) {
        Some(tables) => tables,
        None => {
            let tables = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, tables.clone())?;
            tables
        }
    };
    let is_free = !tables.table_exist(name);
    if is_free {
        tables.register_table(name.to_owned(), Arc::new(table))?;
    }
    Ok(is_free)
}

fn catalog(context: &SessionContext) -> Result<Arc<dyn CatalogProvider>> {
    context
        .catalog(CATALOG)
        .ok_or_else(|| internal_datafusion_err!("there is no catalog"))
}

/// Registers the tables of a recording, with the rows of `scope`, in the schema of its name.
pub(super) fn register(
    context: &SessionContext,
    recording: SessionRecording<'_>,
    scope: &Scope,
) -> Result<()> {
    let catalog = catalog(context)?;
    let tables = TablesAndViews::new(context, &recording, scope);
    let (schema, recording) = (recording.name, recording.recording);
    catalog.register_schema(schema, Arc::new(tables))?;
    let is_view = |table: &Table| queries::VIEWS.iter().any(|(name, _)| *name == table.name());
    for table in recording.tables() {
        // A view that this version defines hides a table of a newer one.
        if !is_view(&table) {
            let rows = Arc::new(RecordingTable::new(recording, table));
            let name = TableReference::partial(schema, table.name());
            context.register_table(name, scope.of(table.name(), rows)?)?;
        }
    }
    Ok(())
}
