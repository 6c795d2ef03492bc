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
            "As quantile, where each row stands for so many values as its weight, a whole number. A \
             row with a weight that is null or 0 does not count; a negative one is refused.",
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
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use datafusion::datasource::MemTable;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;
    use soakbox_schemas::histogram::MAX_RELATIVE_ERROR;

    use super::*;

    type Row = (i64, Option<i64>, Option<bool>);

    /// Rows in several partitions and small batches, so that partial states are merged, emitted
    /// early and converted.
    fn run(rows: &[Row], partitions: usize, skip_partial: bool, query: &str) -> RecordBatch {
        let fields = vec![
            Field::new("part", DataType::Int64, false),
            Field::new("value", DataType::Int64, true),
            Field::new("wanted", DataType::Boolean, true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let mut tables = vec![Vec::new(); partitions];
        for (index, chunk) in rows.chunks(7).enumerate() {
            let part: Int64Array = chunk.iter().map(|row| Some(row.0)).collect();
            let value: Int64Array = chunk.iter().map(|row| row.1).collect();
            let wanted: arrow::array::BooleanArray = chunk.iter().map(|row| row.2).collect();
            let columns: Vec<arrow::array::ArrayRef> =
                vec![Arc::new(part), Arc::new(value), Arc::new(wanted)];
            tables[index % partitions].push(RecordBatch::try_new(schema.clone(), columns).unwrap());
        }
        let mut config = SessionConfig::new()
            .with_target_partitions(partitions)
            .with_batch_size(5);
        if skip_partial {
            let options = &mut config.options_mut().execution;
            options.skip_partial_aggregation_probe_rows_threshold = 0;
            options.skip_partial_aggregation_probe_ratio_threshold = 0.0;
        }
        let context = SessionContext::new_with_config(config);
        super::super::register(&context, std::iter::empty());
        let table = MemTable::try_new(schema, tables).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let batches = runtime
            .block_on(async { context.sql(query).await.unwrap().collect().await })
            .unwrap();
        arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
    }

    fn exact(values: &mut [i64], percent: usize) -> Option<i64> {
        values.sort_unstable();
        let rank = (percent * values.len()).div_ceil(100).max(1);
        values.get(rank - 1).copied()
    }

    fn close(read: Option<i64>, exact: Option<i64>) -> bool {
        match (read, exact) {
            (Some(read), Some(exact)) => {
                let error = exact.unsigned_abs() as f64 * MAX_RELATIVE_ERROR;
                read.abs_diff(exact) as f64 <= error
            }
            (read, exact) => read == exact,
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let value = prop_oneof![
            1 => Just(None),
            8 => (0i64..10_000_000_000).prop_map(Some),
            1 => (-1_000_000i64..0).prop_map(Some),
        ];
        let row = (0i64..9, value, any::<Option<bool>>());
        proptest::collection::vec(row, 1..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn groups_nulls_and_filters_agree_with_sorted_values(
            rows in rows(), partitions in 1usize..4, skip_partial: bool, ordered: bool, percent in 0usize..=100
        ) {
            let level = percent as f64 / 100.0;
            // Grouping a sorted input emits groups early (EmitTo::First).
            let input = if ordered { "(SELECT * FROM t ORDER BY part)" } else { "t" };
            let query = format!(
                "SELECT part, quantile(value, {level}) AS q, quantiles(value, 0.5, {level}) AS qs, \
                 quantile(value, {level}) FILTER (WHERE wanted) AS f FROM {input} GROUP BY part ORDER BY part"
            );
            let result = run(&rows, partitions, skip_partial, &query);
            let mut groups: BTreeMap<i64, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
            for (part, value, wanted) in &rows {
                let (all, filtered) = groups.entry(*part).or_default();
                all.extend(value);
                if *wanted == Some(true) {
                    filtered.extend(value);
                }
            }
            prop_assert_eq!(result.num_rows(), groups.len());
            let value = |column: usize, row: usize| {
                let column = result.column(column).as_primitive::<Int64Type>();
                arrow::array::Array::is_valid(column, row).then(|| column.value(row))
            };
            for (row, (part, (mut all, mut filtered))) in groups.into_iter().enumerate() {
                prop_assert_eq!(value(0, row), Some(part));
                prop_assert!(close(value(1, row), exact(&mut all, percent)));
                prop_assert!(close(value(3, row), exact(&mut filtered, percent)));
                let list = result.column(2).as_list::<i32>();
                if all.is_empty() {
                    prop_assert!(arrow::array::Array::is_null(list, row));
                } else {
                    let list = list.value(row);
                    let list = list.as_primitive::<Int64Type>();
                    prop_assert!(close(Some(list.value(0)), exact(&mut all, 50)));
                    prop_assert_eq!(Some(list.value(1)), value(1, row));
                }
            }
        }
    }

    /// What the rows of a frame give, exactly.
    fn frame(rows: &[Row], ends_at: usize, preceding: usize) -> Vec<i64> {
        let first = ends_at.saturating_sub(preceding);
        rows[first..=ends_at]
            .iter()
            .filter_map(|row| row.1)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Sketches of parts, merged in a group, in a frame and by rows, are the sketch of all.
        #[test]
        fn sketches_and_weights_agree_with_sorted_values(
            rows in rows(), partitions in 1usize..4, skip_partial: bool, percent in 0usize..=100
        ) {
            let level = percent as f64 / 100.0;
            let query = format!(
                "SELECT part, quantile(s, {level}), sketch_quantile(merge(s), {level}), \
                 coalesce(sketch_count(merge(s)), 0), quantile(w, {level}), merge(s) = any_value(one) \
                 FROM (SELECT part, value % 3, sketch(value) AS s, sketch(value, value % 3) AS w \
                       FROM t GROUP BY part, value % 3) AS parts \
                 JOIN (SELECT part AS p, sketch(value) AS one FROM t GROUP BY part) AS whole ON p = part \
                 GROUP BY part ORDER BY part"
            );
            let query = query.replace("any_value", "first_value");
            let result = run(&rows.iter().map(|row| (row.0, row.1.map(|v| v.abs()), row.2)).collect::<Vec<Row>>(), partitions, skip_partial, &query);
            let mut groups: BTreeMap<i64, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
            for (part, value, _) in &rows {
                let (all, weighted) = groups.entry(*part).or_default();
                if let Some(value) = value.map(|value| value.abs()) {
                    all.push(value);
                    weighted.extend(std::iter::repeat_n(value, (value % 3) as usize));
                }
            }
            prop_assert_eq!(result.num_rows(), groups.len());
            let value = |column: usize, row: usize| {
                let column = result.column(column).as_primitive::<Int64Type>();
                arrow::array::Array::is_valid(column, row).then(|| column.value(row))
            };
            for (row, (_, (mut all, mut weighted))) in groups.into_iter().enumerate() {
                prop_assert_eq!(value(3, row), Some(all.len() as i64));
                prop_assert!(close(value(1, row), exact(&mut all, percent)));
                prop_assert_eq!(value(2, row), value(1, row));
                prop_assert!(close(value(4, row), exact(&mut weighted, percent)));
                let same = result.column(5).as_boolean();
                prop_assert!(all.is_empty() || same.value(row), "one encoding");
            }
        }

        #[test]
        fn frames_that_grow_and_slide_agree_with_sorted_values(
            rows in rows(), partitions in 1usize..4, preceding in 0usize..40, percent in 0usize..=100
        ) {
            let level = percent as f64 / 100.0;
            let rows: Vec<Row> = rows.iter().enumerate().map(|(index, row)| (index as i64, row.1, row.2)).collect();
            let sliding = format!("OVER (ORDER BY part ROWS BETWEEN {preceding} PRECEDING AND CURRENT ROW)");
            let query = format!(
                "SELECT part, quantile(value, {level}) {sliding}, \
                 quantile(value, {level}) OVER (ORDER BY part), \
                 quantile(s, {level}) {sliding}, sketch_quantile(sketch(value) {sliding}, {level}), \
                 weighted_quantile(value, 2, {level}) {sliding}, quantiles(value, 0, {level}) {sliding} \
                 FROM (SELECT part, max(value) AS value, sketch(value) AS s FROM t GROUP BY part) AS one \
                 ORDER BY part"
            );
            let result = run(&rows, partitions, false, &query);
            prop_assert_eq!(result.num_rows(), rows.len());
            let value = |column: usize, row: usize| {
                let column = result.column(column).as_primitive::<Int64Type>();
                arrow::array::Array::is_valid(column, row).then(|| column.value(row))
            };
            for row in 0..rows.len() {
                let mut slid = frame(&rows, row, preceding);
                let expected = exact(&mut slid, percent);
                prop_assert!(close(value(1, row), expected));
                prop_assert!(close(value(2, row), exact(&mut frame(&rows, row, row), percent)));
                let mut twice = [&slid[..], &slid[..]].concat();
                prop_assert!(close(value(5, row), exact(&mut twice, percent)));
                for column in 3..=4 {
                    prop_assert_eq!(value(column, row), value(1, row), "column {}", column);
                }
                let list = result.column(6).as_list::<i32>();
                prop_assert_eq!(arrow::array::Array::is_null(list, row), slid.is_empty());
                if !slid.is_empty() {
                    let list = list.value(row);
                    let list = list.as_primitive::<Int64Type>();
                    prop_assert_eq!(Some(list.value(0)), slid.first().copied(), "the first rank is exact");
                    prop_assert_eq!(Some(list.value(1)), value(1, row));
                }
            }
        }
    }

    #[test]
    fn a_table_without_groups_and_one_without_values() {
        let rows: Vec<Row> = (1..=50)
            .map(|value| (0, Some(value), Some(value > 50)))
            .collect();
        let query = "SELECT quantile(value, 0.5), quantile(value, 0.5) FILTER (WHERE wanted), \
                     quantile(value, 1) FROM t";
        let result = run(&rows, 3, false, query);
        let column = |index: usize| result.column(index).as_primitive::<Int64Type>();
        assert_eq!(column(0).value(0), 25);
        assert!(arrow::array::Array::is_null(column(1), 0));
        assert_eq!(column(2).value(0), 50);
    }
}
