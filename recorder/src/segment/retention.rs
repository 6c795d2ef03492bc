//! Decides which sealed segments are deleted, from values that the caller passes: no I/O, no clock.

use std::collections::BTreeMap;

use soakbox_schemas::tables::Table;

use crate::clock::ClockPair;
use crate::plan::Keep;

/// The most that UTC may move forward between two readings before its time is doubted, ns.
const STEP_NS: i64 = 60_000_000_000;
/// How long it is doubted then, ns of the boot clock: the time to notice and correct a wrong clock
/// before it makes all rows look old.
const DOUBT_NS: u64 = 3_600_000_000_000;

/// A sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedFile {
    /// Its table.
    pub table: Table,
    /// Time of its latest row, ns UTC.
    pub last_at_ns: i64,
    /// Its size.
    pub bytes: u64,
    /// Whether this recorder may delete it.
    pub is_deletable: bool,
}

/// The indexes of the files that are due, oldest first. Without a time that can be trusted none is
/// due by its age. Files that may not be deleted count in sizes.
pub fn due(files: &[SealedFile], keep: &Keep, now_ns: Option<i64>) -> Vec<usize> {
    let mut by_age: Vec<usize> = (0..files.len()).collect();
    by_age.sort_by_key(|&index| files[index].last_at_ns);
    let mut all: u64 = 0;
    let mut tables: BTreeMap<Table, u64> = BTreeMap::new();
    for file in files {
        all = all.saturating_add(file.bytes);
        let table = tables.entry(file.table).or_default();
        *table = table.saturating_add(file.bytes);
    }
    by_age.retain(|&index| {
        let file = &files[index];
        let table = tables.entry(file.table).or_default();
        let is_old = keep.for_ns(file.table).zip(now_ns);
        let is_old = is_old.is_some_and(|(age_ns, now_ns)| {
            file.last_at_ns < now_ns.saturating_sub_unsigned(age_ns)
        });
        let is_over = keep.bytes.is_some_and(|most| all > most)
            || keep
                .table_bytes(file.table)
                .is_some_and(|most| *table > most);
        let is_due = file.is_deletable && (is_old || is_over);
        if is_due {
            all = all.saturating_sub(file.bytes);
            *table = table.saturating_sub(file.bytes);
        }
        is_due
    });
    by_age
}

/// The oldest files that may be deleted and have at least `bytes` together, or all of them.
pub fn oldest(files: &[SealedFile], bytes: u64) -> Vec<usize> {
    let mut by_age: Vec<usize> = (0..files.len()).collect();
    by_age.retain(|&index| files[index].is_deletable);
    by_age.sort_by_key(|&index| files[index].last_at_ns);
    let mut freed: u64 = 0;
    by_age.retain(|&index| {
        let is_wanted = freed < bytes;
        freed = freed.saturating_add(files[index].bytes);
        is_wanted
    });
    by_age
}

/// Tells whether UTC can be trusted with the age of rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// UTC minus boot clock at the last reading, ns.
    offset_ns: Option<i64>,
    /// When UTC was last stepped forward, ns of the boot clock.
    stepped_at_ns: Option<u64>,
}

impl Trust {
    /// UTC now, ns; `None` for an hour after it was stepped forward by more than a minute.
    pub fn utc_ns(&mut self, now: ClockPair) -> Option<i64> {
        let offset_ns = now.offset_ns();
        let before = self.offset_ns.replace(offset_ns);
        if before.is_some_and(|before| offset_ns.saturating_sub(before) > STEP_NS) {
            self.stepped_at_ns = Some(now.boot_ns);
        }
        let is_doubted = self
            .stepped_at_ns
            .is_some_and(|at| now.boot_ns.saturating_sub(at) < DOUBT_NS);
        (!is_doubted).then_some(now.utc_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::KeepTable;
    use proptest::prelude::*;

    const LOG: Table = Table::OPERATION_LOG;
    const METRICS: Table = Table::OPERATION_METRICS;
    const NONE: [usize; 0] = [];

    fn file(table: Table, last_at_ns: i64, bytes: u64) -> SealedFile {
        SealedFile {
            table,
            last_at_ns,
            bytes,
            is_deletable: true,
        }
    }

    fn keep(for_ns: Option<u64>, bytes: Option<u64>) -> Keep {
        Keep {
            for_ns,
            bytes,
            ..Keep::default()
        }
    }

    #[test]
    fn the_oldest_go_first_until_the_rest_fits() {
        let files = [
            file(LOG, 30, 10),
            file(METRICS, 10, 10),
            file(LOG, 20, 10),
            file(LOG, 40, 10),
        ];
        assert_eq!(due(&files, &keep(None, Some(40)), None), NONE);
        assert_eq!(due(&files, &keep(None, Some(39)), None), [1]);
        assert_eq!(due(&files, &keep(None, Some(20)), None), [1, 2]);
        assert_eq!(due(&files, &keep(None, Some(0)), None), [1, 2, 0, 3]);
        assert_eq!(due(&files, &keep(Some(10), None), Some(30)), [1]);
        assert_eq!(due(&files, &keep(Some(10), None), Some(31)), [1, 2]);
        assert_eq!(due(&files, &keep(Some(10), None), None), NONE);
        assert_eq!(due(&files, &Keep::default(), Some(i64::MAX)), NONE);
    }

    #[test]
    fn a_table_has_its_own_age_and_size() {
        let files = [file(LOG, 10, 10), file(METRICS, 10, 10), file(LOG, 20, 10)];
        let own = |for_ns, bytes| Keep {
            for_ns: Some(100),
            tables: [(LOG, KeepTable { for_ns, bytes })].into(),
            ..Keep::default()
        };
        assert_eq!(due(&files, &own(Some(5), None), Some(25)), [0]);
        assert_eq!(due(&files, &own(None, Some(10)), Some(25)), [0]);
        assert_eq!(due(&files, &own(Some(5), None), Some(111)), [0, 1, 2]);
    }

    #[test]
    fn what_another_recorder_needs_stays_and_counts() {
        let mut files = [file(LOG, 10, 10), file(LOG, 20, 10), file(LOG, 30, 10)];
        files[0].is_deletable = false;
        assert_eq!(due(&files, &keep(Some(1), Some(20)), Some(25)), [1]);
        assert_eq!(due(&files, &keep(None, Some(0)), None), [1, 2]);
    }

    #[test]
    fn a_full_disk_costs_the_oldest_and_no_more_than_needed() {
        let mut files = [
            file(LOG, 30, 10),
            file(METRICS, 10, 10),
            file(LOG, 20, 10),
            file(LOG, 5, 10),
        ];
        files[3].is_deletable = false;
        assert_eq!(oldest(&files, 0), NONE);
        assert_eq!(oldest(&files, 10), [1]);
        assert_eq!(oldest(&files, 11), [1, 2]);
        assert_eq!(oldest(&files, 100), [1, 2, 0]);
    }

    #[test]
    fn a_clock_that_jumps_forward_is_doubted_for_an_hour() {
        let at = |seconds: u64, ahead: i64| {
            let boot_ns = seconds * 1_000_000_000;
            ClockPair {
                boot_ns,
                utc_ns: 1_000 + boot_ns as i64 + ahead,
            }
        };
        let years = 10 * 365 * 86_400 * 1_000_000_000;
        let mut trust = Trust::default();
        for (now, is_trusted) in [
            (at(0, 0), true),
            (at(60, STEP_NS), true),
            (at(120, years), false),
            (at(3_719, years), false),
            (at(3_720, years), true),
            // Back again, and to the right time.
            (at(3_780, 0), true),
            (at(3_840, years), false),
            (at(3_900, 0), false),
        ] {
            let expected = is_trusted.then_some(now.utc_ns);
            assert_eq!(trust.utc_ns(now), expected, "{now:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_within_the_limits_or_may_not_be_deleted(
            files in proptest::collection::vec((0usize..3, 0i64..100, 0u64..50, any::<bool>()), 0..40),
            for_ns in proptest::option::of(0u64..100),
            bytes in proptest::option::of(0u64..1_000),
            own in proptest::option::of((0u64..100, 0u64..300)),
        ) {
            let tables = [LOG, METRICS, Table::RECORDER_HEALTH];
            let files: Vec<SealedFile> = files
                .into_iter()
                .map(|(table, last_at_ns, bytes, is_deletable)| SealedFile {
                    is_deletable,
                    ..file(tables[table], last_at_ns, bytes)
                })
                .collect();
            let own = own.map(|(age, bytes)| {
                (LOG, KeepTable { for_ns: Some(age), bytes: Some(bytes) })
            });
            let keep = Keep { tables: own.into_iter().collect(), ..keep(for_ns, bytes) };
            let due = due(&files, &keep, Some(100));
            let left: Vec<&SealedFile> = (0..files.len())
                .filter(|index| !due.contains(index))
                .map(|index| &files[index])
                .collect();
            prop_assert!(due.iter().all(|&index| files[index].is_deletable));
            prop_assert!(due.is_sorted_by_key(|&index| files[index].last_at_ns));
            let deletable = |table: Option<Table>| {
                left.iter().any(|file| {
                    file.is_deletable && table.is_none_or(|table| file.table == table)
                })
            };
            let size = |table: Option<Table>| -> u64 {
                let of = left.iter().filter(|file| table.is_none_or(|table| file.table == table));
                of.map(|file| file.bytes).sum()
            };
            prop_assert!(keep.bytes.is_none_or(|most| size(None) <= most || !deletable(None)));
            for table in tables {
                let most = keep.table_bytes(table);
                let fits = most.is_none_or(|most| size(Some(table)) <= most);
                prop_assert!(fits || !deletable(Some(table)));
                // The oldest first: nothing that is left is older than what is due.
                let newest = due.iter().filter(|&&index| files[index].table == table);
                let newest = newest.map(|&index| files[index].last_at_ns).max();
                let older = left.iter().any(|file| {
                    file.is_deletable && file.table == table
                        && newest.is_some_and(|newest| file.last_at_ns < newest)
                });
                prop_assert!(!older);
            }
        }
    }
}
