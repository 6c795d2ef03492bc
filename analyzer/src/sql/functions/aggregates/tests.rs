//! Aggregates in queries, compared with sorted values.

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
    crate::sql::functions::register(&context, std::iter::empty());
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
