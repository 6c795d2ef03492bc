//! Tests of the meaning of cells.

use super::*;
use crate::import::mapping::Step;
use crate::import::names::{LONGEST_NAME, MOST_OPERATIONS};

fn rows(finish: FinishPlace) -> Rows {
    Rows::new(Columns {
        count: 6,
        duration: (0, Unit::Microseconds),
        finish,
        operation: OperationPlace::Column(2),
        success: Some(3),
        memory: Some(4),
        bytes: Some(5),
    })
}

fn row(rows: &mut Rows, cells: [&str; 6]) -> Result<Row> {
    rows.row(|place| cells[place].as_bytes())
}

#[test]
fn each_cell_has_its_own_meaning_and_a_missing_one_is_none() {
    let form = TimeForm::Since1970(Unit::Milliseconds);
    let mut rows = rows(FinishPlace::Column(1, form));
    let full = row(&mut rows, [" 1.5 ", "2000", "get", "YES", "1024.0", "7"]).unwrap();
    assert_eq!(
        full,
        Row {
            finished_at_ns: 2_000_000_000,
            duration_ns: 1_500,
            operation: 0,
            success: Some(true),
            memory_bytes: Some(1024),
            bytes: Some(7),
        }
    );
    let bare = row(&mut rows, ["0", "0", " get", "", "NaN", "-"]).unwrap();
    assert_eq!((bare.operation, bare.finished_at_ns), (1, 0));
    assert_eq!(
        (bare.success, bare.memory_bytes, bare.bytes),
        (None, None, None)
    );
    let again = row(&mut rows, ["0", "1", "get", "0", "", ""]).unwrap();
    assert_eq!((again.operation, again.success), (0, Some(false)));
    assert_eq!(rows.names(), ["get", " get"]);
}

#[test]
fn rows_without_times_follow_one_another() {
    let step = "0.5s".parse::<Step>().unwrap();
    let mut rows = rows(FinishPlace::Every(step));
    let cells = ["1", "", "a", "", "", ""];
    for expected in [500_000_000, 1_000_000_000] {
        assert_eq!(row(&mut rows, cells).unwrap().finished_at_ns, expected);
    }
    rows.last_ns = LATEST_NS;
    assert_eq!(
        row(&mut rows, cells).unwrap_err().reason,
        "the time is after 2261"
    );
}

#[test]
fn a_cell_without_a_meaning_is_refused_with_the_reason() {
    let times = [TimeForm::Rfc3339, TimeForm::Since1970(Unit::Seconds)];
    let [rfc3339, since_1970] = times.map(|form| FinishPlace::Column(1, form));
    let good = ["1", "2026-11-24T08:00:00Z", "a", "1", "1", "1"];
    let numeric = ["1", "1795507200", "a", "1", "1", "1"];
    for (finish, cells, place, cell, reason) in [
        (rfc3339, good, 0, "", "the duration is missing"),
        (rfc3339, good, 0, "NaN", "the duration \"NaN\" is no number"),
        (rfc3339, good, 0, "-1", "the duration \"-1\" is negative"),
        (
            rfc3339,
            good,
            0,
            "1e300",
            "the duration \"1e300\" is too large",
        ),
        (rfc3339, good, 1, " ", "the time is missing"),
        (
            rfc3339,
            good,
            1,
            "noon",
            "\"noon\" is no time of RFC 3339 from 1970 to 2261",
        ),
        (
            rfc3339,
            good,
            1,
            "2026-02-30",
            "\"2026-02-30\" is no time of RFC 3339 from 1970 to 2261",
        ),
        (
            rfc3339,
            good,
            1,
            "2026-11-24T08:00:00é",
            "\"2026-11-24T08:00:00é\" is no time of RFC 3339 from 1970 to 2261",
        ),
        (
            rfc3339,
            good,
            1,
            "1969-12-31",
            "the time \"1969-12-31\" is before 1970",
        ),
        (rfc3339, good, 1, "2262-01-01", "the time is after 2261"),
        (
            since_1970,
            numeric,
            1,
            "-1",
            "the time \"-1\" is before 1970",
        ),
        (
            since_1970,
            numeric,
            1,
            "1e18",
            "the time \"1e18\" is after 2261",
        ),
        (since_1970, numeric, 1, "9.21e9", "the time is after 2261"),
        (
            since_1970,
            numeric,
            1,
            "now",
            "the time \"now\" is no number",
        ),
        (rfc3339, good, 2, "", "the operation is missing"),
        (rfc3339, good, 3, "maybe", "\"maybe\" is no outcome"),
        (rfc3339, good, 4, "1k", "the memory \"1k\" is no number"),
        (
            rfc3339,
            good,
            5,
            "-2",
            "the number of bytes \"-2\" is negative",
        ),
    ] {
        let mut rows = rows(finish);
        assert!(row(&mut rows, cells).is_ok(), "{cells:?}");
        let mut cells = cells;
        cells[place] = cell;
        assert_eq!(row(&mut rows, cells).unwrap_err().reason, reason);
    }
    let long = "x".repeat(LONGEST_NAME + 1);
    let mut rows = rows(rfc3339);
    let mut cells = good;
    cells[2] = &long;
    let reason = row(&mut rows, cells).unwrap_err().reason;
    assert_eq!(reason, "the operation has more than 4,096 bytes");
    let reason = rows.names.place(b"\xff").unwrap_err().reason;
    assert_eq!(reason, "the operation is not UTF-8");
}

#[test]
fn the_number_of_operations_is_bounded() {
    let mut rows = rows(FinishPlace::Every("1ms".parse::<Step>().unwrap()));
    for number in 0..MOST_OPERATIONS {
        let operation = rows.names.place(number.to_string().as_bytes()).unwrap();
        assert_eq!(usize::from(operation), number);
    }
    assert_eq!(rows.names.place(b"7").unwrap(), 7);
    let refusal = rows.names.place(b"more").unwrap_err();
    assert_eq!(refusal.reason, "\"more\" is one operation more than 1,000");
}
