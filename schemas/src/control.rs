//! The data that the recorder gives the kernel side: the settings of a recording, the rule of each
//! operation and the cookie of each probe.

mod cookie;
mod return_cookie;
mod way_out;

pub use cookie::{Cookie, PairBy, TailSite, Uretprobe};
pub use return_cookie::ReturnCookie;
pub use way_out::{Base, Condition, Part, Returned, WayOut, When};

/// Most operations that one recording follows; the kernel side's per-thread tables are sized by it.
pub const MAX_OPERATIONS: usize = 64;
/// Most operations in flight that are followed per thread and kind (functions, markers); deeper
/// ones are counted as finished and lost (`lost_too_deep`).
pub const MAX_DEPTH: usize = 64;

/// How an operation's success and return value are read, all zero where neither is known; and which
/// of its events are sent, all zero where all are.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationRule {
    /// One of [`comparison`]: how the return value is compared with `operand` to tell success.
    pub comparison: u32,
    /// Bits of the return value (8, 16, 32 or 64); 0 where the operation returns nothing that is
    /// read.
    pub width: u32,
    /// Not 0 where the return value is signed.
    pub signed: u32,
    /// The register with the type of a Go function's error ([`comparison::GO_ERROR`]), by its place
    /// among the registers for results; otherwise 0.
    pub register: u32,
    /// Number that the return value is compared with.
    pub operand: i64,
    /// An operation that took less time is filtered, ns.
    pub min_duration_ns: u64,
    /// Not 0: an operation that is not known to have failed is filtered.
    pub only_failures: u32,
    /// N: of those that are left, one in N is sent, chosen by a random number; 0 and 1: each.
    pub sample_one_in: u32,
}

/// Values of [`OperationRule::comparison`]: the operation succeeded where the return value is …
pub mod comparison {
    /// Success is not known.
    pub const NONE: u32 = 0;
    /// … equal to the operand.
    pub const EQUAL: u32 = 1;
    /// … not equal to it.
    pub const NOT_EQUAL: u32 = 2;
    /// … less than it.
    pub const LESS: u32 = 3;
    /// … less than or equal to it.
    pub const AT_MOST: u32 = 4;
    /// … greater than it.
    pub const GREATER: u32 = 5;
    /// … greater than or equal to it.
    pub const AT_LEAST: u32 = 6;
    /// … not in −4095..=−1, the range of `-errno`.
    pub const NOT_ERRNO: u32 = 7;
    /// … not used: the success argument of the marker decides.
    pub const MARKER: u32 = 8;
    /// … not read: it succeeded where the register for the type of the Go function's error is 0.
    pub const GO_ERROR: u32 = 9;
}

impl OperationRule {
    /// The lowest bits of `raw`, as many as the rule's width, extended to 64 bits.
    #[inline(always)]
    pub const fn widen(&self, raw: u64) -> i64 {
        if self.width == 0 || self.width >= 64 {
            return raw as i64;
        }
        let unused = 64 - self.width;
        if self.signed != 0 {
            ((raw << unused) as i64) >> unused
        } else {
            (raw << unused >> unused) as i64
        }
    }

    /// Whether an operation that took `duration_ns` is filtered. `failed`: it is known to have failed.
    #[inline(always)]
    pub const fn filters(&self, duration_ns: u64, failed: bool) -> bool {
        duration_ns < self.min_duration_ns || self.only_failures != 0 && !failed
    }

    /// Whether an operation is among those that sampling chooses, by a random number of its own.
    #[inline(always)]
    pub const fn chooses(&self, random: u32) -> bool {
        (random as u64 * self.sample_one_in as u64) >> 32 == 0
    }

    /// Number of operations that each one that is sent stands for.
    pub const fn sample_weight(&self) -> u32 {
        if self.sample_one_in == 0 {
            1
        } else {
            self.sample_one_in
        }
    }

    /// Whether `value` means success; `None` where the rule does not decide it.
    #[inline(always)]
    pub const fn success(&self, value: i64) -> Option<bool> {
        let operand = self.operand;
        // An unsigned 64-bit value above i64::MAX is larger than any operand.
        if self.signed == 0 && value < 0 {
            return match self.comparison {
                comparison::NONE | comparison::MARKER | comparison::GO_ERROR => None,
                comparison::EQUAL | comparison::LESS | comparison::AT_MOST => Some(false),
                _ => Some(true),
            };
        }
        Some(match self.comparison {
            comparison::EQUAL => value == operand,
            comparison::NOT_EQUAL => value != operand,
            comparison::LESS => value < operand,
            comparison::AT_MOST => value <= operand,
            comparison::GREATER => value > operand,
            comparison::AT_LEAST => value >= operand,
            comparison::NOT_ERRNO => value < -4095 || value > -1,
            _ => return None,
        })
    }
}

/// Name of the kernel side's global of type [`Settings`].
pub const SETTINGS: &str = "SETTINGS";

/// Settings of a whole recording, written into the kernel side before it is loaded. After that the
/// global is frozen, so that each member is a constant to the verifier, which removes the code that
/// a setting switches off.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Length of an interval, ns; not 0.
    pub interval_ns: u64,
    /// Number of unread bytes in the ring from which on each event wakes the recorder.
    pub wake_bytes: u64,
    /// Device of the recorder's PID namespace; 0 in the initial one.
    pub namespace_device: u64,
    /// Inode of the recorder's PID namespace; 0 in the initial one.
    pub namespace_inode: u64,
    /// Number of operations in the plan.
    pub operations: u32,
    /// Not 0: only processes in the map `TRACKED` and their descendants are observed.
    pub follow_tree: u32,
    /// Bytes of a page of memory.
    pub page_bytes: u32,
    /// Number of slices of the histograms of durations; not 0.
    pub duration_slices: u32,
    /// Where the operations of the plan are kept while they are in flight: bits of [`places`].
    pub in_flight: u32,
    /// Not 0: probes are switched off and on, and begins count only while they are observed
    /// ([`Observation`](crate::observation::Observation)).
    pub switched: u32,
    /// Not 0: the CPU time of the target is counted ([`CpuTime`](crate::target_cpu::CpuTime)): of the
    /// processes in the map `TRACKED`, or without such of those that run an observed file.
    pub counts_cpu: u32,
    /// Offsets of members in the structures of this kernel.
    pub offsets: KernelOffsets,
}

/// Bits of [`Settings::in_flight`].
pub mod places {
    /// With their thread.
    pub const THREADS: u32 = 1;
    /// In the hash.
    pub const HASH: u32 = 1 << 1;
}

/// Offset of a member that this kernel does not have.
pub const ABSENT: u32 = u32::MAX;
/// Offset of a member that this kernel may have under another name.
pub const NOT_KNOWN: u32 = 0;

/// Offsets of the members of kernel structures that the kernel side reads, bytes; [`ABSENT`] where
/// this kernel has no such member.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelOffsets {
    /// `task_struct.utime`, ns.
    pub task_utime: u32,
    /// `task_struct.stime`, ns.
    pub task_stime: u32,
    /// `task_struct.mm`.
    pub task_mm: u32,
    /// `task_struct.signal`.
    pub task_signal: u32,
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `signal_struct.live`, the number of threads that have not exited.
    pub signal_live: u32,
    /// First counter of `mm_struct.rss_stat`, pages.
    pub mm_rss: u32,
    /// Distance between its counters.
    pub mm_rss_stride: u32,
    /// `task_struct.thread.features`: its lowest bit is set for a thread with a shadow stack.
    /// [`ABSENT`] where the kernel has no shadow stacks, [`NOT_KNOWN`] where it cannot be told
    /// which threads have one.
    pub task_features: u32,
    /// `task_struct.se.sum_exec_runtime`, ns.
    pub task_used: u32,
    /// `linux_binprm.file`, which is executed.
    pub binprm_file: u32,
    /// `file.f_inode`.
    pub file_inode: u32,
    /// `inode.i_ino`.
    pub inode_number: u32,
    /// `inode.i_sb`.
    pub inode_superblock: u32,
    /// `super_block.s_dev`.
    pub superblock_device: u32,
}

impl KernelOffsets {
    /// Every member is absent.
    pub const ABSENT: Self = Self {
        task_utime: ABSENT,
        task_stime: ABSENT,
        task_mm: ABSENT,
        task_signal: ABSENT,
        task_tgid: ABSENT,
        signal_live: ABSENT,
        mm_rss: ABSENT,
        mm_rss_stride: ABSENT,
        task_features: NOT_KNOWN,
        task_used: ABSENT,
        binprm_file: ABSENT,
        file_inode: ABSENT,
        inode_number: ABSENT,
        inode_superblock: ABSENT,
        superblock_device: ABSENT,
    };

    /// Whether CPU time can be split into user and system time.
    pub const fn has_cpu_split(&self) -> bool {
        self.task_utime != ABSENT && self.task_stime != ABSENT
    }

    /// Whether the CPU time of the target can be counted.
    pub const fn has_target_cpu(&self) -> bool {
        self.task_used != ABSENT
            && self.task_tgid != ABSENT
            && self.binprm_file != ABSENT
            && self.file_inode != ABSENT
            && self.inode_number != ABSENT
            && self.inode_superblock != ABSENT
            && self.superblock_device != ABSENT
    }

    /// Whether resident memory can be read.
    pub const fn has_memory(&self) -> bool {
        self.task_mm != ABSENT && self.mm_rss != ABSENT && self.mm_rss_stride != ABSENT
    }
}

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<OperationRule>() == 40);
    assert!(align_of::<OperationRule>() == 8);
    assert!(offset_of!(OperationRule, comparison) == 0);
    assert!(offset_of!(OperationRule, width) == 4);
    assert!(offset_of!(OperationRule, signed) == 8);
    assert!(offset_of!(OperationRule, register) == 12);
    assert!(offset_of!(OperationRule, operand) == 16);
    assert!(offset_of!(OperationRule, min_duration_ns) == 24);
    assert!(offset_of!(OperationRule, only_failures) == 32);
    assert!(offset_of!(OperationRule, sample_one_in) == 36);

    assert!(size_of::<Settings>() == 120);
    assert!(align_of::<Settings>() == 8);
    assert!(offset_of!(Settings, interval_ns) == 0);
    assert!(offset_of!(Settings, wake_bytes) == 8);
    assert!(offset_of!(Settings, namespace_device) == 16);
    assert!(offset_of!(Settings, namespace_inode) == 24);
    assert!(offset_of!(Settings, operations) == 32);
    assert!(offset_of!(Settings, follow_tree) == 36);
    assert!(offset_of!(Settings, page_bytes) == 40);
    assert!(offset_of!(Settings, duration_slices) == 44);
    assert!(offset_of!(Settings, in_flight) == 48);
    assert!(offset_of!(Settings, switched) == 52);
    assert!(offset_of!(Settings, counts_cpu) == 56);
    assert!(offset_of!(Settings, offsets) == 60);

    assert!(size_of::<KernelOffsets>() == 60);
    assert!(align_of::<KernelOffsets>() == 4);
    assert!(offset_of!(KernelOffsets, task_utime) == 0);
    assert!(offset_of!(KernelOffsets, task_stime) == 4);
    assert!(offset_of!(KernelOffsets, task_mm) == 8);
    assert!(offset_of!(KernelOffsets, task_signal) == 12);
    assert!(offset_of!(KernelOffsets, task_tgid) == 16);
    assert!(offset_of!(KernelOffsets, signal_live) == 20);
    assert!(offset_of!(KernelOffsets, mm_rss) == 24);
    assert!(offset_of!(KernelOffsets, mm_rss_stride) == 28);
    assert!(offset_of!(KernelOffsets, task_features) == 32);
    assert!(offset_of!(KernelOffsets, task_used) == 36);
    assert!(offset_of!(KernelOffsets, binprm_file) == 40);
    assert!(offset_of!(KernelOffsets, file_inode) == 44);
    assert!(offset_of!(KernelOffsets, inode_number) == 48);
    assert!(offset_of!(KernelOffsets, inode_superblock) == 52);
    assert!(offset_of!(KernelOffsets, superblock_device) == 56);
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_c_int_of_minus_one_fails_only_at_its_width() {
        let raw = u64::from(u32::MAX);
        let rule = |width, signed| OperationRule {
            comparison: comparison::AT_LEAST,
            width,
            signed,
            ..Default::default()
        };
        assert_eq!(rule(32, 1).success(rule(32, 1).widen(raw)), Some(false));
        assert_eq!(rule(64, 1).success(rule(64, 1).widen(raw)), Some(true));
        assert_eq!(rule(32, 0).widen(raw), 4_294_967_295);
        assert_eq!(OperationRule::default().success(0), None);
    }

    proptest! {
        #[test]
        fn widening_agrees_with_casts(raw: u64) {
            let widen = |width, signed| OperationRule { width, signed, ..Default::default() }.widen(raw);
            prop_assert_eq!(widen(8, 1), i64::from(raw as u8 as i8));
            prop_assert_eq!(widen(16, 0), i64::from(raw as u16));
            prop_assert_eq!(widen(32, 1), i64::from(raw as u32 as i32));
            prop_assert_eq!(widen(32, 0), i64::from(raw as u32));
            prop_assert_eq!(widen(64, 1), raw as i64);
        }
    }
}
