//! Counts per window from a text, for tests: `.` is a window without operations, `?` a missing one,
//! and any other letter a window with some.

pub(super) fn counts(text: &str) -> Vec<f64> {
    let count = |letter| match letter {
        '.' => 0.0,
        '?' => f64::NAN,
        _ => 3.0,
    };
    text.chars().map(count).collect()
}
