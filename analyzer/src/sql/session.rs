//! The session: a bounded, read-only DataFusion over one recording. Only queries run; nothing outside the recording
//! is readable by SQL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use soakbox_schemas::tables::Table;

use super::table::RecordingTable;
use super::{functions, queries};
use crate::failure::{Failure, Result, lower_start};
use crate::recording::Recording;

/// Memory that sorting and grouping may use before they spill to temporary files.
const MEMORY_BYTES: usize = 2 << 30;

/// Where the tables are registered; nobody needs to type it.
const CATALOG: &str = "soakbox";
const SCHEMA: &str = "recording";

/// A recording that answers queries.
pub struct Session {
    context: SessionContext,
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
        let mut config = SessionConfig::new().with_information_schema(true);
        let options = config.options_mut();
        options.catalog.default_catalog = CATALOG.to_owned();
        options.catalog.default_schema = SCHEMA.to_owned();
        options.sql_parser.enable_ident_normalization = true;
        options.execution.time_zone = Some("UTC".to_owned());
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_BYTES)))
            .build_arc()?;
        let context = SessionContext::new_with_config_rt(config, environment);
        context.register_udaf(functions::quantile());
        context.register_udaf(functions::quantiles());
        let is_view = |table: &Table| queries::VIEWS.iter().any(|(name, _)| *name == table.name());
        for table in recording.tables() {
            // A view that this version defines hides a table of a newer one.
            if is_view(&table) {
                continue;
            }
            let provider = RecordingTable::new(recording, table)?;
            context.register_table(table.name(), Arc::new(provider))?;
        }
        for (name, query) in queries::VIEWS {
            let create = format!("CREATE VIEW {name} AS {query}");
            runtime.block_on(context.sql(&create))?;
        }
        Ok(Self { context, runtime })
    }

    /// Runs one of our queries to its end; for results that are small by construction.
    ///
    /// # Errors
    /// Where DataFusion fails.
    pub fn collect(&self, query: &str) -> Result<Vec<RecordBatch>> {
        let batches = self
            .runtime
            .block_on(async { self.context.sql(query).await?.collect().await })?;
        Ok(batches)
    }

    /// Runs a person's query and hands each batch to `consume`, as it comes. Queries only: no statement that changes
    /// or writes anything. `consume` is called with an empty batch first, for the columns.
    ///
    /// # Errors
    /// Where the query is refused or fails, or `consume` does.
    pub fn query(
        &self,
        query: &str,
        mut consume: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        self.runtime.block_on(async {
            let frame = self.context.sql_with_options(query, options).await?;
            let mut stream: SendableRecordBatchStream = frame.execute_stream().await?;
            consume(&RecordBatch::new_empty(stream.schema()))?;
            while let Some(batch) = stream.next().await {
                consume(&batch?)?;
            }
            Ok(())
        })
    }
}

/// DataFusion's errors in plain words, about the query.
pub fn explain(error: &DataFusionError) -> Failure {
    let root = error.find_root();
    let text = root.strip_backtrace();
    let mut reason = text.as_str();
    for prefix in [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "Arrow error: ",
        "Parquet error: ",
        "This feature is not implemented: ",
        "Optimizer rule ",
    ] {
        reason = reason.strip_prefix(prefix).unwrap_or(reason);
    }
    let reason = reason
        .strip_prefix("ParserError(\"")
        .and_then(|rest| rest.strip_suffix("\")"))
        .unwrap_or(reason);
    // Our own functions' words, out of DataFusion's frame around them.
    let reason = reason
        .split_once("coercion failed with: Error during planning: ")
        .and_then(|(_, rest)| rest.split_once(". No function matches"))
        .map_or(reason, |(own, _)| own);
    let reason = reason.replace(&format!("{CATALOG}.{SCHEMA}."), "");
    let (reason, advice) = match reason.split_once(". Did you mean ") {
        Some((reason, known)) => {
            let similar = known.split_once('?').map_or(known, |(similar, _)| similar);
            (reason, Some(format!("did you mean {similar}?")))
        }
        None => match reason.split_once(". Valid fields are ") {
            Some((reason, known)) => (reason, Some(format!("the columns are {known}"))),
            None => (reason.as_str(), None),
        },
    };
    let failure = Failure::new("query", lower_start(reason.trim_end_matches('.')));
    match root {
        DataFusionError::Plan(text) if text.contains("not supported: ") => {
            failure.hint("a recording is read-only: SELECT, SHOW TABLES, DESCRIBE and EXPLAIN are what it answers")
        }
        DataFusionError::Plan(text) if text.contains("table '") => {
            failure.hint("SHOW TABLES lists the tables and views")
        }
        DataFusionError::ResourcesExhausted(_) => {
            failure.hint("narrow the time range or group by fewer values")
        }
        DataFusionError::SQL(..) => {
            failure.hint("see https://datafusion.apache.org/user-guide/sql for the dialect")
        }
        _ => match advice {
            Some(advice) => failure.hint(advice.trim_end_matches('.')),
            None => failure,
        },
    }
}
