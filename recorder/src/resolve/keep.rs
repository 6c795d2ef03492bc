//! What is kept of the sealed rows: the general limits, and those of single tables, `TABLE=TIME` or
//! `TABLE=BYTES`.

use anyhow::{Result, bail};
use soakbox_schemas::tables::Table;

use crate::limits::{KEEP_BYTES, KEEP_FOR};
use crate::plan::Keep;

/// Adds the limits of single tables to `keep`.
///
/// # Errors
/// Where a text has no such table or value, or a limit is given twice.
pub(super) fn of_tables(mut keep: Keep, texts: &[String]) -> Result<Keep> {
    for text in texts {
        let Some((name, value)) = text.split_once('=') else {
            bail!(
                "--keep is '{text}'; hint: write TABLE=TIME or TABLE=BYTES, such as operation_log=7days"
            );
        };
        let table = deletable(name)?;
        let own = keep.tables.entry(table).or_default();
        let limit = match (KEEP_FOR.parse(value), KEEP_BYTES.parse(value)) {
            (Ok(time), _) => own.for_ns.replace(time),
            (_, Ok(bytes)) => own.bytes.replace(bytes),
            (Err(time), Err(bytes)) => {
                bail!("--keep is '{text}'; hint: {time}; or {bytes}");
            }
        };
        if limit.is_some() {
            bail!("--keep gives {name} the same kind of limit twice; hint: leave one out");
        }
    }
    Ok(keep)
}

fn deletable(name: &str) -> Result<Table> {
    let tables = Table::ALL.into_iter();
    let tables: Vec<Table> = tables
        .filter(|&table| table != Table::ANNOTATIONS)
        .collect();
    let found = tables.iter().find(|table| table.name() == name);
    let Some(table) = found else {
        let names: Vec<&str> = tables.iter().map(Table::name).collect();
        bail!(
            "--keep names the table '{name}'; hint: one of {} (annotations are never deleted)",
            names.join(", ")
        );
    };
    Ok(*table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::KeepTable;

    fn keep(texts: &[&str]) -> Result<Keep> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        of_tables(Keep::default(), &texts)
    }

    #[test]
    fn a_table_has_a_time_a_size_or_both() {
        let keep = keep(&[
            "operation_log=7days",
            "operation_log=50GiB",
            "recorder_health=2097152",
        ])
        .unwrap();
        let week = 7 * 86_400_000_000_000;
        let log = KeepTable {
            for_ns: Some(week),
            bytes: Some(50 << 30),
        };
        assert_eq!(keep.tables[&Table::OPERATION_LOG], log);
        assert_eq!(keep.table_bytes(Table::RECORDER_HEALTH), Some(2 << 20));
        assert_eq!(keep.for_ns(Table::RECORDER_HEALTH), None);
        let general = Keep {
            for_ns: Some(5),
            ..keep
        };
        assert_eq!(general.for_ns(Table::OPERATION_LOG), Some(week));
        assert_eq!(general.for_ns(Table::OPERATION_METRICS), Some(5));
        assert!(!general.is_everything() && Keep::default().is_everything());
    }

    #[test]
    fn anything_else_is_refused_with_a_hint() {
        for texts in [
            &["operation_log"][..],
            &["=7days"],
            &["annotations=7days"],
            &["operation_log="],
            &["operation_log=7"],
            &["operation_log=7M"],
            &["operation_log=0s"],
            &["operation_log=1KiB"],
            &["operation_log=7days", "operation_log=8days"],
        ] {
            let refused = keep(texts).unwrap_err().to_string();
            assert!(refused.contains("hint: "), "{refused}");
        }
    }
}
