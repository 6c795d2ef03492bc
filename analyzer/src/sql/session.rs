//! The session: DataFusion on one recording, read-only and with bounded memory. Only queries run,
//! and SQL cannot read anything outside the recording.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use soakbox_cli::{Failure, Result};
use soakbox_schemas::tables::Table;

use super::catalog::{CATALOG, SCHEMA};
use super::describe::Notes;
use super::explain::query_failure;
use super::table::RecordingTable;
use super::word_groups::GroupByCodes;
use super::{functions, queries};
use crate::recording::Recording;

/// Memory that sorting and grouping may use before they spill to temporary files.
const MEMORY_BYTES: usize = 2 << 30;

/// Advice for a statement that is not a query.
const READ_ONLY: &str =
    "a recording is read-only: it answers SELECT, SHOW TABLES, DESCRIBE and EXPLAIN";

/// A recording that answers queries.
pub struct Session {
    context: SessionContext,
    notes: Notes,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Registers the recording's tables, views and our functions.
    ///
    /// # Errors
    /// Where threads cannot be started or DataFusion refuses a table.
    pub fn new(recording: &Recording) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .map_err(|error| Failure::new("query engine", error))?;
        let context = context(recording).map_err(|error| query_failure(&error))?;
        let session = Self {
            context,
            notes: Notes::of(recording),
            runtime,
        };
        let views = queries::VIEWS.map(|(name, query)| format!("CREATE VIEW {name} AS {query}"));
        for view in session.collect_all(views) {
            view?;
        }
        Ok(session)
    }

    /// Runs one of our own queries to its end; only for small results.
    ///
    /// # Errors
    /// Where DataFusion fails.
    pub fn collect(&self, query: &str) -> Result<Vec<RecordBatch>> {
        self.runtime
            .block_on(async { self.context.sql(query).await?.collect().await })
            .map_err(|error| query_failure(&error))
    }

    /// Runs several of them at the same time; each has a result of its own.
    pub fn collect_all<const N: usize>(
        &self,
        queries: [String; N],
    ) -> [Result<Vec<RecordBatch>>; N] {
        let tasks = queries.map(|query| {
            let context = self.context.clone();
            self.runtime
                .spawn(async move { context.sql(&query).await?.collect().await })
        });
        tasks.map(|task| match self.runtime.block_on(task) {
            Ok(done) => done.map_err(|error| query_failure(&error)),
            Err(error) => Err(Failure::new("query engine", error)),
        })
    }

    /// Plans a user's query. A statement that changes or writes anything is refused.
    ///
    /// # Errors
    /// Where the query is refused.
    pub fn prepare(&self, query: &str) -> Result<Query<'_>> {
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let failed = |error: DataFusionError| query_failure(&error);
        let frame = self.runtime.block_on(async {
            let plan = self.context.state().create_logical_plan(query).await;
            let plan = plan.map_err(failed)?;
            options
                .verify_plan(&plan)
                .map_err(|error| failed(error).hint(READ_ONLY))?;
            self.context
                .execute_logical_plan(plan)
                .await
                .map_err(failed)
        })?;
        let description = match frame.logical_plan() {
            LogicalPlan::DescribeTable(described) => {
                let rows = self.notes.describe(query, &described.schema);
                Some(rows.map_err(|error| failed(error.into()))?)
            }
            _ => None,
        };
        Ok(Query {
            session: self,
            frame,
            description,
        })
    }
}

fn context(recording: &Recording) -> std::result::Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    let options = config.options_mut();
    options.catalog.default_catalog = CATALOG.to_owned();
    options.catalog.default_schema = SCHEMA.to_owned();
    options.sql_parser.enable_ident_normalization = true;
    options.execution.time_zone = Some("UTC".to_owned());
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_BYTES)))
        .build_arc()?;
    let mut rules = PhysicalOptimizer::new().rules;
    // Before data are distributed by the columns that they are grouped by.
    let distribution = rules
        .iter()
        .position(|rule| rule.name() == "EnsureRequirements");
    rules.insert(distribution.unwrap_or(0), Arc::new(GroupByCodes));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udaf(functions::quantile());
    context.register_udaf(functions::quantiles());
    let is_view = |table: &Table| queries::VIEWS.iter().any(|(name, _)| *name == table.name());
    for table in recording.tables() {
        // A view that this version defines hides a table of a newer one.
        if !is_view(&table) {
            let provider = RecordingTable::new(recording, table);
            context.register_table(table.name(), Arc::new(provider))?;
        }
    }
    Ok(context)
}

/// A query that was planned.
pub struct Query<'a> {
    session: &'a Session,
    frame: DataFrame,
    /// The answer to a `DESCRIBE`; DataFusion's own answer has no units and no descriptions.
    description: Option<RecordBatch>,
}

impl Query<'_> {
    /// Whether its rows are a query plan (`EXPLAIN`) and not rows of the recording.
    pub fn is_explanation(&self) -> bool {
        matches!(
            self.frame.logical_plan(),
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)
        )
    }

    /// Runs the query and passes each batch to `consume` as soon as it is there. The first batch is
    /// empty: it gives the columns.
    ///
    /// # Errors
    /// Where the query fails, or `consume` does.
    pub fn run(self, mut consume: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        if let Some(rows) = self.description {
            consume(&RecordBatch::new_empty(rows.schema()))?;
            return consume(&rows);
        }
        let failed = |error: DataFusionError| query_failure(&error);
        self.session.runtime.block_on(async {
            let mut stream: SendableRecordBatchStream =
                self.frame.execute_stream().await.map_err(failed)?;
            consume(&RecordBatch::new_empty(stream.schema()))?;
            while let Some(batch) = stream.next().await {
                consume(&batch.map_err(failed)?)?;
            }
            Ok(())
        })
    }
}
