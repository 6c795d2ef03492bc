//! The schemas of a session: one for each recording, with its tables and views.

use std::sync::Arc;

use datafusion::common::{Result, TableReference, internal_datafusion_err};
use datafusion::prelude::SessionContext;
use soakbox_schemas::tables::Table;

use super::catalog::CATALOG;
use super::queries;
use super::scope::Scope;
use super::table::RecordingTable;
use super::views::TablesAndViews;
use crate::recording::Recording;

/// Registers the tables of a recording, with the rows of `scope`, in the schema of that name.
pub(super) fn register(
    context: &SessionContext,
    schema: &str,
    recording: &Recording,
    scope: &Scope,
) -> Result<()> {
    let catalog = context
        .catalog(CATALOG)
        .ok_or_else(|| internal_datafusion_err!("there is no catalog"))?;
    let tables = TablesAndViews::new(schema, context);
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
