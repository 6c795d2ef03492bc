//! The aggregates as SQL knows them: names, arguments, types, descriptions.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, Expr,
    GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_plan::PhysicalExpr;

use super::aggregate::{Answer, Call, Grouped, Input, Single, Sliding, list_type};
use super::described::described;

/// All of them.
pub(super) fn all() -> [AggregateUDF; 6] {
    use Kind::{Merge, Quantile, Quantiles, Sketch};
    [
        Aggregate::new(
            ("quantile", Quantile, false),
            "quantile(column, p)",
            "The smallest value that at least a share p (0 to 1) of the values do not exceed, within \
             1/128; the smallest and the largest value are exact. Of a column of sketches: that of all \
             their values. Nulls do not count.",
        ),
        Aggregate::new(
            ("quantiles", Quantiles, false),
            "quantiles(column, p, ...)",
            "Several quantiles at once, as a list in the order of the p: \
             quantiles(duration_ns, 0.5, 0.99)[2].",
        ),
        Aggregate::new(
            ("weighted_quantile", Quantile, true),
            "weighted_quantile(column, weight, p)",
            "As quantile, where the weight, a whole number, is how many values a row stands for. A row \
             with a weight that is null or 0 does not count; a negative one is refused.",
        ),
        Aggregate::new(
            ("weighted_quantiles", Quantiles, true),
            "weighted_quantiles(column, weight, p, ...)",
            "Several weighted quantiles at once, as a list in the order of the p.",
        ),
        Aggregate::new(
            ("sketch", Sketch, false),
            "sketch(column [, weight])",
            "A histogram of the values in few bytes, from which quantile, merge and sketch_quantile \
             read. Null without values.",
        ),
        Aggregate::new(
            ("merge", Merge, false),
            "merge(sketch)",
            "The sketch of all values of several sketches, exactly the one that sketch would give for \
             them. Nulls do not count.",
        ),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Quantile,
    Quantiles,
    Sketch,
    Merge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Aggregate {
    name: &'static str,
    kind: Kind,
    is_weighted: bool,
    signature: Signature,
    documentation: Documentation,
}

impl Aggregate {
    #[expect(clippy::new_ret_no_self, reason = "the caller needs what wraps it")]
    fn new(
        (name, kind, is_weighted): (&'static str, Kind, bool),
        syntax: &str,
        description: &str,
    ) -> AggregateUDF {
        AggregateUDF::new_from_impl(Self {
            name,
            kind,
            is_weighted,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: described(syntax, description),
        })
    }

    /// Arguments before the levels.
    fn levels_from(&self) -> usize {
        match self.kind {
            Kind::Quantile | Kind::Quantiles => 1 + usize::from(self.is_weighted),
            Kind::Sketch | Kind::Merge => usize::MAX,
        }
    }

    /// What arguments of these types are; `None` where the first one has another type.
    fn input(&self, types: &[&DataType]) -> Option<Input> {
        let first = types.first()?;
        let is_number = first.is_integer() || first.is_null();
        let is_weighted = match self.kind {
            Kind::Sketch => types.len() > 1,
            _ => self.is_weighted,
        };
        match (self.kind, is_weighted) {
            (Kind::Merge, _) => (is_sketch(first) || first.is_null()).then_some(Input::Sketches),
            (Kind::Quantile | Kind::Quantiles, false) if is_sketch(first) => Some(Input::Sketches),
            (_, true) => is_number.then_some(Input::Weighted),
            (_, false) => is_number.then_some(Input::Values),
        }
    }

    fn refuse_distinct(&self, is_distinct: bool) -> Result<()> {
        if is_distinct {
            return plan_err!(
                "{}: DISTINCT is not supported; choose the distinct values in a subquery",
                self.name
            );
        }
        Ok(())
    }

    fn call(&self, args: &AccumulatorArgs) -> Result<Call> {
        self.refuse_distinct(args.is_distinct)?;
        let types = args.expr_fields.iter().map(|field| field.data_type());
        let types: Vec<&DataType> = types.collect();
        let Some(input) = self.input(&types) else {
            return plan_err!("{}: arguments of other types", self.name);
        };
        let levels = args.exprs.get(input.columns()..).unwrap_or_default();
        let levels = levels.iter().map(|level| self.level(level));
        let levels = levels.collect::<Result<Vec<f64>>>()?;
        let answer = match (self.kind, &levels[..]) {
            (Kind::Sketch | Kind::Merge, _) => Answer::Sketch,
            (Kind::Quantile, [level]) => Answer::Quantile(*level),
            _ => Answer::Quantiles(levels),
        };
        Ok(Call {
            name: self.name,
            input,
            answer,
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
            _ => self.refuse_level(),
        }
    }

    fn refuse_level<T>(&self) -> Result<T> {
        plan_err!("{}: p must be a constant from 0 to 1", self.name)
    }

    /// Refuses a first argument of another type.
    fn refuse_column(&self, column: &DataType) -> Result<Input> {
        let name = self.name;
        match self.kind {
            Kind::Merge => plan_err!(
                "{name}: the column must have sketches, not {column}; sketch(column) makes them"
            ),
            Kind::Sketch if is_sketch(column) => {
                plan_err!("{name}: the column has sketches already; merge(column) merges them")
            }
            _ => plan_err!(
                "{name}: the column must have an integer type, not {column}; \
                 cast it (CAST(… AS BIGINT))"
            ),
        }
    }
}

/// Whether values of this type may be sketches.
pub(super) fn is_sketch(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary};
    matches!(data_type, Binary | LargeBinary | BinaryView)
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let columns = 1 + usize::from(self.is_weighted);
        let number = match self.kind {
            Kind::Quantile => columns + 1..=columns + 1,
            Kind::Quantiles => columns + 1..=usize::MAX,
            Kind::Sketch => 1..=2,
            Kind::Merge => 1..=1,
        };
        if !number.contains(&arg_types.len()) {
            let syntax = &self.documentation.syntax_example;
            return plan_err!("{}: it is called as {syntax}", self.name);
        }
        let types: Vec<&DataType> = arg_types.iter().collect();
        let input = match self.input(&types) {
            Some(input) => input,
            None => self.refuse_column(&arg_types[0])?,
        };
        let mut types = vec![input.data_type(); input.columns()];
        if input == Input::Weighted && !arg_types[1].is_integer() && !arg_types[1].is_null() {
            return plan_err!(
                "{}: the weight must have an integer type, not {}",
                self.name,
                arg_types[1]
            );
        }
        for level in &arg_types[input.columns()..] {
            if !level.is_numeric() {
                return plan_err!("{}: p must be a number from 0 to 1, not {level}", self.name);
            }
            types.push(DataType::Float64);
        }
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Quantile => DataType::Int64,
            Kind::Quantiles => list_type(),
            Kind::Sketch | Kind::Merge => DataType::LargeBinary,
        })
    }

    /// Changes nothing, but refuses what cannot be computed before the first row is written.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let (levels, this) = (self.levels_from(), self.clone());
        Some(Box::new(
            move |call: AggregateFunction, _: &SimplifyContext| {
                this.refuse_distinct(call.params.distinct)?;
                for level in call.params.args.iter().skip(levels) {
                    match level {
                        Expr::Literal(ScalarValue::Float64(Some(level)), _)
                            if (0.0..=1.0).contains(level) => {}
                        _ => return this.refuse_level(),
                    }
                }
                Ok(Expr::AggregateFunction(call))
            },
        ))
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
        Ok(Box::new(Single::new(self.call(&args)?)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Sliding::new(self.call(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped::new(self.call(&args)?)))
    }
}

#[cfg(test)]
mod tests;
