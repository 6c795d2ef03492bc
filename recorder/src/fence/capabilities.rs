//! Capabilities of the calling thread.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// The capabilities that a thread which attaches keeps, each with the reason.
pub const KEPT_TO_ATTACH: [(Capabilities, &str, &str); 5] = [
    (
        Capabilities(CapabilitySet::BPF),
        "CAP_BPF",
        "loads programs and makes links",
    ),
    (
        Capabilities(CapabilitySet::PERFMON),
        "CAP_PERFMON",
        "attaches uprobes and tracepoints",
    ),
    (
        Capabilities(CapabilitySet::SYS_PTRACE),
        "CAP_SYS_PTRACE",
        "reads which files a process runs, and opens files in the root of a process",
    ),
    (
        Capabilities(CapabilitySet::DAC_READ_SEARCH),
        "CAP_DAC_READ_SEARCH",
        "opens and watches observed files that others cannot read",
    ),
    (
        Capabilities(CapabilitySet::LEASE),
        "CAP_LEASE",
        "guards observed files of other users against being overwritten",
    ),
];

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(CapabilitySet);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(CapabilitySet::empty());
    /// For a directory below one that only other users may enter.
    pub const TO_REACH: Self = Self(CapabilitySet::DAC_READ_SEARCH);
    /// For a directory of another user: the writing threads can write there as root does. Landlock
    /// limits it to that directory.
    pub const TO_WRITE_ELSEWHERE: Self = Self(CapabilitySet::DAC_OVERRIDE);
    /// For kernels before 5.19, whose `bpf` refuses everything without it.
    pub const BPF: Self = Self(CapabilitySet::BPF);

    pub(super) fn of(table: &[(Self, &str, &str)]) -> Self {
        let sets = table.iter().map(|(set, ..)| set.0);
        Self(sets.fold(CapabilitySet::empty(), |all, set| all | set))
    }

    /// Those to attach, and CAP_SYS_ADMIN: some kernels refuse perf events of uprobes without it.
    pub(super) fn to_attach_singly() -> Self {
        Self(Self::of(&KEPT_TO_ATTACH).0 | CapabilitySet::SYS_ADMIN)
    }

    /// Drops all others from the calling thread, for good. Those that it does not have are no error.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub(super) fn keep_only(self) -> io::Result<()> {
        let permitted = capabilities(None)?.permitted & self.0;
        set_capabilities(
            None,
            CapabilitySets {
                effective: permitted,
                permitted,
                inheritable: CapabilitySet::empty(),
            },
        )?;
        Ok(())
    }
}
