//! The kernel's own measurement of BPF programs, which costs each run of each program of the host two
//! more reads of the clock: it is on only where a person asked for it.

use std::os::fd::OwnedFd;

use aya::sys::{Stats, enable_stats};

use super::KernelError;
use super::error::statistics_error;

/// While it lives, the kernel measures.
#[derive(Debug)]
pub struct Statistics(#[allow(dead_code, reason = "measures until it is closed")] OwnedFd);

impl Statistics {
    /// Has the kernel measure.
    ///
    /// # Errors
    /// [`KernelError::Statistics`].
    pub fn switch_on() -> Result<Self, KernelError> {
        let on = enable_stats(Stats::RunTime);
        on.map(Self).map_err(|error| statistics_error(&error))
    }
}
