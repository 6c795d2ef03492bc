//! The facts of a recording as numbers: windows, counts and warnings, read once for all commands
//! ([`Reading`]), and the figures that a command shows. Times are in nanoseconds UTC; only
//! `output`, `chart` and `report` turn a figure into text.

mod info;
mod many_operations;
mod operation_windows;
mod reading;
mod summary;
mod timeline;
mod warning;
mod warning_text;

pub use info::{DeletedExtent, Info, TableExtent, Target};
pub use operation_windows::OperationWindows;
pub use reading::{Outline, Reading};
pub use summary::{OperationSummary, Summary};
pub use timeline::{LatencyWindow, OperationTimeline, Timeline};
pub use warning::Warning;

pub use crate::windows::DurationsOf;
