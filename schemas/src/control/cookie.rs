//! The cookie of a probe: what the recorder tells the kernel side about one place.

use super::{MAX_OPERATIONS, WayOut};

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
    pub(super) const PLACE: u32 = 34;
    pub(super) const COUNTS_SWITCHES: u64 = 1 << 16;
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

const _: () =
    assert!(Cookie::PLACE + WayOut::BITS == 64 && MAX_OPERATIONS <= 1 << Cookie::TAIL_SITE);

#[cfg(test)]
mod tests {
    use super::super::{Base, Condition, Returned, When};
    use super::*;
    use proptest::prelude::*;

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
    }
}
