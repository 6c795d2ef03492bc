//! The first step of an aggregation by one column of words: each code is the place of its group.

use std::fmt::{Formatter, Result as FmtResult};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::groups::Groups;
use super::sums::sums;
use super::words::Words;

/// The states of all groups are passed on when they need more memory than this: the last step puts
/// those of one group together.
const MOST_BYTES: usize = 32 << 20;

/// The operator.
#[derive(Clone, Debug)]
pub(super) struct PartialByWord {
    words: Arc<Words>,
    column: Arc<dyn PhysicalExpr>,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl PartialByWord {
    /// `schema` is that of its output: the codes, and the states of the aggregates.
    pub(super) fn new(
        (words, column): (Arc<Words>, Arc<dyn PhysicalExpr>),
        aggregates: &[Arc<AggregateFunctionExpr>],
        filters: &[Option<Arc<dyn PhysicalExpr>>],
        input: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(
                input.properties().output_partitioning().partition_count(),
            ),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            words,
            column,
            aggregates: aggregates.to_vec(),
            filters: filters.to_vec(),
            input,
            schema,
            properties: Arc::new(properties),
        }
    }

    fn groups(&self) -> Result<Groups> {
        let input = self.input.schema();
        let aggregates = self.aggregates.iter().zip(&self.filters);
        let sums = aggregates.map(|(aggregate, filter)| sums(aggregate, filter.as_ref(), &input));
        Ok(Groups::new(
            self.words.clone(),
            sums.collect::<Result<_>>()?,
        ))
    }
}

impl DisplayAs for PartialByWord {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> FmtResult {
        let names = self.aggregates.iter().map(|aggregate| aggregate.name());
        let names: Vec<&str> = names.collect();
        write!(
            f,
            "PartialByWord: gby=[{}], aggr=[{}]",
            self.column,
            names.join(", ")
        )
    }
}

impl ExecutionPlan for PartialByWord {
    fn name(&self) -> &str {
        "PartialByWord"
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.column)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("PartialByWord has one input");
        };
        Ok(Arc::new(Self::new(
            (self.words.clone(), self.column.clone()),
            &self.aggregates,
            &self.filters,
            input,
            self.schema.clone(),
        )))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let groups = self.groups()?;
        let (column, schema) = (self.column.clone(), self.schema());
        let states = stream::try_unfold(
            (input, groups, false),
            move |(mut input, mut groups, ended)| {
                let (column, schema) = (column.clone(), schema.clone());
                async move {
                    if ended {
                        return Ok(None);
                    }
                    while let Some(batch) = input.try_next().await? {
                        let words = column.evaluate(&batch)?.into_array(batch.num_rows())?;
                        groups.add(&words, &batch)?;
                        if groups.size() > MOST_BYTES {
                            return Ok(Some((groups.take(schema)?, (input, groups, false))));
                        }
                    }
                    Ok(Some((groups.take(schema)?, (input, groups, true))))
                }
            },
        );
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            states.boxed(),
        )))
    }
}
