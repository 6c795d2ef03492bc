//! Helpers of the end-to-end tests: target programs, running the recorder, reading a recording,
//! requirements on the host.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test file uses a part of this"
)]

pub(crate) mod counting;
pub(crate) mod hooks;
pub(crate) mod host;
pub(crate) mod programs;
pub(crate) mod recorder;
pub(crate) mod recording;
pub(crate) mod targets;
pub(crate) mod tmpfs;
pub(crate) mod uprobe_counts;
