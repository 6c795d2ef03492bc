//! Jumps to other functions at the end of this one: tail calls. The other function begins with the
//! stack pointer that this one began with, and returns to its caller. A loop that begins at the
//! first instruction is a function that tail-calls itself.

use soakbox_schemas::control::{Condition, When};

use super::super::KernelVersion;
use super::super::disassembly::{Cost, Next};
use super::super::error::Reason;
use super::super::plt;
use super::super::unwind::Cfa;
use super::Walk;
use super::paths::Paths;

/// A jump to another function, direct or through a constant pointer, or to the function's own first instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailJump {
    /// Virtual address; the stack pointer there is the one of the entry.
    pub address: u64,
    /// First address of that function.
    pub target: u64,
    /// When the jump leads there.
    pub when: When,
    /// Cost of a probe on the jump.
    pub cost: Cost,
}

impl Walk<'_, '_> {
    /// Whether a function of this file begins at the address, by its symbol, or by the unwind table
    /// where no symbol covers it.
    pub(super) fn is_function(&self, address: u64) -> bool {
        if !self.elf.is_executable(address) || plt::import_at(self.elf, address).is_some() {
            return false;
        }
        let mut symbols = self.elf.symbols_at(address).peekable();
        if symbols.peek().is_some() {
            return symbols.all(|symbol| !symbol.indirect);
        }
        let fde = self.unwind.fde_at(address);
        self.elf.symbol_covering(address).is_none() && fde.is_some_and(|fde| fde.start == address)
    }

    /// The jumps, once all parts and paths are known. At each the stack must be that of the entry.
    pub(super) fn tail_jumps(
        &self,
        paths: Option<&Paths>,
        kernel: KernelVersion,
    ) -> Result<Vec<TailJump>, Reason> {
        let jumps = self.tails.iter().map(|(address, target)| {
            let unreadable = |why| Reason::Unreadable { at: *address, why };
            if self.contains(*target) && *target != self.extent.start {
                return Err(unreadable("a jump out leads back into it"));
            }
            let (when, cost) = self.jump_out(*address, paths, kernel)?;
            Ok(TailJump {
                address: *address,
                target: *target,
                when,
                cost,
            })
        });
        jumps.collect()
    }

    /// When the jump at the address leads out of the function, and the cost of a probe on it. The
    /// stack pointer there must be that of the entry.
    pub(super) fn jump_out(
        &self,
        address: u64,
        paths: Option<&Paths>,
        kernel: KernelVersion,
    ) -> Result<(When, Cost), Reason> {
        let unreadable = |why| Reason::Unreadable { at: address, why };
        if !self.is_stack_of_entry(address, paths) {
            return Err(unreadable(
                "a jump to another function with something on the stack",
            ));
        }
        let instruction = self.instruction_at(address);
        let (part, index) = instruction.ok_or(unreadable("a jump is not in its code"))?;
        let part = &self.parts[part];
        let instruction = &part.code[index];
        let when = match (instruction.next, instruction.jump_condition()) {
            (Next::Jumps(_) | Next::JumpsIndirectly, _) => When::Always,
            (_, Some(condition)) => When::Holds(Condition::new(condition)),
            (_, None) => {
                return Err(unreadable(
                    "a jump to another function that depends on more than the flags",
                ));
            }
        };
        let start = usize::try_from(address - part.start).unwrap_or(usize::MAX);
        let code = part.bytes.get(start..).unwrap_or_default();
        let cost = instruction.probe_cost(code, kernel);
        let cost = cost.ok_or(unreadable("the kernel accepts no probe on a jump out"))?;
        Ok((when, cost))
    }

    fn is_stack_of_entry(&self, address: u64, paths: Option<&Paths>) -> bool {
        let step = paths.and_then(|paths| {
            let mut steps = paths.steps.iter();
            steps.find(|step| step.instruction.address == address)
        });
        let known = step.and_then(|step| step.frame.stack);
        let row = match self.cfa_at(address) {
            Some(Cfa::StackPointer(up)) => Some(up - 8),
            _ => None,
        };
        match (known, row) {
            (Some(known), Some(row)) => known == 0 && row == 0,
            (Some(only), None) | (None, Some(only)) => only == 0,
            (None, None) => false,
        }
    }
}
