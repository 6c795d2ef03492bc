//! Instructions to put probes on.

use soakbox_schemas::control::WayOut;

use super::disassembly::{self, Cost};
use super::elf::Elf;

/// An instruction in a file to put a probe on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Virtual address as linked.
    pub address: u64,
    /// Offset in the file, by which the kernel attaches.
    pub file_offset: u64,
    /// Bytes to add to the stack pointer there to get the stack pointer at the function's entry.
    pub stack_delta: i16,
    /// Cost of the probe to the thread that executes the instruction.
    pub cost: Cost,
    /// Whether it is a return that a program may carry out: that of the probe, or that of another
    /// recorder.
    pub may_be_carried_out: bool,
}

/// Who carries out no return instructions, so that the kernel single-steps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCarriedOut {
    /// This recorder; another one may do so at the same instruction.
    ByThis,
    /// Any: the kernel does not let programs write registers.
    ByAny,
}

impl Site {
    pub(super) fn at(elf: &Elf<'_>, address: u64, stack_delta: i16, cost: Cost) -> Option<Self> {
        let file_offset = elf.file_offset(address)?;
        Some(Self {
            address,
            file_offset,
            stack_delta,
            cost,
            may_be_carried_out: cost == Cost::CarriedOut,
        })
    }

    /// The return instruction at the address; `may_follow_call` as for the cost.
    pub(super) fn at_return(elf: &Elf<'_>, address: u64, may_follow_call: bool) -> Option<Self> {
        let code = elf.bytes_from(address)?;
        let cost = disassembly::return_cost(code, may_follow_call);
        Self::at(elf, address, 0, cost)
    }

    /// The instruction is not carried out by the program of the probe.
    pub(super) fn leave_to_kernel(&mut self, by: NotCarriedOut) {
        if self.cost == Cost::CarriedOut {
            self.cost = Cost::SingleStepped;
        }
        self.may_be_carried_out &= by == NotCarriedOut::ByThis;
    }
}

/// An instruction on the way out of a function: after it the function only returns, or is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitSite {
    /// The instruction; [`Site::stack_delta`] counts from the register [`WayOut::base`].
    pub site: Site,
    /// Which way from it is out, and where the return value is found.
    pub way_out: WayOut,
}

/// The one of `exits` that is at the site.
pub fn at_site<'e>(exits: &'e [ExitSite], site: &Site) -> Option<&'e ExitSite> {
    exits.iter().find(|exit| exit.site.address == site.address)
}

/// Whether the exit is at one of `begins`.
pub fn is_at(begins: &[Site], exit: &ExitSite) -> bool {
    let mut begins = begins.iter();
    begins.any(|begin| begin.address == exit.site.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_carries_out_returns_no_program_looks_for_that() {
        let site = |cost| Site {
            address: 0,
            file_offset: 0,
            stack_delta: 0,
            cost,
            may_be_carried_out: cost == Cost::CarriedOut,
        };
        for (by, may_be_carried_out) in
            [(NotCarriedOut::ByThis, true), (NotCarriedOut::ByAny, false)]
        {
            let mut site = site(Cost::CarriedOut);
            site.leave_to_kernel(by);
            let expected = (Cost::SingleStepped, may_be_carried_out);
            assert_eq!((site.cost, site.may_be_carried_out), expected);
        }
        let mut other = site(Cost::Emulated);
        other.leave_to_kernel(NotCarriedOut::ByAny);
        assert_eq!(other, site(Cost::Emulated));
    }
}
