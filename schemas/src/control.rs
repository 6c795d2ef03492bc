//! What the recorder tells the kernel side: the rule of each operation and the cookie of each probe.

/// Most operations that one recording follows; the kernel side's per-thread tables are sized by it.
pub const MAX_OPERATIONS: usize = 64;
/// Operations in flight that are followed per thread and kind (functions, markers); deeper ones are counted as
/// finished and lost (`too_deep`).
pub const MAX_DEPTH: usize = 64;

/// What travels with each probe as its attach cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Index of the operation.
    pub operation: u16,
    /// What to add to the stack pointer at the probe to get the one at the function's entry.
    pub stack_delta: i16,
    /// See [`mode`].
    pub mode: u16,
}

/// Bits of [`Cookie::mode`].
pub mod mode {
    /// The stack may be switched inside the operation: only an equal stack pointer, exit or exec proves anything.
    pub const EQUAL_ONLY: u16 = 1;
    /// The finish is seen by a uretprobe, which the kernel follows only 64 deep.
    pub const URETPROBE: u16 = 1 << 1;
}

impl Cookie {
    /// As the 64-bit number that the kernel keeps.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        self.operation as u64 | (self.stack_delta as u16 as u64) << 16 | (self.mode as u64) << 32
    }

    /// From that number.
    #[inline(always)]
    pub const fn unpack(cookie: u64) -> Self {
        Self {
            operation: cookie as u16,
            stack_delta: (cookie >> 16) as u16 as i16,
            mode: (cookie >> 32) as u16,
        }
    }
}

/// How an operation's success and return value are read. All zero: nothing is known of either.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationRule {
    /// See [`comparison`]; how the return value is compared with `operand` to tell success.
    pub comparison: u32,
    /// Bits of the return value (8, 16, 32 or 64); 0 where the operation returns nothing that is read.
    pub width: u32,
    /// Not 0 where the return value is signed.
    pub signed: u32,
    /// Zero.
    pub reserved: u32,
    /// What the return value is compared with.
    pub operand: i64,
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
    /// … at most it.
    pub const AT_MOST: u32 = 4;
    /// … greater than it.
    pub const GREATER: u32 = 5;
    /// … at least it.
    pub const AT_LEAST: u32 = 6;
    /// … not in −4095..=−1, the range of `-errno`.
    pub const NOT_ERRNO: u32 = 7;
    /// The marker's own success argument tells.
    pub const MARKER: u32 = 8;
}

impl OperationRule {
    /// `raw` cut to the rule's width and extended to 64 bits.
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

    /// Whether `value` means success; `None` where the rule does not tell.
    #[inline(always)]
    pub const fn success(&self, value: i64) -> Option<bool> {
        let operand = self.operand;
        // An unsigned 64-bit value above i64::MAX is larger than any operand.
        if self.signed == 0 && value < 0 {
            return match self.comparison {
                comparison::NONE | comparison::MARKER => None,
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

/// Names of the kernel side's globals, set before it is loaded.
pub mod globals {
    /// Length of an interval, ns (u64).
    pub const INTERVAL_NS: &str = "INTERVAL_NS";
    /// Number of operations in the plan (u32).
    pub const OPERATIONS: &str = "OPERATION_COUNT";
    /// 1: only processes in `TRACKED` and their descendants (u32).
    pub const FOLLOW_TREE: &str = "FOLLOW_TREE";
    /// Device of the recorder's PID namespace (u64), 0 in the initial one.
    pub const NAMESPACE_DEVICE: &str = "NAMESPACE_DEVICE";
    /// Inode of the recorder's PID namespace (u64), 0 in the initial one.
    pub const NAMESPACE_INODE: &str = "NAMESPACE_INODE";
    /// Half of the ring's size, bytes (u64): from there on the recorder is woken.
    pub const RING_HALF: &str = "RING_HALF";
    /// Offsets of kernel members (u32 each), [`ABSENT`] where this kernel has none.
    pub const TASK_UTIME: &str = "TASK_UTIME";
    /// `task_struct.stime`.
    pub const TASK_STIME: &str = "TASK_STIME";
    /// `task_struct.mm`.
    pub const TASK_MM: &str = "TASK_MM";
    /// `task_struct.signal`.
    pub const TASK_SIGNAL: &str = "TASK_SIGNAL";
    /// `task_struct.tgid`.
    pub const TASK_TGID: &str = "TASK_TGID";
    /// `signal_struct.live`.
    pub const SIGNAL_LIVE: &str = "SIGNAL_LIVE";
    /// Counter 0 of `mm_struct.rss_stat`.
    pub const MM_RSS: &str = "MM_RSS";
    /// Distance between its counters.
    pub const MM_RSS_STRIDE: &str = "MM_RSS_STRIDE";
    /// Bytes of a page.
    pub const PAGE_BYTES: &str = "PAGE_BYTES";
    /// What an offset is where the kernel has no such member.
    pub const ABSENT: u32 = u32::MAX;
}

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<OperationRule>() == 24);
    assert!(align_of::<OperationRule>() == 8);
    assert!(offset_of!(OperationRule, comparison) == 0);
    assert!(offset_of!(OperationRule, width) == 4);
    assert!(offset_of!(OperationRule, signed) == 8);
    assert!(offset_of!(OperationRule, reserved) == 12);
    assert!(offset_of!(OperationRule, operand) == 16);
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
        fn a_cookie_reads_back(operation: u16, stack_delta: i16, mode: u16) {
            let cookie = Cookie { operation, stack_delta, mode };
            prop_assert_eq!(Cookie::unpack(cookie.pack()), cookie);
        }

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
