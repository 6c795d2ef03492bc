//! The rule by which rows are grouped by the codes of words: DataFusion would copy and hash the text
//! of each row.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::codes::{CodeOf, WordOf};
use super::partial::PartialByWord;
use super::words::{Words, has_words};

/// Groups by codes wherever the columns of a `GROUP BY` have words.
#[derive(Debug)]
pub(in crate::sql) struct GroupByCodes;

impl PhysicalOptimizerRule for GroupByCodes {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match rewritten(&plan)? {
            Some(rewritten) => Ok(Transformed::yes(rewritten)),
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "group_by_codes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The two steps of an aggregation.
struct Steps<'a> {
    first: &'a AggregateExec,
    last: &'a AggregateExec,
}

fn steps(plan: &Arc<dyn ExecutionPlan>) -> Option<Steps<'_>> {
    let last = plan.downcast_ref::<AggregateExec>()?;
    let first = match last.mode() {
        // With one thread there is one step, which is split.
        AggregateMode::Single => last,
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let first = last.input().downcast_ref::<AggregateExec>()?;
            (*first.mode() == AggregateMode::Partial).then_some(first)?
        }
        _ => return None,
    };
    let is_plain = first.group_expr().is_single() && last.limit_options().is_none();
    is_plain.then_some(Steps { first, last })
}

/// The plan of an aggregation with codes between its steps; `None` for another plan, and for one
/// that does not group by words.
fn rewritten(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(Steps { first, last }) = steps(plan) else {
        return Ok(None);
    };
    let input = first.input();
    let mut words: Vec<Option<Arc<Words>>> = Vec::new();
    let mut coded = Vec::new();
    for (column, name) in first.group_expr().expr() {
        let known = has_words(&column.data_type(&input.schema())?);
        let known = known.then(|| Arc::new(Words::default()));
        coded.push((expression(column, known.as_ref()), name.clone()));
        words.push(known);
    }
    if words.iter().all(Option::is_none) {
        return Ok(None);
    }
    let groups = PhysicalGroupBy::new_single(coded);
    let of_last = groups.as_final();
    let by_codes = AggregateExec::try_new(
        AggregateMode::Partial,
        groups,
        first.aggr_expr().to_vec(),
        first.filter_expr().to_vec(),
        input.clone(),
        first.input_schema(),
    )?;
    let by_codes: Arc<dyn ExecutionPlan> = match (&words[..], first.group_expr().expr()) {
        ([Some(words)], [(column, _)]) if has_plain_states(first) => Arc::new(PartialByWord::new(
            (words.clone(), column.clone()),
            first.aggr_expr(),
            first.filter_expr(),
            input.clone(),
            by_codes.schema(),
        )),
        _ => Arc::new(by_codes),
    };
    let mode = match last.mode() {
        AggregateMode::Single => AggregateMode::Final,
        mode => *mode,
    };
    let last = AggregateExec::try_new(
        mode,
        of_last,
        last.aggr_expr().to_vec(),
        last.filter_expr().to_vec(),
        by_codes,
        last.input_schema(),
    )?;
    let fields = plan.schema();
    let columns = fields.fields().iter().enumerate().map(|(index, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
        let expr = match words.get(index).cloned().flatten() {
            Some(words) => Arc::new(WordOf {
                words,
                codes: column,
                field: field.clone(),
            }),
            None => column,
        };
        let alias = field.name().clone();
        ProjectionExpr { expr, alias }
    });
    let columns: Vec<ProjectionExpr> = columns.collect();
    let projection = ProjectionExec::try_new(columns, Arc::new(last))?;
    Ok(Some(Arc::new(projection)))
}

fn expression(column: &Arc<dyn PhysicalExpr>, words: Option<&Arc<Words>>) -> Arc<dyn PhysicalExpr> {
    match words.cloned() {
        Some(words) => Arc::new(CodeOf {
            words,
            column: column.clone(),
        }),
        None => column.clone(),
    }
}

/// Whether each aggregate keeps one state per group, whatever the order of the rows.
fn has_plain_states(aggregation: &AggregateExec) -> bool {
    let mut aggregates = aggregation.aggr_expr().iter();
    aggregates.all(|aggregate| {
        aggregate.groups_accumulator_supported() && aggregate.order_bys().is_empty()
    })
}
