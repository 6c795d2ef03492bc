//! What the end-to-end tests share: target programs, a recorder to run, a recording to read, a host to require.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test file uses a part of this"
)]

pub(crate) mod counting;
pub(crate) mod hooks;
pub(crate) mod host;
pub(crate) mod recorder;
pub(crate) mod recording;
pub(crate) mod targets;
pub(crate) mod tmpfs;
