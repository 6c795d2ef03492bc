//! The cookie of a return instruction that a program may carry out.

use super::{Cookie, WayOut};

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
            way_out: WayOut::unpack(0),
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

const _: () = assert!(
    ReturnCookie::IN_PAGE + ReturnCookie::PAGE_BITS < 64
        && Cookie::COUNTS_SWITCHES < 1 << (ReturnCookie::IN_PAGE - Cookie::PLACE)
);

#[cfg(test)]
mod tests {
    use super::super::{MAX_OPERATIONS, PairBy, TailSite, Uretprobe};
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
    }
}
