//! The lines of a target that calls functions of many shapes: for each its name, how many calls
//! returned, and the sum of the values that they returned.

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
