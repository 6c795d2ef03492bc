//! The SQL texts, each in a file of its own under `queries/`.

use soakbox_schemas::recording::footer::ColumnNote;
use soakbox_schemas::tables::{ORIGIN_COLUMNS, Table};

/// Views, of which some have the column names of the proposal that Soakbox started from. A view may
/// use the ones before it.
pub const VIEWS: [(&str, &str); 5] = [
    ("access_log", include_str!("queries/access_log.sql")),
    (
        "feature_metrics",
        include_str!("queries/feature_metrics.sql"),
    ),
    ("observed_spans", include_str!("queries/observed_spans.sql")),
    ("mesh_metrics", include_str!("queries/mesh_metrics.sql")),
    ("runs", include_str!("queries/runs.sql")),
];

/// User and system time per operation and window of this length.
pub fn cpu_parts(width_ns: i64) -> String {
    in_windows(include_str!("queries/chart_cpu.sql"), width_ns)
}

/// What recorders measured of themselves, per window of this length.
pub fn health(width_ns: i64) -> String {
    in_windows(include_str!("queries/chart_health.sql"), width_ns)
}

/// What probes cost, per window of this length.
pub fn probe_costs(width_ns: i64) -> String {
    in_windows(include_str!("queries/chart_probes.sql"), width_ns)
}

/// Operations in the order of their begins, for a trace.
pub const TRACE: &str = include_str!("queries/export_trace.sql");
/// The memory of each process over time.
pub const MEMORY: &str = include_str!("queries/export_memory.sql");
/// The kernel's counts per operation and interval.
pub const COUNTS: &str = include_str!("queries/export_counts.sql");
/// Gaps and annotated moments.
pub const ANNOTATIONS: &str = include_str!("queries/export_annotations.sql");
/// What samples over time are made of.
pub const SAMPLES: &str = include_str!("queries/export_samples.sql");
/// Periods in which a recorder observed.
pub const OBSERVED: &str = include_str!("queries/export_observed.sql");
/// Durations in the order of time.
pub const DURATIONS: &str = include_str!("queries/export_durations.sql");
/// How much a trace has.
pub const SIZE: &str = include_str!("queries/export_size.sql");

/// All rows of a table with its columns, in the order of time; rows of the same time always in the same
/// order. Those of a view or of a table of another version in any order.
pub fn whole_table(table: Table) -> String {
    let name = table.name();
    let Some(declared) = table.schema() else {
        return format!("SELECT * FROM {name}");
    };
    let first = declared.fields().first().map(|field| field.name().as_str());
    let others = ["operation", "pid", "tid", "duration_ns", "kind"].into_iter();
    let others = others.filter(|name| declared.field_with_name(name).is_ok());
    let [recorder, _] = ORIGIN_COLUMNS;
    let order = first.into_iter().chain(others).chain([recorder]);
    let order: Vec<String> = order.map(|name| format!("\"{name}\"")).collect();
    format!("SELECT * FROM {name} ORDER BY {}", order.join(", "))
}

fn in_windows(text: &str, width_ns: i64) -> String {
    text.replace("{width}", &width_ns.max(1).to_string())
}

/// The lines of the comment at the head of a text.
fn head(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map_while(|line| line.strip_prefix("-- "))
}

/// The first lines of its head, on one line: what a view has.
pub fn description(text: &str) -> String {
    let lines = head(text).take_while(|line| !line.starts_with(' '));
    lines.collect::<Vec<_>>().join(" ")
}

/// The indented lines of its head: `name [unit]: meaning`, of each column.
pub(super) fn notes(text: &str) -> Vec<ColumnNote> {
    let lines = head(text).filter_map(|line| line.strip_prefix("  "));
    let notes = lines.filter_map(|line| {
        let (column, description) = line.split_once(": ")?;
        let (name, unit) = match column.strip_suffix(']') {
            Some(column) => column.split_once(" [")?,
            None => (column, ""),
        };
        Some(ColumnNote {
            name: name.to_owned(),
            description: description.to_owned(),
            unit: unit.to_owned(),
            source: String::new(),
        })
    });
    notes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::sql::Session;
    use soakbox_schemas::recording::Deletions;

    /// Several recordings may have rows of the same time and process.
    #[test]
    fn a_trace_has_one_order() {
        for query in [TRACE, MEMORY, COUNTS] {
            let (_, order) = query.rsplit_once("ORDER BY").unwrap();
            assert!(order.contains("recorder"), "{query}");
        }
    }

    /// The tables of an empty recording have the columns of `schemas` and no others: a query that
    /// plans and runs on them names only those.
    #[test]
    fn every_query_names_only_columns_of_the_contract() {
        let nothing = Recording {
            root: "nothing".into(),
            segments: Vec::new(),
            journals: Vec::new(),
            unsealed: Vec::new(),
            damaged: Vec::new(),
            deletions: Deletions::default(),
        };
        let session = Session::new(&nothing).unwrap();
        let views = VIEWS.map(|(_, query)| query.to_owned());
        let charts = [cpu_parts(5), health(5), probe_costs(5)];
        let exports = [
            TRACE,
            MEMORY,
            COUNTS,
            ANNOTATIONS,
            OBSERVED,
            SAMPLES,
            DURATIONS,
            SIZE,
        ];
        let exports = exports.map(str::to_owned);
        let tables = Table::ALL.map(whole_table);
        let all = views.into_iter().chain(charts).chain(exports);
        for query in all.chain(tables) {
            let result = session.collect(&query);
            assert!(result.is_ok(), "{query}: {}", result.unwrap_err());
        }
        for (name, text) in VIEWS {
            assert!(description(text).ends_with('.'), "{name}");
            let columns = session.texts(&format!(
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_name = '{name}' ORDER BY ordinal_position"
            ));
            let columns = columns.unwrap();
            let notes = notes(text).into_iter();
            let described: Vec<String> = notes.map(|note| note.name).collect();
            assert_eq!(
                columns, described,
                "{name}: each column is described in its head"
            );
        }
        assert!(
            session
                .collect("SELECT nonsense FROM operation_log")
                .is_err()
        );
    }
}
