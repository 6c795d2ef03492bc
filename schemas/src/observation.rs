//! When the begins of an operation are observed: shared memory, which the recorder writes and the
//! kernel side reads. Only recordings that switch probes off and on use it.

use core::sync::atomic::AtomicU64;

/// The begin that the kernel side keeps of an operation that began while it was not observed.
pub const UNOBSERVED: u64 = 0;

/// The observed time of one operation, ns of the boot clock.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Observation {
    /// Begins from here on are observed, …
    pub from_ns: AtomicU64,
    /// … up to here. The recorder writes this one last.
    pub until_ns: AtomicU64,
    /// Operations that began before this may have finished without a probe to see it; 0 where the
    /// probes have never been off.
    pub blind_ns: AtomicU64,
    /// Zero.
    pub reserved: AtomicU64,
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<Observation>() == 32);
    assert!(offset_of!(Observation, from_ns) == 0);
    assert!(offset_of!(Observation, until_ns) == 8);
    assert!(offset_of!(Observation, blind_ns) == 16);
};
