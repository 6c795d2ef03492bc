//! The functions as SQL knows them: names, arguments, types. `quantile(column, p)` gives one value,
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

use super::accumulator::{Grouped, QuantileLevels, Single};
use super::histogram::Histogram;

/// `quantile(column, p)`: one quantile of an integer column, an integer.
pub fn quantile() -> AggregateUDF {
    AggregateUDF::new_from_impl(Quantile::new("quantile", false))
}

/// `quantiles(column, p, …)`: several quantiles of an integer column, a list in the order of the
/// levels.
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

    fn levels(&self, args: &AccumulatorArgs) -> Result<QuantileLevels> {
        if args.is_distinct {
            return plan_err!("{}: DISTINCT is not supported", self.name);
        }
        let levels = args.exprs[1..].iter().map(|level| self.level(level));
        let levels = levels.collect::<Result<Vec<f64>>>()?;
        Ok(match levels[..] {
            [level] if !self.many => QuantileLevels::One(level),
            _ => QuantileLevels::Many(levels),
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
                "{}: the column must have an integer type, not {}; cast it (CAST(… AS BIGINT))",
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
            DataType::List(QuantileLevels::item())
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
        context.register_udaf(quantile());
        context.register_udaf(quantiles());
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
