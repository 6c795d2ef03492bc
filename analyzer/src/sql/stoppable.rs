//! Makes long queries stoppable: a join may give rows for hours from one batch of its input, and would
//! never ask the runtime whether its task was stopped.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Lets the output of each operator that multiplies rows yield to the runtime.
#[derive(Debug)]
pub(super) struct YieldAfterJoins;

/// Operators whose output may be much larger than their input.
fn multiplies(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.name().ends_with("JoinExec") || plan.name() == "UnnestExec"
}

impl PhysicalOptimizerRule for YieldAfterJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match multiplies(&plan) {
            true => Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _)),
            false => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "yield_after_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
