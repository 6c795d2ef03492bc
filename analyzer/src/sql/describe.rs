//! The answer to `DESCRIBE TABLE`: the type of each column; and its unit, meaning and source, if
//! this version declares the table or the view, or the table's files have notes on their columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use soakbox_schemas::recording::footer::ColumnNote;
use soakbox_schemas::tables::{ORIGIN_COLUMNS, Table};

use super::queries;
use crate::recording::Recording;

/// Notes on the columns of a recording's tables.
pub(super) struct Notes(HashMap<Table, Vec<ColumnNote>>);

impl Notes {
    /// The declared notes; for a table that this version does not declare, those of its newest
    /// file.
    pub(super) fn of<'a>(recordings: impl Iterator<Item = &'a Recording>) -> Self {
        Self(recordings.flat_map(of_tables).collect())
    }

    /// The description of the table that `query` names, as rows.
    pub(super) fn describe(&self, query: &str, schema: &Schema) -> Result<RecordBatch, ArrowError> {
        let name = described_table(query).unwrap_or_default();
        let table = Table::from_name(&name).and_then(|table| self.0.get(&table));
        let view = queries::VIEWS.iter().find(|(view, _)| *view == name);
        // A view hides a table of its name.
        let of_view = view.map(|(_, text)| queries::notes(text));
        let notes = of_view.as_ref().or(table).map_or(&[][..], Vec::as_slice);
        let origin = origin_notes();
        let note = |name: &str| notes.iter().chain(&origin).find(|note| note.name == name);
        let fields = schema.fields().iter();
        let column = |text: &dyn Fn(&ColumnNote) -> &str| -> ArrayRef {
            let texts = fields.clone().map(|field| {
                let text = note(field.name()).map(text);
                text.filter(|text| !text.is_empty())
            });
            Arc::new(texts.collect::<StringArray>())
        };
        let names = fields.clone().map(|field| Some(field.name().as_str()));
        let types = fields
            .clone()
            .map(|field| Some(field.data_type().to_string()));
        let nullable = fields
            .clone()
            .map(|field| Some(if field.is_nullable() { "YES" } else { "NO" }));
        RecordBatch::try_from_iter_with_nullable([
            (
                "column_name",
                Arc::new(names.collect::<StringArray>()) as ArrayRef,
                false,
            ),
            ("data_type", Arc::new(types.collect::<StringArray>()), false),
            (
                "is_nullable",
                Arc::new(nullable.collect::<StringArray>()),
                false,
            ),
            ("unit", column(&|note| &note.unit), true),
            ("description", column(&|note| &note.description), true),
            ("source", column(&|note| &note.source), true),
        ])
    }
}

fn of_tables(recording: &Recording) -> impl Iterator<Item = (Table, Vec<ColumnNote>)> + '_ {
    recording.tables().into_iter().map(move |table| {
        let of_files = || {
            let segments = recording.segments(table);
            segments.last().map(|segment| segment.notes().to_vec())
        };
        let declared = table.declaration().map(ColumnNote::of);
        (table, declared.or_else(of_files).unwrap_or_default())
    })
}

/// The name in a `DESCRIBE`, without its schema.
fn described_table(query: &str) -> Option<String> {
    let statements = DFParser::parse_sql(query).ok()?;
    let Statement::Statement(statement) = statements.front()? else {
        return None;
    };
    let ast::Statement::ExplainTable { table_name, .. } = statement.as_ref() else {
        return None;
    };
    let name = table_name.0.last()?.as_ident()?;
    Some(match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    })
}

/// Notes on the two columns that the analyzer adds.
fn origin_notes() -> Vec<ColumnNote> {
    let [recorder, host] = ORIGIN_COLUMNS;
    let note = |name: &str, description: &str, source: &str| ColumnNote {
        name: name.to_owned(),
        description: description.to_owned(),
        unit: String::new(),
        source: source.to_owned(),
    };
    vec![
        note(
            recorder,
            "First eight digits of the UUID of the recorder's run.",
            "name of the file",
        ),
        note(
            host,
            "Host on which the row was recorded.",
            "footer of the file",
        ),
    ]
}
