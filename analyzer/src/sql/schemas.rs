//! The schemas of a session: one for each recording, with its tables.

use std::sync::Arc;

use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::{Result, TableReference, internal_datafusion_err};
use datafusion::prelude::SessionContext;
use soakbox_schemas::tables::Table;

use super::catalog::CATALOG;
use super::queries;
use super::scope::Scope;
use super::table::RecordingTable;
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
    if catalog.schema(schema).is_none() {
        catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new()))?;
    }
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

/// Names without a schema are in this one from now on.
pub(super) fn set_default(context: &SessionContext, schema: &str) {
    let state = context.state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    options.catalog.default_schema = schema.to_owned();
}
