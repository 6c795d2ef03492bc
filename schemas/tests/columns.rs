//! Tests of the declared tables: each value is read under the name that it was written under, and
//! `docs/columns.md` is the text that the declarations generate.
#![allow(clippy::unwrap_used)]

mod distinct_rows;

use std::fmt::Write;
use std::path::Path;

use soakbox_schemas::journal::{Frame, encode, frames_in};
use soakbox_schemas::tables::{Column, DECLARATIONS, DESCRIPTION_KEY, SOURCE_KEY, UNIT_KEY};

#[test]
fn every_value_goes_through_a_journal_under_its_own_name() {
    for distinct in distinct_rows::all() {
        let mut bytes = Vec::new();
        encode(&distinct.batch, &mut bytes).unwrap();
        let Some(Frame::Batch(batch)) = frames_in(&bytes).next() else {
            panic!("{:?} was not read", distinct.table);
        };
        assert_eq!(batch.schema(), distinct.table.schema().unwrap());
        distinct.assert_read(&batch);
    }
}

#[test]
fn a_unit_is_the_last_word_of_a_name_and_the_first_column_is_the_time() {
    for declaration in DECLARATIONS {
        let [time, others @ ..] = declaration.columns else {
            panic!("{:?} has no column", declaration.table);
        };
        assert_eq!((time.kind, time.nullable), ("time", false));
        for column in others {
            // `in_flight` and the like: such a unit (operations, events) is not part of the name.
            for (suffix, unit) in [("_ns", "ns"), ("bytes", "bytes")] {
                let named = column.name.trim_end_matches("_max").ends_with(suffix);
                let measured = column.unit == unit && column.kind != "time";
                assert_eq!(named, measured, "{:?}.{}", declaration.table, column.name);
            }
        }
    }
}

#[test]
fn a_readers_schema_has_the_meaning_of_each_column() {
    for declaration in DECLARATIONS {
        let (plain, documented) = (declaration.schema(), declaration.documented_schema());
        for (index, column) in declaration.columns.iter().enumerate() {
            let (plain, documented) = (plain.field(index), documented.field(index));
            assert_eq!(plain.name(), column.name);
            assert_eq!(plain.data_type(), documented.data_type());
            assert_eq!(plain.is_nullable(), documented.is_nullable());
            let metadata = documented.metadata();
            assert_eq!(metadata[DESCRIPTION_KEY], column.description());
            assert_eq!(metadata[SOURCE_KEY], column.source);
            let unit = metadata.get(UNIT_KEY).map_or("", String::as_str);
            assert_eq!(unit, column.unit);
            assert!(column.description().ends_with('.'), "{}", column.name);
            assert!(!column.source.is_empty(), "{}", column.name);
        }
    }
}

const DOCUMENT: &str = "docs/columns.md";

#[test]
fn the_documentation_has_every_column_as_declared() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(DOCUMENT);
    let expected = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{DOCUMENT} differs from the declarations; \
         UPDATE_DOCS=1 cargo test -p soakbox-schemas --test columns writes it anew"
    );
}

fn document() -> String {
    let mut text = "\
# Columns

Every column of every table: its meaning, type, unit and source. *null* marks a column in which a value can be missing.
A value that was not measured is null, never 0. [format.md](format.md) has the types in Parquet, pyarrow and DuckDB, and
the rules for versions. In `soakbox-analyzer sql` each table has two more columns, `recorder` and `host`, and
`DESCRIBE operation_log` shows the types and descriptions below.

Generated from the declarations in `schemas/src/tables`: `UPDATE_DOCS=1 cargo test -p soakbox-schemas --test columns`.
"
    .to_owned();
    for declaration in DECLARATIONS {
        let name = declaration.table.name().to_owned();
        let _ = write!(text, "\n## {name}\n\n{}\n\n", declaration.description());
        text.push_str("| id | column | type | unit | null | meaning | source |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        for (id, column) in (1..).zip(declaration.columns) {
            let Column {
                name,
                kind,
                unit,
                source,
                nullable,
                ..
            } = column;
            let null = if *nullable { "null" } else { "" };
            let meaning = column.description();
            let _ = writeln!(
                text,
                "| {id} | `{name}` | {kind} | {unit} | {null} | {meaning} | {source} |"
            );
        }
    }
    text
}
