//! Holds the limit of overhead (`--max-overhead`): how long probes are on, and which time they are
//! off. Pure, but for `budget::target`, which reads /proc; `run::switching` carries it out.

mod control;
mod spans;
mod target;

pub use control::{Control, Cycle, Next, Seen, Spent};
pub use spans::{Change, Observed, Spans};
pub use target::{KernelCpu, TargetCpu};
