//! CPU time of the target, as the kernel side counts it for the limit of overhead: by CPU, in memory that
//! the recorder maps; and how a file is named there. Only the kernel side writes the times.

use core::sync::atomic::AtomicU64;

/// What the target has used of one CPU: a cache line, so that CPUs do not wait for each other.
#[repr(C)]
#[derive(Debug, Default)]
pub struct CpuTime {
    /// Time of the threads that have been on this CPU, up to when each was switched out, ns.
    pub used_ns: AtomicU64,
    /// Boot clock when the thread that is on this CPU came onto it, ns; 0 where it is not one of the
    /// target.
    pub since_ns: AtomicU64,
    /// Zero.
    pub reserved: [AtomicU64; 6],
}

/// A file, as its inode names it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileKey {
    /// `inode.i_ino`.
    pub inode: u64,
    /// `super_block.s_dev`: the major number from bit 20 on, the minor one below.
    pub device: u32,
    /// Zero: a key is compared as bytes.
    pub zero: u32,
}

/// What a thread is for the target's CPU time.
pub mod part {
    /// Not known to be one of the target.
    pub const NONE: u32 = 0;
    /// One of the target.
    pub const TARGET: u32 = 1;
    /// One of the recorder, whatever it runs.
    pub const RECORDER: u32 = 2;
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<CpuTime>() == 64);
    assert!(offset_of!(CpuTime, used_ns) == 0);
    assert!(offset_of!(CpuTime, since_ns) == 8);
    assert!(size_of::<FileKey>() == 16);
    assert!(offset_of!(FileKey, inode) == 0);
    assert!(offset_of!(FileKey, device) == 8);
};
