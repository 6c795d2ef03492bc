//! What the rows of a segment of `operation_metrics` add up to: one row per operation, with the
//! columns of the table and [those about the sum](SUM_COLUMNS). A reader of a long time reads it in
//! place of hundreds of rows per operation. It is a frame of the journal's codec in front of the
//! segment's footer, which has its [place](Place). Pure; `docs/format.md` has the contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampNanosecondType};
use arrow::error::ArrowError;

use crate::counters::COUNTERS;
use crate::tables::LOSS_CAUSES;
use crate::tables::histogram::SparseHistogram;

/// Fewest rows per operation: fewer are read as fast as their sum.
pub const FEWEST_ROWS: u64 = 16;
/// Most bytes of a roll-up that a reader reads.
pub const MOST_BYTES: u64 = 64 << 20;

/// Number of rows of the operation.
pub const ROWS: &str = "rows";
/// Time of its latest row.
pub const LAST_AT: &str = "last_at";
/// Number of its latest interval; `interval` has that of the earliest one.
pub const LAST_INTERVAL: &str = "last_interval";
/// Sum of `recorded` × [`factor`] of the interval.
pub const RECORDED_CHECK: &str = "recorded_check";
/// Sum of (finished − recorded − filtered − sampled_out − lost) × [`factor`] of the interval.
pub const DIFFERENCE_CHECK: &str = "difference_check";

/// The columns about the sum, in their order.
pub const SUM_COLUMNS: [&str; 5] = [
    ROWS,
    LAST_AT,
    LAST_INTERVAL,
    RECORDED_CHECK,
    DIFFERENCE_CHECK,
];

/// Columns of sums besides the counters and the losses.
const OTHER_SUMS: [&str; 2] = ["lost", "probe_cost_ns"];
const AT: &str = "at";
const INTERVAL: &str = "interval";
const OPERATION: &str = "operation";
const OPERATION_TYPE: &str = "operation_type";
const DURATIONS: &str = "durations_ns";
const OBSERVED: &str = "observed_ns";

/// An odd number that looks random (SplitMix64, Steele et al. 2014): sums of multiples of several
/// are 0 by chance only, so that two intervals do not make up for each other.
pub fn factor(interval: u64) -> u64 {
    let mixed = interval.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) | 1
}

/// Where a segment has its roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

impl Place {
    /// As the value of a footer's key.
    pub fn to_text(self) -> String {
        format!("{}+{}", self.offset, self.bytes)
    }

    /// From that value; `None` where it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let (offset, bytes) = text.split_once('+')?;
        Some(Self {
            offset: offset.parse().ok()?,
            bytes: bytes.parse().ok()?,
        })
    }
}

/// Adds up the rows of a segment.
#[derive(Debug, Default)]
pub struct RollUp {
    /// Where each operation is in `operations`.
    places: BTreeMap<String, usize>,
    operations: Vec<Sums>,
    rows: u64,
    /// Whether a batch had not all columns.
    is_incomplete: bool,
}

#[derive(Debug)]
struct Sums {
    operation_type: i64,
    rows: i64,
    first_at_ns: i64,
    last_at_ns: i64,
    first_interval: i64,
    last_interval: i64,
    recorded_check: u64,
    difference_check: u64,
    /// As [`sum_columns`]; `None` where no row has a value.
    sums: Vec<Option<i64>>,
    durations: Option<SparseHistogram>,
}

/// The names of the columns that are added up.
fn sum_columns() -> Vec<String> {
    let counters = COUNTERS.iter().map(|counter| counter.name.to_owned());
    let losses = LOSS_CAUSES.iter().map(|cause| format!("lost_{cause}"));
    let losses = losses.filter(|name| COUNTERS.iter().all(|counter| counter.name != name));
    let others = OTHER_SUMS.into_iter().map(str::to_owned);
    counters.chain(losses).chain(others).collect()
}

impl RollUp {
    /// Adds rows of `operation_metrics`.
    pub fn add(&mut self, batch: &RecordBatch) {
        if self.add_rows(batch).is_none() {
            self.is_incomplete = true;
        }
    }

    fn add_rows(&mut self, batch: &RecordBatch) -> Option<()> {
        let integers = |name: &str| -> Option<Int64Array> {
            let column = batch.column_by_name(name)?;
            Some(column.as_primitive_opt::<Int64Type>()?.clone())
        };
        let times = batch.column_by_name(AT)?;
        let times = times.as_primitive_opt::<TimestampNanosecondType>()?;
        let names = cast(batch.column_by_name(OPERATION)?, &DataType::Utf8).ok()?;
        let names = names.as_string_opt::<i32>()?;
        let (interval, kind) = (integers(INTERVAL)?, integers(OPERATION_TYPE)?);
        let sums = sum_columns();
        let sums: Option<Vec<Int64Array>> = sums.iter().map(|name| integers(name)).collect();
        let sums = sums?;
        let checked = ["recorded", "finished", "filtered", "sampled_out", "lost"].map(integers);
        let [
            Some(recorded),
            Some(finished),
            Some(filtered),
            Some(sampled_out),
            Some(lost),
        ] = checked
        else {
            return None;
        };
        let durations = batch.column_by_name(DURATIONS)?.as_binary_opt::<i32>()?;
        // Where probes were switched off and on, each interval stands for its own time.
        let observed = batch.column_by_name(OBSERVED)?;
        if observed.null_count() < observed.len() {
            return None;
        }
        let required = [interval.nulls(), kind.nulls(), names.nulls(), times.nulls()];
        if required
            .into_iter()
            .flatten()
            .any(|nulls| nulls.null_count() > 0)
        {
            return None;
        }
        for row in 0..batch.num_rows() {
            let operation = self.operation(names.value(row), sums.len());
            let (at_ns, number) = (times.value(row), interval.value(row));
            operation.rows += 1;
            operation.operation_type = operation.operation_type.min(kind.value(row));
            operation.first_at_ns = operation.first_at_ns.min(at_ns);
            operation.last_at_ns = operation.last_at_ns.max(at_ns);
            operation.first_interval = operation.first_interval.min(number);
            operation.last_interval = operation.last_interval.max(number);
            for (sum, column) in operation.sums.iter_mut().zip(&sums) {
                if column.is_valid(row) {
                    *sum = Some(sum.unwrap_or(0).saturating_add(column.value(row)));
                }
            }
            let others = [&recorded, &filtered, &sampled_out, &lost];
            let others = others.iter().map(|column| i128::from(column.value(row)));
            let difference = i128::from(finished.value(row)) - others.sum::<i128>();
            let difference = i64::try_from(difference).unwrap_or(i64::MAX);
            let factor = factor(number.cast_unsigned());
            for (sum, value) in [
                (&mut operation.recorded_check, recorded.value(row)),
                (&mut operation.difference_check, difference),
            ] {
                *sum = sum.wrapping_add(value.cast_unsigned().wrapping_mul(factor));
            }
            if durations.is_valid(row) {
                let more = SparseHistogram::decode(durations.value(row)).ok()?;
                let all = operation.durations.get_or_insert_default();
                all.merge(&more);
            }
        }
        self.rows += batch.num_rows() as u64;
        Some(())
    }

    fn operation(&mut self, name: &str, sums: usize) -> &mut Sums {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let place = self.operations.len();
                self.places.insert(name.to_owned(), place);
                self.operations.push(Sums::new(sums));
                place
            }
        };
        &mut self.operations[place]
    }

    /// The roll-up; `None` where the rows are few, or are not those that this version knows.
    ///
    /// # Errors
    /// Where Arrow refuses the columns.
    pub fn finish(self) -> Result<Option<RecordBatch>, ArrowError> {
        let operations = self.operations.len() as u64;
        if self.is_incomplete || self.rows == 0 || self.rows < FEWEST_ROWS * operations {
            return Ok(None);
        }
        let all = self.places.iter();
        let all: Vec<(&String, &Sums)> = all
            .map(|(name, place)| (name, &self.operations[*place]))
            .collect();
        let integer = |value: &dyn Fn(&Sums) -> i64| -> ArrayRef {
            let values = all.iter().map(|(_, sums)| value(sums));
            Arc::new(Int64Array::from_iter_values(values))
        };
        let time = |value: &dyn Fn(&Sums) -> i64| -> ArrayRef {
            let values = all.iter().map(|(_, sums)| value(sums));
            let values = TimestampNanosecondArray::from_iter_values(values);
            Arc::new(values.with_timezone("UTC"))
        };
        let names = StringArray::from_iter_values(all.iter().map(|(name, _)| name));
        let mut columns: Vec<(String, ArrayRef)> = vec![
            (AT.to_owned(), time(&|one| one.first_at_ns)),
            (INTERVAL.to_owned(), integer(&|one| one.first_interval)),
            (OPERATION.to_owned(), Arc::new(names)),
            (
                OPERATION_TYPE.to_owned(),
                integer(&|one| one.operation_type),
            ),
        ];
        for (place, name) in sum_columns().into_iter().enumerate() {
            let values = all.iter().map(|(_, one)| one.sums[place]);
            columns.push((name, Arc::new(values.collect::<Int64Array>())));
        }
        let durations: Vec<Option<Vec<u8>>> = all
            .iter()
            .map(|(_, one)| {
                let mut bytes = Vec::new();
                one.durations.as_ref()?.encode(&mut bytes);
                Some(bytes)
            })
            .collect();
        let durations: BinaryArray = durations.iter().map(Option::as_deref).collect();
        columns.push((DURATIONS.to_owned(), Arc::new(durations)));
        let checks = SUM_COLUMNS.map(str::to_owned).into_iter().zip([
            integer(&|one| one.rows),
            time(&|one| one.last_at_ns),
            integer(&|one| one.last_interval),
            integer(&|one| one.recorded_check.cast_signed()),
            integer(&|one| one.difference_check.cast_signed()),
        ]);
        columns.extend(checks);
        let fields = columns
            .iter()
            .map(|(name, column)| Field::new(name, column.data_type().clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(schema), columns).map(Some)
    }
}

impl Sums {
    fn new(sums: usize) -> Self {
        Self {
            operation_type: i64::MAX,
            rows: 0,
            first_at_ns: i64::MAX,
            last_at_ns: i64::MIN,
            first_interval: i64::MAX,
            last_interval: i64::MIN,
            recorded_check: 0,
            difference_check: 0,
            sums: vec![None; sums],
            durations: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::OperationMetrics;
    use proptest::prelude::*;

    fn histogram(durations: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        SparseHistogram::of(durations.iter().copied()).encode(&mut bytes);
        bytes
    }

    fn column(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
        let column = batch.column_by_name(name).unwrap();
        let column = column.as_primitive::<Int64Type>();
        column.iter().collect()
    }

    proptest! {
        #[test]
        fn a_roll_up_is_the_sum_of_the_rows_in_any_batches(
            rows in proptest::collection::vec(
                (0usize..3, 0u64..50, 0u64..1 << 40, proptest::collection::vec(1i64..1 << 40, 0..4)),
                60..200),
            cut in 0usize..60,
        ) {
            let names = ["a", "b", "c"];
            let rows: Vec<OperationMetrics> = rows
                .into_iter()
                .map(|(name, interval, number, durations)| OperationMetrics {
                    at_ns: 1_000 + interval as i64,
                    interval,
                    operation: names[name].to_owned(),
                    operation_type: name as i64,
                    finished: number + 3,
                    recorded: number,
                    lost_ring_full: 1,
                    lost_write: number % 2,
                    probe_cost_ns: (number % 3 > 0).then_some(number),
                    durations_ns: (number % 5 > 0).then(|| histogram(&durations)),
                    ..OperationMetrics::default()
                })
                .collect();
            let mut roll_up = RollUp::default();
            for part in [&rows[..cut], &rows[cut..]] {
                roll_up.add(&OperationMetrics::batch(part).unwrap());
            }
            let found = roll_up.finish().unwrap().unwrap();
            let own = |name: &str| -> Vec<OperationMetrics> {
                rows.iter().filter(|row| row.operation == name).cloned().collect()
            };
            let seen: Vec<&str> = names.into_iter().filter(|name| !own(name).is_empty()).collect();
            let operations = found.column_by_name(OPERATION).unwrap();
            let operations: Vec<_> = operations.as_string::<i32>().iter().flatten().collect();
            prop_assert_eq!(&operations, &seen);
            for (place, name) in seen.into_iter().enumerate() {
                let own = own(name);
                let sum = |value: fn(&OperationMetrics) -> u64| {
                    Some(own.iter().map(value).sum::<u64>() as i64)
                };
                let value = |name: &str| column(&found, name)[place];
                prop_assert_eq!(value(ROWS), Some(own.len() as i64));
                prop_assert_eq!(value("finished"), sum(|row| row.finished));
                prop_assert_eq!(value("lost"), sum(OperationMetrics::lost));
                prop_assert_eq!(value("lost_write"), sum(|row| row.lost_write));
                let costs: Vec<u64> = own.iter().filter_map(|row| row.probe_cost_ns).collect();
                let cost = (!costs.is_empty()).then(|| costs.iter().sum::<u64>() as i64);
                prop_assert_eq!(value("probe_cost_ns"), cost);
                let first = own.iter().map(|row| row.interval as i64).min();
                let last = own.iter().map(|row| row.interval as i64).max();
                prop_assert_eq!((value(INTERVAL), value(LAST_INTERVAL)), (first, last));
                let check = |value: fn(&OperationMetrics) -> u64| {
                    let terms = own.iter().map(|row| value(row).wrapping_mul(factor(row.interval)));
                    Some(terms.fold(0, u64::wrapping_add).cast_signed())
                };
                prop_assert_eq!(value(RECORDED_CHECK), check(|row| row.recorded));
                let difference = check(|row| (row.finished - row.recorded).wrapping_sub(row.lost()));
                prop_assert_eq!(value(DIFFERENCE_CHECK), difference);
                let mut durations = SparseHistogram::default();
                for bytes in own.iter().filter_map(|row| row.durations_ns.as_ref()) {
                    durations.merge(&SparseHistogram::decode(bytes).unwrap());
                }
                let bytes = found.column_by_name(DURATIONS).unwrap().as_binary::<i32>();
                if bytes.is_valid(place) {
                    prop_assert_eq!(SparseHistogram::decode(bytes.value(place)), Ok(durations));
                } else {
                    prop_assert_eq!(durations.total(), 0);
                }
            }
        }
    }

    #[test]
    fn few_rows_and_rows_of_another_table_have_none() {
        let row = OperationMetrics {
            operation: "a".to_owned(),
            ..OperationMetrics::default()
        };
        let rows = |number: u64| {
            let rows = vec![row.clone(); number as usize];
            OperationMetrics::batch(&rows).unwrap()
        };
        let finish = |batches: &[RecordBatch]| {
            let mut roll_up = RollUp::default();
            batches.iter().for_each(|batch| roll_up.add(batch));
            roll_up.finish().unwrap().is_some()
        };
        assert!(!finish(&[]));
        assert!(!finish(&[rows(FEWEST_ROWS - 1)]));
        assert!(finish(&[rows(FEWEST_ROWS)]));
        let lacking = rows(FEWEST_ROWS).project(&[0, 1, 2]).unwrap();
        assert!(!finish(&[rows(FEWEST_ROWS), lacking]));
        let switched = OperationMetrics {
            observed_ns: Some(1),
            ..row.clone()
        };
        let switched = OperationMetrics::batch(&[switched]).unwrap();
        assert!(!finish(&[rows(FEWEST_ROWS), switched]));
    }

    #[test]
    fn a_place_is_two_numbers() {
        let place = Place {
            offset: 4,
            bytes: u64::MAX,
        };
        assert_eq!(Place::from_text(&place.to_text()), Some(place));
        for text in ["", "4", "4+", "+4", "4-5", "4+5+6", "-1+4"] {
            assert_eq!(Place::from_text(text), None, "{text}");
        }
    }
}
