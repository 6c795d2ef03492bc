//! The SQL texts, each in a file of its own under `queries/`.

/// Views with the column names of the proposal that Soakbox started from.
pub const VIEWS: [(&str, &str); 2] = [
    ("access_log", include_str!("queries/access_log.sql")),
    (
        "feature_metrics",
        include_str!("queries/feature_metrics.sql"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::sql::Session;
    use soakbox_schemas::recording::Deletions;

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
        let views = VIEWS.map(|(_, query)| query);
        for query in views {
            let result = session.collect(query);
            assert!(result.is_ok(), "{query}: {}", result.unwrap_err());
        }
        assert!(
            session
                .collect("SELECT nonsense FROM operation_log")
                .is_err()
        );
    }
}
