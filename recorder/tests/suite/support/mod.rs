//! Helpers of the end-to-end tests: target programs, running the recorder, reading a recording,
//! requirements on the host.

pub(crate) mod attacher;
pub(crate) mod calls;
pub(crate) mod code;
pub(crate) mod counting;
pub(crate) mod disk;
pub(crate) mod go_errors;
pub(crate) mod hooks;
pub(crate) mod host;
pub(crate) mod outside_gaps;
pub(crate) mod place;
pub(crate) mod programs;
pub(crate) mod recorder;
pub(crate) mod recording;
pub(crate) mod session;
pub(crate) mod targets;
pub(crate) mod tmpfs;
pub(crate) mod toolchains;
pub(crate) mod uprobe_counts;
