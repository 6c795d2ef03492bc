//! Whether a file counts lost operations, or others without a row, from the statistics in its footer:
//! most files count none, and then their rows need not be read to know that.

use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use soakbox_schemas::tables::{LOSS_CAUSES, Table};

/// The column of all losses, and the prefix of those by cause.
const LOST: &str = "lost";

/// The columns that count operations which have no row and are not lost.
const LEFT_OUT: [&str; 2] = ["filtered", "sampled_out"];

/// The columns of `operation_metrics` that count losses.
pub fn loss_columns() -> impl Iterator<Item = String> {
    let causes = LOSS_CAUSES.into_iter();
    let causes = causes.map(|cause| format!("{LOST}_{cause}"));
    std::iter::once(LOST.to_owned()).chain(causes)
}

/// Whether a row may count a loss, or another operation without a row. A file without statistics may
/// have any rows.
pub(super) fn may_have_losses(table: Table, metadata: &ParquetMetaData) -> bool {
    if table != Table::OPERATION_METRICS {
        return false;
    }
    let schema = metadata.file_metadata().schema_descr();
    let names = LEFT_OUT.map(str::to_owned).into_iter();
    let names: Vec<String> = names.chain(loss_columns()).collect();
    let columns = schema.columns().iter().enumerate();
    let columns = columns.filter(|(_, column)| names.iter().any(|name| name == column.name()));
    let columns: Vec<usize> = columns.map(|(index, _)| index).collect();
    let mut groups = metadata.row_groups().iter();
    groups.any(|group| columns.iter().any(|column| may_exceed_zero(group, *column)))
}

fn may_exceed_zero(group: &RowGroupMetaData, column: usize) -> bool {
    let statistics = group
        .columns()
        .get(column)
        .and_then(|chunk| chunk.statistics());
    match statistics {
        Some(Statistics::Int64(values)) => values.max_opt().is_none_or(|most| *most > 0),
        _ => true,
    }
}
