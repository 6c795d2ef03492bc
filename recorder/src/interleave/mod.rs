//! Runs of two builds in turn, for a comparison: the order in which they are recorded, and the
//! directory that holds them. The load and the speed of a machine change with time; the two runs of
//! a pair meet nearly the same state.
//!
//! ```text
//! DIR/runs.json             the settings of both sides, the seed of the order, and the plan
//! DIR/base/001              the complete recording of the base's run in the first pair
//! DIR/candidate/001         that of the candidate
//! DIR/unfinished/base-002   a run that is being recorded, or that did not end well
//! ```

mod comparison;
mod directory;
mod order;
mod settings;

pub use comparison::{PairPlan, Recorded};
pub use directory::Directory;
pub use order::{Run, Side, order};
pub use settings::{Settings, SideSettings};
