//! The functions as SQL sees them: names, arguments, types. `quantile(column, p)` gives one value,
//! `quantiles(column, p, …)` a list of them from one pass and one histogram.

use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_plan::PhysicalExpr;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::accumulator::{Grouped, Levels, Single};
use super::histogram::Histogram;

/// `quantile(column, p)`: one quantile of an integer column, an integer.
pub fn quantile() -> AggregateUDF {
    AggregateUDF::new_from_impl(Quantile::new("quantile", false))
}

/// `quantiles(column, p, …)`: several quantiles of an integer column, a list in the order of the levels.
pub fn quantiles() -> AggregateUDF {
    AggregateUDF::new_from_impl(Quantile::new("quantiles", true))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile {
    name: &'static str,
    many: bool,
    signature: Signature,
}

impl Quantile {
    fn new(name: &'static str, many: bool) -> Self {
        Self {
            name,
            many,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    fn levels(&self, args: &AccumulatorArgs) -> Result<Levels> {
        if args.is_distinct {
            return plan_err!("{}: DISTINCT is not supported", self.name);
        }
        let levels = args.exprs[1..].iter().map(|level| self.level(level));
        let levels = levels.collect::<Result<Vec<f64>>>()?;
        Ok(match levels[..] {
            [level] if !self.many => Levels::One(level),
            _ => Levels::Many(levels),
        })
    }

    fn level(&self, level: &Arc<dyn PhysicalExpr>) -> Result<f64> {
        let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
        match level.evaluate(&nothing) {
            Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(level))))
                if (0.0..=1.0).contains(&level) =>
            {
                Ok(level)
            }
            _ => plan_err!("{}: a level must be a number from 0 to 1", self.name),
        }
    }
}

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let usage = if self.many {
            "column, p, …"
        } else {
            "column, p"
        };
        let arguments = arg_types.len();
        if arguments < 2 || (arguments > 2 && !self.many) {
            return plan_err!("{}: its arguments are ({usage})", self.name);
        }
        if !arg_types[0].is_integer() && !arg_types[0].is_null() {
            return plan_err!(
                "{}: the column must be of integers, not {}; cast it (CAST(… AS BIGINT))",
                self.name,
                arg_types[0]
            );
        }
        if let Some(other) = arg_types[1..].iter().find(|level| !level.is_numeric()) {
            return plan_err!(
                "{}: a level must be a number from 0 to 1, not {other}",
                self.name
            );
        }
        let mut types = vec![DataType::Float64; arguments];
        types[0] = DataType::Int64;
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(if self.many {
            DataType::List(Levels::item())
        } else {
            DataType::Int64
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "histogram");
        Ok(vec![Arc::new(Field::new(
            name,
            DataType::LargeBinary,
            true,
        ))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Single {
            histogram: Histogram::default(),
            levels: self.levels(&args)?,
        }))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped::new(self.levels(&args)?)))
    }
}
