//! What is kept for each group while rows are read: the state of one aggregate of a `GROUP BY`, as
//! DataFusion's own last step expects it. The common ones are plain loops; all others are
//! DataFusion's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Literal};

use super::lanes::fold;

/// The groups of the rows of a batch.
pub(super) struct Rows<'a> {
    /// The group of each row, if an aggregate asks for them.
    pub(super) groups: &'a [usize],
    /// How many rows groups have. A group may be there several times.
    pub(super) counts: &'a [(usize, i64)],
    /// The number of groups so far; all are below it.
    pub(super) number: usize,
}

/// The state of one aggregate in all groups.
pub(super) trait Sums: Send {
    /// Whether it asks for the group of each row.
    fn needs_groups(&self) -> bool {
        true
    }
    /// Adds the rows of a batch.
    fn add(&mut self, batch: &RecordBatch, rows: &Rows<'_>) -> Result<()>;
    /// The columns of the state of all groups, which are empty afterwards.
    fn take(&mut self) -> Result<Vec<ArrayRef>>;
    /// Bytes in memory.
    fn size(&self) -> usize;
}

/// How an aggregate is computed.
pub(super) fn sums(
    aggregate: &AggregateFunctionExpr,
    filter: Option<&Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> Result<Box<dyn Sums>> {
    let arguments = aggregate.expressions();
    if let ([argument], None, false) = (&arguments[..], filter, aggregate.is_distinct()) {
        let is_number = |of: &Arc<dyn PhysicalExpr>| -> Result<bool> {
            Ok(of.data_type(schema)? == DataType::Int64)
        };
        match aggregate.fun().name() {
            "count" => return Ok(Box::new(Counted::new(argument.clone()))),
            "sum" if is_number(argument)? => return Ok(Folded::boxed(argument, i64::wrapping_add)),
            "min" if is_number(argument)? => return Ok(Folded::boxed(argument, i64::min)),
            "max" if is_number(argument)? => return Ok(Folded::boxed(argument, i64::max)),
            "avg" => {
                if let Some(number) = argument.downcast_ref::<CastExpr>().map(CastExpr::expr)
                    && argument.data_type(schema)? == DataType::Float64
                    && is_number(number)?
                {
                    return Ok(Box::new(Averaged::new(number.clone())));
                }
            }
            _ => {}
        }
    }
    Ok(Box::new(Other {
        accumulator: aggregate.create_groups_accumulator()?,
        arguments,
        filter: filter.cloned(),
    }))
}

fn evaluated(expression: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    expression.evaluate(batch)?.into_array(batch.num_rows())
}

/// `count`: rows, or those that have a value.
struct Counted {
    argument: Arc<dyn PhysicalExpr>,
    /// Whether the argument is a constant, as in `count(*)`.
    counts_all: bool,
    counts: Vec<i64>,
}

impl Counted {
    fn new(argument: Arc<dyn PhysicalExpr>) -> Self {
        let constant = argument.downcast_ref::<Literal>();
        Self {
            counts_all: constant.is_some_and(|constant| !constant.value().is_null()),
            argument,
            counts: Vec::new(),
        }
    }
}

impl Sums for Counted {
    fn needs_groups(&self) -> bool {
        !self.counts_all
    }

    fn add(&mut self, batch: &RecordBatch, rows: &Rows<'_>) -> Result<()> {
        self.counts.resize(rows.number, 0);
        let nulls = match self.counts_all {
            true => None,
            false => evaluated(&self.argument, batch)?.logical_nulls(),
        };
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => {
                let counts = rows.counts.iter();
                counts.for_each(|&(group, count)| self.counts[group] += count);
            }
            Some(nulls) => {
                for (&group, has_value) in rows.groups.iter().zip(&nulls) {
                    self.counts[group] += i64::from(has_value);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<ArrayRef>> {
        let counts = std::mem::take(&mut self.counts);
        Ok(vec![Arc::new(Int64Array::from(counts))])
    }

    fn size(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}

/// `sum`, `min` and `max` of whole numbers.
struct Folded<F> {
    argument: Arc<dyn PhysicalExpr>,
    fold: F,
    /// The value of each group; `None` before its first one.
    values: Vec<Option<i64>>,
}

impl<F: Fn(i64, i64) -> i64 + Send + 'static> Folded<F> {
    fn boxed(argument: &Arc<dyn PhysicalExpr>, fold: F) -> Box<dyn Sums> {
        Box::new(Self {
            argument: argument.clone(),
            fold,
            values: Vec::new(),
        })
    }
}

impl<F: Fn(i64, i64) -> i64 + Send> Sums for Folded<F> {
    fn add(&mut self, batch: &RecordBatch, rows: &Rows<'_>) -> Result<()> {
        self.values.resize(rows.number, None);
        let column = evaluated(&self.argument, batch)?;
        let fold = |known: Option<i64>, value: i64| {
            Some(known.map_or(value, |known| (self.fold)(known, value)))
        };
        for_each(&column, rows, None, fold, |group, value| {
            let known = &mut self.values[group];
            *known = value.map_or(*known, |value| fold(*known, value));
        })
    }

    fn take(&mut self) -> Result<Vec<ArrayRef>> {
        let values = std::mem::take(&mut self.values);
        Ok(vec![Arc::new(Int64Array::from(values))])
    }

    fn size(&self) -> usize {
        self.values.capacity() * size_of::<Option<i64>>()
    }
}

/// `avg` of whole numbers.
struct Averaged {
    argument: Arc<dyn PhysicalExpr>,
    sums: Vec<(u64, f64)>,
}

impl Averaged {
    fn new(argument: Arc<dyn PhysicalExpr>) -> Self {
        Self {
            argument,
            sums: Vec::new(),
        }
    }
}

impl Sums for Averaged {
    fn add(&mut self, batch: &RecordBatch, rows: &Rows<'_>) -> Result<()> {
        self.sums.resize(rows.number, (0, 0.0));
        let column = evaluated(&self.argument, batch)?;
        let add = |(count, sum): (u64, f64), value: i64| (count + 1, sum + value as f64);
        for_each(&column, rows, (0, 0.0), add, |group, (more, added)| {
            let (count, sum) = &mut self.sums[group];
            *count += more;
            *sum += added;
        })
    }

    fn take(&mut self) -> Result<Vec<ArrayRef>> {
        let (counts, sums): (Vec<u64>, Vec<f64>) =
            std::mem::take(&mut self.sums).into_iter().unzip();
        let nulls = NullBuffer::from_iter(counts.iter().map(|count| *count > 0));
        Ok(vec![
            Arc::new(UInt64Array::from(counts)),
            Arc::new(Float64Array::new(sums.into(), Some(nulls))),
        ])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<(u64, f64)>()
    }
}

/// Any other aggregate.
struct Other {
    accumulator: Box<dyn GroupsAccumulator>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Sums for Other {
    fn add(&mut self, batch: &RecordBatch, rows: &Rows<'_>) -> Result<()> {
        let values = self.arguments.iter().map(|one| evaluated(one, batch));
        let values: Vec<ArrayRef> = values.collect::<Result<_>>()?;
        let filter = self.filter.as_ref();
        let filter = filter.map(|one| evaluated(one, batch)).transpose()?;
        let filter = filter.as_ref().map(|rows| rows.as_boolean());
        self.accumulator
            .update_batch(&values, rows.groups, filter, rows.number)
    }

    fn take(&mut self) -> Result<Vec<ArrayRef>> {
        self.accumulator.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.accumulator.size()
    }
}

/// Folds the values of each group, as [`fold`] does; a missing value changes nothing.
fn for_each<S: Copy>(
    column: &ArrayRef,
    rows: &Rows<'_>,
    empty: S,
    add: impl Fn(S, i64) -> S,
    mut merge: impl FnMut(usize, S),
) -> Result<()> {
    let Some(column) = column.as_primitive_opt::<Int64Type>() else {
        return internal_err!("{} is no whole number", column.data_type());
    };
    match column.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => {
            let groups = (rows.groups, rows.number);
            fold(groups, column.values(), empty, add, merge);
        }
        Some(nulls) => {
            let rows = rows.groups.iter().zip(column.values()).zip(nulls);
            let rows = rows.filter(|(_, has_value)| *has_value);
            rows.for_each(|((&group, &value), _)| merge(group, add(empty, value)));
        }
    }
    Ok(())
}
