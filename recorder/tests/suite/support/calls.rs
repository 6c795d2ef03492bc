//! The lines of a target that calls functions of many shapes: for each its name, how many calls
//! returned, and the sum of the values that they returned.

use super::recording::Recording;

/// A line that the program printed.
pub(crate) struct Calls {
    pub(crate) name: String,
    pub(crate) calls: i64,
    pub(crate) sum: i64,
}

/// All lines.
pub(crate) fn of_each(stdout: &str) -> Vec<Calls> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        Calls {
            name: words.next().unwrap().to_owned(),
            calls: words.next().unwrap().parse().unwrap(),
            sum: words.next().unwrap().parse().unwrap(),
        }
    };
    stdout.lines().map(line).collect()
}

/// Compares the calls of the named functions with those in the recording, which must have all of
/// them. Returns their lines. `program` is for the messages.
pub(crate) fn compared(
    stdout: &str,
    names: &[String],
    recording: &Recording,
    program: &str,
) -> Vec<Calls> {
    let mut all = of_each(stdout);
    all.retain(|line| names.contains(&line.name));
    for Calls { name, calls, .. } in &all {
        let place = format!("{name} of {program}");
        let totals = recording.checked(name);
        assert_eq!(totals.begun, *calls, "{place}: {totals:?}");
        assert_eq!(totals.finished, *calls, "{place}: {totals:?}");
        assert_eq!((totals.unmatched, totals.abandoned), (0, 0), "{place}");
        assert_eq!(totals.lost, 0, "{place}");
    }
    all
}
