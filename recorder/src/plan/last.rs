//! The last minutes that are kept in memory, and what has them written.

use std::time::Duration;

/// What is kept in memory until a trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepLast {
    /// Time before a trigger that is written.
    pub before: Duration,
    /// Time after a trigger that is written.
    pub after: Duration,
    /// Most bytes in memory; the oldest rows are dropped first.
    pub bytes: u64,
    /// Further triggers than the signal.
    pub triggers: Vec<Trigger>,
}

/// Something that is seen in the counts of an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// As it was typed: `slow=op:50ms`.
    pub text: String,
    /// What is looked for.
    pub condition: Condition,
}

/// What is looked for in the counts of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// An operation, by its index, that took at least this many ns.
    Slow(usize, u64),
    /// At least this share of an operation's calls that finished in the interval failed.
    Failures(usize, f64),
    /// An operation of any name that has been in flight for this many ns.
    Stuck(u64),
}
