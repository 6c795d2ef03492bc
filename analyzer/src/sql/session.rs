//! The session: DataFusion on one recording, read-only and with bounded memory. Only queries run,
//! and SQL cannot read anything outside the recording.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use soakbox_cli::{Failure, Result};

use super::catalog::{CATALOG, SCHEMA};
use super::depth;
use super::describe::Notes;
use super::explain::{query_failure, unfinished};
use super::progress::Running;
use super::scope::Scope;
use super::stoppable::YieldAfterJoins;
use super::top_rows::has_top_rows;
use super::user_file::UserFile;
use super::word_groups::GroupByCodes;
use super::{functions, schemas};
use crate::coverage::KnownRuns;
use crate::recording::Recording;

/// Memory that sorting and grouping may use before they spill to temporary files, if nothing else is
/// asked for.
pub const MEMORY_BYTES: usize = 2 << 30;

/// The memory that a thread needs to sort with temporary files.
const THREAD_BYTES: usize = 32 << 20;

/// Batches that a query computes before the earlier ones are shown.
const BATCHES_AHEAD: usize = 2;
/// Time between two questions whether a query is stopped.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// Advice for a statement that is not a query.
const READ_ONLY: &str =
    "a recording is read-only: it answers SELECT, SHOW TABLES, DESCRIBE and EXPLAIN";

/// A recording that answers queries.
pub struct Session {
    context: SessionContext,
    notes: Notes,
    /// The schema of names without one.
    default_schema: String,
    runtime: tokio::runtime::Runtime,
}

/// A recording whose tables a session has.
pub struct SessionRecording<'a> {
    /// The name of its schema.
    pub name: &'a str,
    /// Its files.
    pub recording: &'a Recording,
    /// Its runs; `None` where they are still to be read, if a query needs them.
    pub runs: Option<KnownRuns>,
}

impl Session {
    /// Registers the recording's tables, views and our functions.
    ///
    /// # Errors
    /// Where threads cannot be started or DataFusion refuses a table.
    pub fn new(recording: &Recording) -> Result<Self> {
        let only = SessionRecording {
            name: SCHEMA,
            recording,
            runs: None,
        };
        Self::of(vec![only], &Scope::default(), MEMORY_BYTES)
    }

    /// Registers the tables and views of several recordings, each in the schema of its name, and our
    /// functions. Sorting and grouping use at most `memory_bytes` before they spill.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn of(
        recordings: Vec<SessionRecording<'_>>,
        scope: &Scope,
        memory_bytes: usize,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(depth::STACK_BYTES)
            .build()
            .map_err(|error| Failure::new("query engine", error))?;
        let failed = |error: DataFusionError| query_failure(&error);
        // The only recording needs no name in a query.
        let default = match recordings.as_slice() {
            [only] => only.name,
            _ => SCHEMA,
        };
        let context = context(memory_bytes, default).map_err(failed)?;
        functions::register(&context, recordings.iter().map(|one| one.recording));
        let session = Self {
            context,
            notes: Notes::of(recordings.iter().map(|one| one.recording)),
            default_schema: default.to_owned(),
            runtime,
        };
        for one in recordings {
            schemas::register(&session.context, one, scope).map_err(failed)?;
        }
        Ok(session)
    }

    /// Adds a file as a table, whose name needs no schema.
    ///
    /// # Errors
    /// Where a table or a view has that name.
    pub fn add_file(&self, name: &str, file: UserFile) -> Result<()> {
        let added = schemas::add_table(&self.context, &self.default_schema, name, file);
        match added.map_err(|error| query_failure(&error))? {
            true => Ok(()),
            false => Err(Failure::new(
                format_args!("--table {name}"),
                "a table or a view of the recording has that name",
            )
            .hint("SHOW TABLES lists them")),
        }
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

    /// The texts of a query of one column, without nulls.
    ///
    /// # Errors
    /// Where DataFusion fails.
    pub fn texts(&self, query: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for batch in self.collect(query)? {
            let column = cast(batch.column(0), &DataType::Utf8)
                .map_err(|error| query_failure(&error.into()))?;
            let column = column.as_string::<i32>();
            texts.extend(column.iter().flatten().map(str::to_owned));
        }
        Ok(texts)
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
        depth::check(query)?;
        let failed = |error: DataFusionError| query_failure(&error);
        let (context, text) = (self.context.clone(), query.to_owned());
        // On a thread of the runtime, whose stack is large.
        let planned = self.runtime.spawn(async move {
            let plan = context.state().create_logical_plan(&text).await;
            let plan = plan.map_err(failed)?;
            options
                .verify_plan(&plan)
                .map_err(|_| Failure::new("query", "would change something").hint(READ_ONLY))?;
            let mut state = context.state();
            let parquet = &mut state.config_mut().options_mut().execution.parquet;
            parquet.pushdown_filters = has_top_rows(&plan).map_err(failed)?;
            Ok(DataFrame::new(state, plan))
        });
        let frame = self.runtime.block_on(planned).map_err(unfinished)??;
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

fn context(
    memory_bytes: usize,
    default_schema: &str,
) -> std::result::Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    let options = config.options_mut();
    options.catalog.default_catalog = CATALOG.to_owned();
    options.catalog.default_schema = default_schema.to_owned();
    options.sql_parser.enable_ident_normalization = true;
    options.execution.time_zone = Some("UTC".to_owned());
    let threads = options.execution.target_partitions;
    options.execution.target_partitions = threads.min(memory_bytes / THREAD_BYTES).max(1);
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
        .build_arc()?;
    let mut rules = PhysicalOptimizer::new().rules;
    // Before data are distributed by the columns that they are grouped by.
    let distribution = rules
        .iter()
        .position(|rule| rule.name() == "EnsureRequirements");
    rules.insert(distribution.unwrap_or(0), Arc::new(GroupByCodes));
    rules.push(Arc::new(YieldAfterJoins));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .build();
    Ok(SessionContext::new_with_state(state))
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
    /// As [`Query::run_while`].
    pub fn run(self, mut consume: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let all = |batch: &RecordBatch| consume(batch).map(|()| true);
        self.run_while(|_| true, all).map(|_| ())
    }

    /// As [`Query::run`], until `goes_on`, which is asked at least ten times a second, or `consume`
    /// gives false. Whether the query ran to its end.
    ///
    /// # Errors
    /// Where the query fails, or `consume` does.
    pub fn run_while(
        self,
        mut goes_on: impl FnMut(&Running<'_>) -> bool,
        mut consume: impl FnMut(&RecordBatch) -> Result<bool>,
    ) -> Result<bool> {
        if let Some(rows) = self.description {
            return Ok(consume(&RecordBatch::new_empty(rows.schema()))? && consume(&rows)?);
        }
        let runtime = &self.session.runtime;
        let task_context = Arc::new(self.frame.task_ctx());
        // On a thread of the runtime, whose stack is large.
        let frame = self.frame;
        let planned = runtime.spawn(async move { frame.create_physical_plan().await });
        let plan = runtime.block_on(planned);
        let plan = plan.map_err(unfinished)?;
        let plan = plan.map_err(|error| query_failure(&error))?;
        let (sender, receiver) = mpsc::sync_channel(BATCHES_AHEAD);
        // On threads of its own, and no timer of theirs: a stage of the query that works for long does
        // not delay the stop.
        let mut task = runtime.spawn(batches(plan.clone(), task_context, sender));
        let done = loop {
            let received = receiver.recv_timeout(BETWEEN_QUESTIONS);
            if !goes_on(&Running(&plan)) {
                break Ok(false);
            }
            let batch = match received {
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = runtime.block_on(&mut task).map(|()| true);
                    break ended.map_err(unfinished);
                }
                Ok(batch) => batch.map_err(|error| query_failure(&error)),
            };
            match batch.and_then(|batch| consume(&batch)) {
                Ok(true) => {}
                done => break done,
            }
        };
        task.abort();
        done
    }
}

/// Runs a plan and sends its batches while they are read, an empty one first.
async fn batches(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    sender: SyncSender<std::result::Result<RecordBatch, DataFusionError>>,
) {
    let mut stream = match execute_stream(plan, context) {
        Ok(stream) => stream,
        Err(error) => {
            let _ = sender.send(Err(error));
            return;
        }
    };
    let columns = RecordBatch::new_empty(stream.schema());
    let mut is_read = sender.send(Ok(columns)).is_ok();
    while is_read && let Some(batch) = stream.next().await {
        is_read = sender.send(batch).is_ok();
    }
}
