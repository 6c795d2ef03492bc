//! The data that the recorder gives the kernel side: the settings of a recording, the rule of each
//! operation and the cookie of each probe.

mod way_out;

pub use way_out::{Base, Condition, Part, Returned, WayOut, When};

/// Most operations that one recording follows; the kernel side's per-thread tables are sized by it.
pub const MAX_OPERATIONS: usize = 64;
/// Most operations in flight that are followed per thread and kind (functions, markers); deeper
/// ones are counted as finished and lost (`lost_too_deep`).
pub const MAX_DEPTH: usize = 64;

/// The BPF cookie of a probe: a number that the kernel stores with the probe and passes to its
/// program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Index of the operation.
    pub operation: u16,
    /// Distance in bytes from the stack pointer at the probe to the stack pointer at the entry of
    /// the function.
    pub stack_delta: i16,
    /// How a finish is paired with its begin.
    pub pair_by: PairBy,
    /// Whether a uretprobe observes the finish.
    pub uretprobe: Uretprobe,
    /// For a finish that is observed before the return; the default with [`PairBy::Goroutine`] and
    /// for a uretprobe.
    pub way_out: WayOut,
}

/// The cookie of a probe on a return instruction that a program may carry out: a [`Cookie`] without
/// a [`WayOut`], in whose place is the instruction's address within its page of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnCookie {
    /// The other members.
    pub cookie: Cookie,
    /// The lowest [`ReturnCookie::PAGE_BITS`] bits of the instruction's address.
    pub in_page: u16,
}

impl ReturnCookie {
    /// Bits of an address that are the same wherever a file is mapped.
    pub const PAGE_BITS: u32 = 12;
    /// Above the bits that a cookie with [`PairBy::Goroutine`] needs.
    const IN_PAGE: u32 = Cookie::PLACE + 17;
    /// Tells it from the cookie of a return that no program carries out.
    const HAS_PAGE: u64 = 1 << (Self::IN_PAGE + Self::PAGE_BITS);
    const MASK: u64 = (1 << Self::PAGE_BITS) - 1;

    /// The cookie as the 64-bit number that the kernel keeps. The way out is left out.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        let cookie = Cookie {
            way_out: WayOut::RETURN,
            ..self.cookie
        };
        cookie.pack() | (self.in_page as u64 & Self::MASK) << Self::IN_PAGE | Self::HAS_PAGE
    }

    /// The address within its page that the packed cookie of a return contains; `None` where no
    /// program may carry the return out.
    #[inline(always)]
    pub const fn in_page(packed: u64) -> Option<u64> {
        if packed & Self::HAS_PAGE == 0 {
            return None;
        }
        Some(packed >> Self::IN_PAGE & Self::MASK)
    }

    /// The cookie of a return, without the address.
    #[inline(always)]
    pub const fn without_page(packed: u64) -> u64 {
        packed & !(Self::MASK << Self::IN_PAGE | Self::HAS_PAGE)
    }
}

/// Whether a uretprobe observes a finish. One that does may be in flight at the same stack pointer
/// as another operation, in which its function ends by a tail call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u16)]
pub enum Uretprobe {
    /// None.
    #[default]
    No = 0,
    /// One, and nothing unwinds the stack. A begin without a finish was nested too deep: the kernel
    /// follows at most 64 nested uretprobes of a thread.
    NothingUnwinds = 1,
    /// One that a person vouches for. A begin without a finish was unwound.
    Vouched = 2,
}

/// How the finish of a function is paired with its begin, and what proves that a begin will have no
/// finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairBy {
    /// By thread, operation and equal stack pointer. A begin at a lower stack pointer than the
    /// thread's present one was unwound: it has no finish.
    StackOrder,
    /// By process and equal stack pointer: the stack may be switched inside the operation, so that
    /// only the end of the process or of its program proves that no finish will come.
    ExactStackPointer,
    /// By goroutine and distance from the top of its stack, which the runtime moves. A begin at a
    /// larger distance than the goroutine's present one was left by a panic.
    Goroutine {
        /// Offset of the id in a goroutine, bytes.
        id_offset: u16,
        /// Whether the goroutines that threads switch to are counted, which tells whose a thread's
        /// times are.
        counts_switches: bool,
    },
    /// By process, operation and equal stack pointer: the operation may end in another function,
    /// which it jumps to at its end (a tail call) and which begins with the same stack pointer.
    TailCalls(TailSite),
}

/// The place of a probe in an operation that follows tail calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailSite {
    /// In the function itself.
    Own,
    /// In the function itself, at a jump to another one that is its begin too. The jump leaves the
    /// function where [`WayOut::when`] holds.
    OwnJump,
    /// In a function that is tail-called, or at a jump to one.
    Callee,
    /// In a function that is tail-called, at a jump to a further one that is its begin too.
    CalleeJump,
}

impl TailSite {
    /// Whether other functions and operations may use the instruction too.
    #[inline(always)]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Callee | Self::CalleeJump)
    }

    /// Whether the function begins at a jump to another one.
    #[inline(always)]
    pub const fn is_jump(self) -> bool {
        matches!(self, Self::OwnJump | Self::CalleeJump)
    }

    #[inline(always)]
    const fn unpack(packed: u64) -> Self {
        match packed & 3 {
            0 => Self::Own,
            1 => Self::OwnJump,
            2 => Self::Callee,
            _ => Self::CalleeJump,
        }
    }
}

impl Cookie {
    const EXACT_STACK_POINTER: u64 = 1 << 32;
    const BY_URETPROBE: u64 = 1 << 33;
    /// A bit that no number of an operation reaches: there are at most [`MAX_OPERATIONS`].
    const GOROUTINE: u64 = 1 << 15;
    /// Another such bit. A [`TailSite`] is in the two bits from [`Self::TAIL_SITE`] on.
    const TAIL_CALLS: u64 = 1 << 14;
    const TAIL_SITE: u32 = 12;
    /// First bit of a [`WayOut`]; with [`Self::GOROUTINE`], of the offset of the goroutine's id and
    /// [`Self::COUNTS_SWITCHES`].
    const PLACE: u32 = 34;
    const COUNTS_SWITCHES: u64 = 1 << 16;
    /// In place of a [`WayOut`], with [`Self::BY_URETPROBE`].
    const VOUCHED: u64 = 1;

    /// The cookie as the 64-bit number that the kernel keeps.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        let numbers = self.operation as u64 | (self.stack_delta as u16 as u64) << 16;
        let pair_by = match self.pair_by {
            PairBy::StackOrder => 0,
            PairBy::ExactStackPointer => Self::EXACT_STACK_POINTER,
            PairBy::Goroutine { .. } => Self::GOROUTINE,
            PairBy::TailCalls(site) => Self::TAIL_CALLS | (site as u64) << Self::TAIL_SITE,
        };
        let place = match self.pair_by {
            PairBy::Goroutine {
                id_offset,
                counts_switches: false,
            } => id_offset as u64,
            PairBy::Goroutine {
                id_offset,
                counts_switches: true,
            } => id_offset as u64 | Self::COUNTS_SWITCHES,
            _ => self.way_out.pack(),
        };
        let (uretprobe, place) = match self.uretprobe {
            Uretprobe::No => (0, place),
            Uretprobe::NothingUnwinds => (Self::BY_URETPROBE, 0),
            Uretprobe::Vouched => (Self::BY_URETPROBE, Self::VOUCHED),
        };
        numbers | pair_by | uretprobe | place << Self::PLACE
    }

    /// The cookie that `packed` contains.
    #[inline(always)]
    pub const fn unpack(packed: u64) -> Self {
        let place = packed >> Self::PLACE;
        let on_goroutine = packed & Self::GOROUTINE != 0;
        let by_uretprobe = packed & Self::BY_URETPROBE != 0;
        Self {
            operation: (packed & ((1 << Self::TAIL_SITE) - 1)) as u16,
            stack_delta: (packed >> 16) as u16 as i16,
            pair_by: if on_goroutine {
                PairBy::Goroutine {
                    id_offset: place as u16,
                    counts_switches: place & Self::COUNTS_SWITCHES != 0,
                }
            } else if packed & Self::TAIL_CALLS != 0 {
                PairBy::TailCalls(TailSite::unpack(packed >> Self::TAIL_SITE))
            } else if packed & Self::EXACT_STACK_POINTER == 0 {
                PairBy::StackOrder
            } else {
                PairBy::ExactStackPointer
            },
            uretprobe: match (by_uretprobe, place & Self::VOUCHED) {
                (false, _) => Uretprobe::No,
                (true, 0) => Uretprobe::NothingUnwinds,
                (true, _) => Uretprobe::Vouched,
            },
            way_out: WayOut::unpack(if on_goroutine || by_uretprobe {
                0
            } else {
                place
            }),
        }
    }
}

/// How an operation's success and return value are read; all zero where neither is known.
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
    /// Offsets of members in the structures of this kernel.
    pub offsets: KernelOffsets,
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
    };

    /// Whether CPU time can be split into user and system time.
    pub const fn has_cpu_split(&self) -> bool {
        self.task_utime != ABSENT && self.task_stime != ABSENT
    }

    /// Whether resident memory can be read.
    pub const fn has_memory(&self) -> bool {
        self.task_mm != ABSENT && self.mm_rss != ABSENT && self.mm_rss_stride != ABSENT
    }
}

const _: () =
    assert!(Cookie::PLACE + WayOut::BITS == 64 && MAX_OPERATIONS <= 1 << Cookie::TAIL_SITE);
const _: () = assert!(
    ReturnCookie::IN_PAGE + ReturnCookie::PAGE_BITS < 64
        && Cookie::COUNTS_SWITCHES < 1 << (ReturnCookie::IN_PAGE - Cookie::PLACE)
);

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<OperationRule>() == 24);
    assert!(align_of::<OperationRule>() == 8);
    assert!(offset_of!(OperationRule, comparison) == 0);
    assert!(offset_of!(OperationRule, width) == 4);
    assert!(offset_of!(OperationRule, signed) == 8);
    assert!(offset_of!(OperationRule, register) == 12);
    assert!(offset_of!(OperationRule, operand) == 16);

    assert!(size_of::<Settings>() == 80);
    assert!(align_of::<Settings>() == 8);
    assert!(offset_of!(Settings, interval_ns) == 0);
    assert!(offset_of!(Settings, wake_bytes) == 8);
    assert!(offset_of!(Settings, namespace_device) == 16);
    assert!(offset_of!(Settings, namespace_inode) == 24);
    assert!(offset_of!(Settings, operations) == 32);
    assert!(offset_of!(Settings, follow_tree) == 36);
    assert!(offset_of!(Settings, page_bytes) == 40);
    assert!(offset_of!(Settings, offsets) == 44);

    assert!(size_of::<KernelOffsets>() == 36);
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
        fn a_cookie_reads_back(
            operation in 0..MAX_OPERATIONS as u16,
            stack_delta: i16,
            exact: bool,
            id_offset: u16,
            counts_switches: bool,
        ) {
            let of_functions = [
                if exact { PairBy::ExactStackPointer } else { PairBy::StackOrder },
                PairBy::TailCalls(TailSite::Own),
                PairBy::TailCalls(TailSite::OwnJump),
                PairBy::TailCalls(TailSite::Callee),
                PairBy::TailCalls(TailSite::CalleeJump),
            ];
            let way_out = WayOut {
                when: When::HoldsNot(Condition::new(15)),
                base: Base::FramePointer,
                returned: Returned::Constant(-1),
            };
            for (pair_by, way_out) in of_functions
                .into_iter()
                .flat_map(|pair_by| [(pair_by, WayOut::default()), (pair_by, way_out)])
            {
                let cookie = Cookie { operation, stack_delta, pair_by, uretprobe: Uretprobe::No, way_out };
                prop_assert_eq!(Cookie::unpack(cookie.pack()), cookie);
            }
            let pair_by = PairBy::Goroutine { id_offset, counts_switches };
            let way_out = WayOut::default();
            let cookie = Cookie { operation, stack_delta, pair_by, uretprobe: Uretprobe::No, way_out };
            prop_assert_eq!(Cookie::unpack(cookie.pack()), cookie);
            for uretprobe in [Uretprobe::NothingUnwinds, Uretprobe::Vouched] {
                let pair_by = PairBy::StackOrder;
                let cookie = Cookie { operation, stack_delta, pair_by, uretprobe, way_out };
                prop_assert_eq!(Cookie::unpack(cookie.pack()), cookie);
            }
        }

        #[test]
        fn the_cookie_of_a_return_reads_back(
            operation in 0..MAX_OPERATIONS as u16,
            id_offset: u16,
            counts_switches: bool,
            in_page in 0..1u16 << ReturnCookie::PAGE_BITS,
        ) {
            for pair_by in [
                PairBy::StackOrder,
                PairBy::ExactStackPointer,
                PairBy::TailCalls(TailSite::Callee),
                PairBy::Goroutine { id_offset, counts_switches },
            ] {
                let way_out = WayOut::default();
                let uretprobe = Uretprobe::No;
                let cookie = Cookie { operation, stack_delta: 0, pair_by, uretprobe, way_out };
                let packed = ReturnCookie { cookie, in_page }.pack();
                prop_assert_eq!(ReturnCookie::in_page(packed), Some(u64::from(in_page)));
                prop_assert_eq!(Cookie::unpack(ReturnCookie::without_page(packed)), cookie);
                prop_assert_eq!(ReturnCookie::in_page(cookie.pack()), None);
            }
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
