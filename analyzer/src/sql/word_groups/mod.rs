//! Grouping by words, such as the names of operations. A word of a dictionary gets a code once per
//! batch and not once per row: DataFusion would copy and hash the text of each row.

mod codes;
mod groups;
mod lanes;
mod partial;
mod rule;
mod sums;
mod words;

pub(super) use rule::GroupByCodes;

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use crate::recording;
    use crate::sql::Session;
    use soakbox_testing::{Recorder, Soak};

    /// Aggregates of each kind: plain loops, DataFusion's, with missing values, filters, and none.
    const AGGREGATES: [&str; 6] = [
        "count(*), count(cpu_ns), count(success), count(NULL)",
        "sum(duration_ns), min(duration_ns), max(duration_ns), avg(duration_ns), avg(cpu_ns)",
        "sum(memory_delta_bytes), min(finished_at), max(operation), round(avg(memory_bytes / 3.0), 3)",
        "quantile(duration_ns, 0.9), quantiles(cpu_ns, 0.5, 1.0)",
        "count(*) FILTER (WHERE success), sum(duration_ns) FILTER (WHERE NOT success), count(DISTINCT pid)",
        "first_value(duration_ns ORDER BY finished_at, duration_ns), count(*)",
    ];

    fn answer(session: &Session, query: &str) -> String {
        let batches = session.collect(query);
        let batches = batches.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[test]
    fn groups_by_words_are_those_of_their_text() {
        let place = tempfile::tempdir().unwrap();
        let soak = Soak {
            seconds: 20,
            ..Soak::default()
        };
        soak.seal(place.path());
        let log = soakbox_schemas::tables::Table::OPERATION_LOG;
        let journal = soak.rows().log;
        Recorder::new(place.path())
            .with_uuid("11111111-2222-4333-8444-555555555555", "soak-2")
            .journal(log, &journal[..3]);
        let recording = recording::open(place.path(), false).unwrap();
        let session = Session::new(&recording).unwrap();
        for threads in [2, 1, 7] {
            let set = format!("SET datafusion.execution.target_partitions = {threads}");
            session.collect(&set).unwrap();
            for aggregates in AGGREGATES {
                for condition in ["TRUE", "FALSE", "duration_ns % 3 = 0", "host = 'soak-2'"] {
                    for (words, text, names) in [
                        ("operation", "operation || ''", "1"),
                        (
                            "nullif(operation, 'probe')",
                            "nullif(operation || '', 'probe')",
                            "1",
                        ),
                        ("operation, host", "operation || '', host || ''", "1, 2"),
                        ("pid, host", "pid, host || ''", "1, 2"),
                        ("operation, success", "operation || '', success", "1, 2"),
                    ] {
                        let query = |columns: &str| {
                            format!(
                                "SELECT {columns}, {aggregates} FROM operation_log WHERE {condition} \
                                 GROUP BY {names} ORDER BY {names}"
                            )
                        };
                        let rows = |columns| {
                            let answer = answer(&session, &query(columns));
                            // The names of the columns differ, and with them the widths.
                            let rows = answer
                                .lines()
                                .skip(3)
                                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
                            rows.filter(|row| !row.starts_with('+')).collect::<Vec<_>>()
                        };
                        assert_eq!(rows(words), rows(text), "{}", query(words));
                    }
                }
            }
        }
    }

    #[test]
    fn plans_group_by_codes() {
        let place = tempfile::tempdir().unwrap();
        Soak::default().seal(place.path());
        let recording = recording::open(place.path(), false).unwrap();
        let session = Session::new(&recording).unwrap();
        let plan = |query: &str| answer(&session, &format!("EXPLAIN {query}"));
        let one = plan("SELECT operation, count(*) FROM operation_log GROUP BY operation");
        assert!(one.contains("PartialByWord: gby=[operation@0]"), "{one}");
        let two = plan(
            "SELECT operation, success, count(*) FROM operation_log GROUP BY operation, success",
        );
        assert!(
            two.contains("gby=[code(operation@0) as operation, success"),
            "{two}"
        );
    }
}
