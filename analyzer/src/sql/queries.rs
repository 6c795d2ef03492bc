//! The SQL texts, each in a file of its own under `queries/`. [`fill`] replaces each `{name}` in a
//! text by a number, a quoted text or an expression.

/// Views with the column names of the proposal that Soakbox started from.
pub const VIEWS: [(&str, &str); 2] = [
    ("access_log", include_str!("queries/access_log.sql")),
    (
        "feature_metrics",
        include_str!("queries/feature_metrics.sql"),
    ),
];

/// The last interval of each recorder that no gap (an annotation of kind `{gap}`) overlaps;
/// `{interval_ns}` is the length of an interval. A join keeps its left side in memory: here the
/// gaps, in [`IN_FLIGHT`] a row per operation, and never the counts of a long recording.
pub const COMPLETE_INTERVALS: &str = include_str!("queries/complete_intervals.sql");
/// The kernel's counts per recorder and operation; `{sums}` is the list of sums of the columns,
/// `{complete}` the last complete interval of a row's recorder.
pub const COUNTERS: &str = include_str!("queries/counters.sql");
/// Operations in flight in the last `{slots}` intervals, per recorder and operation, in order of
/// time.
pub const IN_FLIGHT: &str = include_str!("queries/in_flight.sql");
/// Rows of `operation_log` per recorder and operation: all rows, those up to the interval
/// `{complete}`, and the number of parts up to there whose counts do not add up. A part is
/// `{intervals}` intervals. The counts of one interval may be in several rows, since some arrive
/// late. `{within}` is a condition on the intervals that are counted.
pub const BALANCE: &str = include_str!("queries/balance.sql");
/// The first and the last interval of the table `{table}`.
pub const EXTENT: &str = include_str!("queries/extent.sql");
/// All annotations in order of time.
pub const ANNOTATIONS: &str = include_str!("queries/annotations.sql");
/// Figures per operation.
pub const SUMMARY: &str = include_str!("queries/summary.sql");

/// Text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `query` with each `{name}` replaced by its value. Names inside a value are not replaced.
pub fn fill(query: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(query.len());
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, behind)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((*value, behind))
        });
        let (value, behind) = value.unwrap_or(("{", after));
        filled.push_str(value);
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::sql::Session;

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
        };
        let session = Session::new(&nothing).unwrap();
        let views = VIEWS.map(|(_, query)| query);
        let queries = [
            COMPLETE_INTERVALS,
            COUNTERS,
            IN_FLIGHT,
            BALANCE,
            EXTENT,
            ANNOTATIONS,
            SUMMARY,
        ];
        for query in views.into_iter().chain(queries) {
            let values = [
                ("complete", "1"),
                ("gap", "gap"),
                ("interval_ns", "1"),
                ("intervals", "1"),
                ("slots", "1"),
                ("sums", "sum(begun)"),
                ("table", "operation_log"),
                ("within", "TRUE"),
            ];
            let query = fill(query, &values);
            assert!(!query.contains(['{', '}']), "{query}");
            let result = session.collect(&query);
            assert!(result.is_ok(), "{query}: {}", result.unwrap_err());
        }
        assert!(
            session
                .collect("SELECT nonsense FROM operation_log")
                .is_err()
        );
    }

    #[test]
    fn names_inside_a_value_are_not_replaced() {
        let values = [("a", "{b}'{"), ("b", "x")];
        assert_eq!(fill("{a} {b} {c} {", &values), "{b}'{ x {c} {");
    }
}
