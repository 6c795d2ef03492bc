//! A schema of a session: the tables of a recording, and the views on them. A view is planned when a
//! query names it for the first time, so that a session opens without planning any.

use std::collections::HashMap;
use std::fmt::{Debug, Formatter, Result as FmtResult};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::prelude::SessionContext;

use super::scope::Scope;
use super::session::SessionRecording;
use super::{queries, run_periods};
use crate::coverage::KnownRuns;
use crate::recording::Recording;

/// The schema.
pub(super) struct TablesAndViews {
    name: String,
    tables: MemorySchemaProvider,
    recording: Recording,
    runs: Option<KnownRuns>,
    scope: Scope,
    /// The state of the session, if it still exists.
    state: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
    planned: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl TablesAndViews {
    pub(super) fn new(context: &SessionContext, of: &SessionRecording<'_>, scope: &Scope) -> Self {
        // The session owns its schemas, and must not be kept alive by one of them.
        let state = context.state_weak_ref();
        Self {
            name: of.name.to_owned(),
            tables: MemorySchemaProvider::new(),
            recording: of.recording.clone(),
            runs: of.runs.clone(),
            scope: scope.clone(),
            state: Box::new(move || state.upgrade().map(|state| state.read().clone())),
            planned: Mutex::default(),
        }
    }

    /// The table that views of runs are made of, which is made for the first of them.
    fn run_periods(&self) -> Result<Arc<dyn TableProvider>> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = planned.get(run_periods::NAME) {
            return Ok(table.clone());
        }
        let table = match &self.runs {
            Some(known) => run_periods::table(&self.recording, known, &self.scope)?,
            None => {
                let failed = |failure| DataFusionError::External(Box::new(failure));
                let read = KnownRuns::read(&self.recording).map_err(failed)?;
                run_periods::table(&self.recording, &read, &self.scope)?
            }
        };
        planned.insert(run_periods::NAME.to_owned(), table.clone());
        Ok(table)
    }

    async fn view(&self, name: &str, text: &str) -> Result<Arc<dyn TableProvider>> {
        let planned = || self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = planned().get(name) {
            return Ok(view.clone());
        }
        let Some(mut state) = (self.state)() else {
            return internal_err!("the session of {name} has ended");
        };
        // Names in the text of a view are those of its own recording.
        let options = state.config_mut().options_mut();
        options.catalog.default_schema.clone_from(&self.name);
        let plan = state.create_logical_plan(text).await?;
        // As `CREATE VIEW` does: the columns have the types that they will have.
        let types = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
        let plan = types.execute_and_check(plan, &ConfigOptions::default(), |_, _| {})?;
        let view: Arc<dyn TableProvider> = Arc::new(ViewTable::new(plan, Some(text.to_owned())));
        planned().insert(name.to_owned(), view.clone());
        Ok(view)
    }
}

/// The text of a view of this version.
fn text_of(name: &str) -> Option<&'static str> {
    let mut views = queries::VIEWS.iter();
    views.find(|(view, _)| *view == name).map(|(_, text)| *text)
}

impl Debug for TablesAndViews {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "TablesAndViews({})", self.name)
    }
}

#[async_trait]
impl SchemaProvider for TablesAndViews {
    fn table_names(&self) -> Vec<String> {
        let views = queries::VIEWS.iter().map(|(name, _)| (*name).to_owned());
        let mut names: Vec<String> = self.tables.table_names().into_iter().chain(views).collect();
        names.sort();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match text_of(name) {
            Some(text) => self.view(name, text).await.map(Some),
            None if name == run_periods::NAME => self.run_periods().map(Some),
            None => self.tables.table(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        match text_of(name) {
            Some(_) => Ok(Some(TableType::View)),
            None => self.tables.table_type(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.register_table(name, table)
    }

    fn table_exist(&self, name: &str) -> bool {
        text_of(name).is_some() || name == run_periods::NAME || self.tables.table_exist(name)
    }
}
