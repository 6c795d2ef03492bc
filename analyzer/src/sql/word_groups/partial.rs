//! The first step of an aggregation by one column of words: each code is the place of its group.

use std::fmt::{Formatter, Result as FmtResult};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
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

use super::sums::{Sums, sums};
use super::words::Words;

/// The states of all groups are passed on when they need more memory than this: the last step puts
/// those of one group together.
const MOST_BYTES: usize = 32 << 20;

/// The operator.
#[derive(Clone, Debug)]
pub(super) struct PartialByWord {
    pub(super) words: Arc<Words>,
    pub(super) column: Arc<dyn PhysicalExpr>,
    pub(super) aggregates: Vec<Arc<AggregateFunctionExpr>>,
    pub(super) filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    pub(super) input: Arc<dyn ExecutionPlan>,
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
        Ok(Groups {
            plan: self.clone(),
            codes: Vec::new(),
            places: Vec::new(),
            null: None,
            sums: sums.collect::<Result<_>>()?,
            rows: Vec::new(),
        })
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
        let states = stream::try_unfold(
            (input, groups, false),
            |(mut input, mut groups, ended)| async move {
                if ended {
                    return Ok(None);
                }
                while let Some(batch) = input.try_next().await? {
                    groups.add(&batch)?;
                    if groups.size() > MOST_BYTES {
                        return Ok(Some((groups.take()?, (input, groups, false))));
                    }
                }
                Ok(Some((groups.take()?, (input, groups, true))))
            },
        );
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            states.boxed(),
        )))
    }
}

/// The groups of one partition.
struct Groups {
    plan: PartialByWord,
    /// The code of each group; `None` for the group of missing words.
    codes: Vec<Option<u32>>,
    /// The group of each code, if it has one.
    places: Vec<Option<usize>>,
    /// The group of missing words.
    null: Option<usize>,
    sums: Vec<Box<dyn Sums>>,
    /// The group of each row of a batch.
    rows: Vec<usize>,
}

impl Groups {
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let column = self.plan.column.evaluate(batch)?;
        let column = column.into_array(batch.num_rows())?;
        self.rows.clear();
        let codes = self.plan.words.encode(&column)?;
        let mut rows = std::mem::take(&mut self.rows);
        match codes.nulls() {
            None => rows.extend(codes.values().iter().map(|&code| self.group(code))),
            Some(_) => {
                let groups = codes.iter().map(|code| match code {
                    Some(code) => self.group(code),
                    None => self.null_group(),
                });
                rows.extend(groups);
            }
        }
        for sums in &mut self.sums {
            sums.add(batch, &rows, self.codes.len())?;
        }
        self.rows = rows;
        Ok(())
    }

    #[inline]
    fn group(&mut self, code: u32) -> usize {
        let place = code as usize;
        match self.places.get(place) {
            Some(&Some(group)) => group,
            _ => self.new_group(code),
        }
    }

    #[cold]
    fn new_group(&mut self, code: u32) -> usize {
        let (place, group) = (code as usize, self.codes.len());
        if self.places.len() <= place {
            self.places.resize(place + 1, None);
        }
        self.places[place] = Some(group);
        self.codes.push(Some(code));
        group
    }

    fn null_group(&mut self) -> usize {
        if let Some(group) = self.null {
            return group;
        }
        self.null = Some(self.codes.len());
        self.codes.push(None);
        self.codes.len() - 1
    }

    fn size(&self) -> usize {
        let of_codes = self.codes.capacity() * size_of::<Option<u32>>();
        of_codes + self.sums.iter().map(|sums| sums.size()).sum::<usize>()
    }

    /// The states of all groups; there are none afterwards.
    fn take(&mut self) -> Result<RecordBatch> {
        let codes = UInt32Array::from(std::mem::take(&mut self.codes));
        self.places.clear();
        self.null = None;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(codes)];
        for sums in &mut self.sums {
            columns.extend(sums.take()?);
        }
        Ok(RecordBatch::try_new(self.plan.schema(), columns)?)
    }
}
