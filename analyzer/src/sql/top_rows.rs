//! Finds queries for the first rows of an order, such as the ten slowest operations. For these the
//! scan tests rows against the worst of the rows so far before it reads their other columns, which is
//! slower for any other query.

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;

/// Whether a query asks for the first rows of a table in an order, alone or as a part of it.
pub(super) fn has_top_rows(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        let LogicalPlan::Limit(limit) = node else {
            return Ok(false);
        };
        Ok(match through_columns(&limit.input) {
            LogicalPlan::Sort(sort) => {
                matches!(through_rows(&sort.input), LogicalPlan::TableScan(_))
            }
            _ => false,
        })
    })
}

/// What is below the nodes that choose columns.
fn through_columns(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(projection) => through_columns(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => through_columns(&alias.input),
        plan => plan,
    }
}

/// What is below the nodes that choose rows or columns.
fn through_rows(plan: &LogicalPlan) -> &LogicalPlan {
    match through_columns(plan) {
        LogicalPlan::Filter(filter) => through_rows(&filter.input),
        plan => plan,
    }
}
