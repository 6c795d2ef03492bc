//! The SQL texts, each a file of its own under `queries/`. `{name}` in a text is filled in by the caller with a
//! number or with quoted text.

/// Views with the words of the proposal that Soakbox grew from.
pub const VIEWS: [(&str, &str); 2] = [
    ("access_log", include_str!("queries/access_log.sql")),
    (
        "feature_metrics",
        include_str!("queries/feature_metrics.sql"),
    ),
];

/// The last interval of each recorder whose counters and rows are both complete: before a gap cut it off.
pub const SETTLED: &str = include_str!("queries/settled.sql");
/// What the kernel counted, per recorder and operation; `{settled}` is the last settled interval of a row's recorder.
pub const COUNTERS: &str = include_str!("queries/counters.sql");
/// What was in flight in the last `{slots}` intervals, per recorder and operation, in order of time.
pub const LEVELS: &str = include_str!("queries/levels.sql");
/// Intervals up to `{settled}` whose counts do not add up. A row alone may be out of balance: its interval's other
/// counts came late and have a row of their own.
pub const UNBALANCED: &str = include_str!("queries/unbalanced.sql");
/// Rows of `operation_log` per recorder and operation, all and up to `{settled}`.
pub const ROWS: &str = include_str!("queries/rows.sql");
/// When each recorder started and stopped.
pub const RUNS: &str = include_str!("queries/runs.sql");
/// Gaps.
pub const GAPS: &str = include_str!("queries/gaps.sql");
/// Everything else that was annotated.
pub const MOMENTS: &str = include_str!("queries/moments.sql");
/// Figures per operation.
pub const SUMMARY: &str = include_str!("queries/summary.sql");
/// Operations that have rows or lost some, and how many rows.
pub const OPERATIONS: &str = include_str!("queries/operations.sql");
/// Figures per operation and window; `{width_ns}` is a window's length, `{operations}` the wanted ones.
pub const WINDOWS: &str = include_str!("queries/windows.sql");
/// Loss per operation and window, likewise.
pub const LOSS_WINDOWS: &str = include_str!("queries/loss_windows.sql");

/// Text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Fills in a placeholder.
pub fn fill(query: &str, name: &str, value: &str) -> String {
    query.replace(&format!("{{{name}}}"), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::sql::Session;

    /// The tables of an empty recording have the columns of `schemas` and no others: a query that plans and runs on
    /// them names only those.
    #[test]
    fn every_query_names_only_columns_of_the_contract() {
        let nothing = Recording {
            root: "nothing".into(),
            segments: Vec::new(),
            journals: Vec::new(),
            damaged: Vec::new(),
        };
        let session = Session::new(&nothing).unwrap();
        let views = VIEWS.map(|(_, query)| query);
        let others = [
            SETTLED,
            COUNTERS,
            LEVELS,
            UNBALANCED,
            ROWS,
            RUNS,
            GAPS,
            MOMENTS,
            SUMMARY,
            OPERATIONS,
            WINDOWS,
            LOSS_WINDOWS,
        ];
        for query in views.into_iter().chain(others) {
            let query = &fill(query, "operations", "''");
            let query = ["settled", "interval_ns", "width_ns", "slots"]
                .iter()
                .fold(query.clone(), |query, name| fill(&query, name, "1"));
            let result = session.collect(&query);
            assert!(result.is_ok(), "{query}: {}", result.unwrap_err());
        }
        assert!(
            session
                .collect("SELECT nonsense FROM operation_log")
                .is_err()
        );
    }
}
