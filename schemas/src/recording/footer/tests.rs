//! Tests of footers: each reads back as it was written, and metadata that other software wrote
//! never makes reading panic.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

fn name() -> JournalName {
    JournalName {
        uuid: UUID.to_owned(),
        table: Table::OPERATION_LOG,
        sequence: 7,
    }
}

fn read(pairs: &BTreeMap<String, String>) -> Result<Footer, FooterError> {
    let pairs = pairs.iter();
    Footer::from_pairs(pairs.map(|(key, value)| (key.as_str(), value.as_str())))
}

fn observed(path: &str, file: &str, build_id: Option<&str>) -> ObservedFile {
    ObservedFile {
        path: path.into(),
        file: file.into(),
        build_id: build_id.map(str::to_owned),
    }
}

/// The metadata that versions of format 1 wrote before `soakbox.targets` existed.
fn old(targets: &str, build_ids: &str) -> BTreeMap<String, String> {
    let mut pairs = Footer::of_journal(name(), Provenance::default()).to_pairs();
    pairs.remove(TARGETS);
    pairs.insert(TARGET.to_owned(), targets.to_owned());
    pairs.insert(TARGET_BUILD_ID.to_owned(), build_ids.to_owned());
    pairs
}

#[test]
fn two_files_are_two_and_a_path_with_a_colon_is_one() {
    let files = vec![
        observed("bin/a:/b", "/srv/bin/a:/b", Some("abcd")),
        observed("/usr/bin/redis-server", "/usr/bin/redis-check-rdb", None),
    ];
    let provenance = Provenance {
        observed: files.clone(),
        ..Provenance::default()
    };
    let pairs = Footer::of_journal(name(), provenance).to_pairs();
    assert_eq!(
        pairs[TARGETS],
        r#"[{"path":"bin/a:/b","file":"/srv/bin/a:/b","build_id":"abcd"},{"path":"/usr/bin/redis-server","file":"/usr/bin/redis-check-rdb"}]"#
    );
    assert_eq!(read(&pairs).unwrap().provenance.observed, files);
    // Readers that do not know the list find the same text as before.
    assert_eq!(pairs[TARGET], "/srv/bin/a:/b:/usr/bin/redis-check-rdb");
    assert_eq!(pairs[TARGET_BUILD_ID], "abcd:");
}

#[test]
fn files_of_older_versions_are_split_where_an_absolute_path_begins() {
    assert!(read(&old("", "")).unwrap().provenance.cpu.is_unknown());
    let read = |targets, build_ids| read(&old(targets, build_ids)).unwrap().provenance.observed;
    assert_eq!(read("", ""), []);
    assert_eq!(
        read("synthetic", "seed 1"),
        [observed("synthetic", "synthetic", Some("seed 1"))]
    );
    assert_eq!(
        read("/bin/a:/bin/b:c", ":cd"),
        [
            observed("/bin/a", "/bin/a", None),
            observed("/bin/b:c", "/bin/b:c", Some("cd"))
        ]
    );
}

#[test]
fn a_path_that_is_not_utf8_is_kept_byte_for_byte() {
    let path = StoredPath::new(*b"/tmp/\xff\n\"x");
    let file = ObservedFile {
        path: path.clone(),
        file: path,
        build_id: None,
    };
    let json = observed::to_json(std::slice::from_ref(&file));
    assert!(
        json.contains(r#""path_bytes":"2f746d702fff0a2278""#),
        "{json}"
    );
    assert_eq!(observed::from_json(&json), Some(vec![file]));
    for hex in ["0", "0g", "é", "+1"] {
        let text = format!(r#"[{{"path":"x","path_bytes":"{hex}","file":"x"}}]"#);
        assert_eq!(observed::from_json(&text), None, "{hex}");
    }
}

#[test]
fn foreign_and_newer_files_and_bad_values_are_told_apart() {
    let good = Footer::of_journal(name(), Provenance::default()).to_pairs();
    let with = |key: &str, value: Option<&str>| {
        let mut pairs = good.clone();
        match value {
            Some(value) => pairs.insert(key.to_owned(), value.to_owned()),
            None => pairs.remove(key),
        };
        read(&pairs)
    };
    assert_eq!(with(FORMAT, None), Err(FooterError::Foreign));
    assert_eq!(
        with(FORMAT, Some("2")),
        Err(FooterError::Version("2".to_owned()))
    );
    for (format, is_newer) in [("2", true), ("10", true), ("0", false), ("one", false)] {
        assert_eq!(with(FORMAT, Some(format)).unwrap_err().is_newer(), is_newer);
    }
    for key in [TABLE, RECORDER_UUID, SEQUENCE] {
        assert_eq!(with(key, None), Err(FooterError::Missing(key)));
    }
    for (key, value) in [
        (TABLE, "../x"),
        (SEQUENCE, "-1"),
        (INTERVAL_NS, "1e9"),
        (TARGETS, "/bin/a"),
        (ROWS, ""),
        (SORTED, "yes"),
        (COLUMNS, "{}"),
        (LEFT_OUT, "[1]"),
        (VOUCHED, "{}"),
        (OPERATIONS, "[{}]"),
        (DAMAGED_BYTES, "99999999999999999999"),
        (CPUS, "two"),
    ] {
        assert_eq!(
            with(key, Some(value)),
            Err(FooterError::Value(key, value.to_owned()))
        );
    }
    assert_eq!(
        with(ROWS, Some("1")),
        Err(FooterError::Missing(FIRST_AT_NS))
    );
    let bad = with(SEQUENCE, Some("\u{1b}[2J")).unwrap_err().to_string();
    assert!(!bad.contains('\u{1b}'), "{bad}");
}

fn any_file() -> impl Strategy<Value = ObservedFile> {
    let path = || vec(any::<u8>(), 0..20).prop_map(StoredPath::new);
    (path(), path(), option::of(".{0,9}")).prop_map(|(path, file, build_id)| ObservedFile {
        path,
        file,
        build_id,
    })
}

fn any_provenance() -> impl Strategy<Value = Provenance> {
    let texts = [".{0,9}", ".{0,9}", ".{0,9}", ".{0,9}", ".{0,9}"];
    let methods = [
        option::of(".{0,9}"),
        option::of(".{0,9}"),
        option::of(".{0,9}"),
        option::of(".{0,9}"),
        option::of(".{0,9}"),
    ];
    let numbers = (any::<u64>(), any::<Option<u64>>(), any::<Option<u64>>());
    let pairs = || vec((".{0,9}", ".{0,20}"), 0..3);
    let observed_operation = (
        ".{0,9}",
        ".{0,9}",
        option::of(".{0,9}"),
        option::of(".{0,9}"),
    );
    let settings = btree_map(".{0,9}", ".{0,20}", 0..3);
    let operations = (pairs(), pairs(), vec(observed_operation, 0..3), settings);
    (texts, methods, numbers, vec(any_file(), 0..4), operations).prop_map(
        |(texts, methods, (interval_ns, memory_error_bytes, count), observed, operations)| {
            let (left_out, vouched) = (operations.0.into_iter(), operations.1.into_iter());
            let settings = operations.3;
            let operations = operations.2.into_iter();
            let [recorder_version, host, kernel, boot_id, config_digest] = texts;
            let [model, source, cpu_method, cpu_split_method, memory_method] = methods;
            Provenance {
                recorder_version,
                host,
                kernel,
                boot_id,
                cpu: Cpu { model, count },
                interval_ns,
                observed,
                config_digest,
                settings,
                times: source.clone(),
                time_intervals: count,
                source,
                left_out: left_out
                    .map(|(operation, reason)| LeftOut { operation, reason })
                    .collect(),
                vouched: vouched
                    .map(|(operation, risk)| Vouched { operation, risk })
                    .collect(),
                operations: operations
                    .map(|(operation, probe, function, left_out)| ObservedOperation {
                        operation,
                        probe,
                        function,
                        left_out,
                    })
                    .collect(),
                cpu_method,
                cpu_split_method,
                memory_method,
                memory_error_bytes,
            }
        },
    )
}

prop_compose! {
    fn any_footer()(
        provenance in any_provenance(),
        uuid in ".{0,40}",
        sequence: u64,
        table in prop::sample::select(Table::ALL.to_vec()),
        extent in option::of((any::<u64>(), any::<i64>(), any::<i64>(), any::<bool>())),
        damaged_bytes: u64,
        columns in vec(["[a-z]{1,5}", ".{0,9}", ".{0,9}", ".{0,9}"], 0..3),
        others in btree_map("soakbox\\.x[a-z]{0,9}", ".{0,20}", 0..3),
    ) -> Footer {
        let columns = columns.into_iter().map(|[name, description, unit, source]| ColumnNote {
            name,
            description,
            unit,
            source,
        });
        Footer {
            name: JournalName { uuid, table, sequence },
            provenance,
            extent: extent.map(|(rows, first_at_ns, last_at_ns, sorted)| Extent {
                rows,
                first_at_ns,
                last_at_ns,
                sorted,
            }),
            damaged_bytes,
            roll_up: (damaged_bytes % 2 == 1).then_some(Place {
                offset: damaged_bytes,
                bytes: 7,
            }),
            columns: columns.collect(),
            others,
        }
    }
}

proptest! {
    #[test]
    fn a_footer_reads_back(footer in any_footer(), foreign in ".{0,20}") {
        let mut pairs = footer.to_pairs();
        pairs.insert("ARROW:schema".to_owned(), foreign);
        prop_assert_eq!(read(&pairs), Ok(footer));
    }

    #[test]
    fn no_pairs_make_it_panic(
        footer in any_footer(),
        changes in vec((any::<prop::sample::Index>(), ".{0,30}"), 0..6),
    ) {
        let mut pairs = footer.to_pairs();
        for (place, value) in changes {
            if let Some(changed) = pairs.values_mut().nth(place.index(20)) {
                *changed = value;
            }
        }
        if let Ok(footer) = read(&pairs) {
            prop_assert_eq!(read(&footer.to_pairs()), Ok(footer));
        }
    }

    #[test]
    fn no_list_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9 \\\\é]{0,80}", joined in ".{0,40}") {
        let _ = observed::from_json(&text);
        let _ = observed::from_joined(&joined, &text);
    }
}
