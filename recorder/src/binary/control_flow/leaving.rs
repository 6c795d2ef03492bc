//! Jumps out of a function that cannot be followed: to functions that the loader chooses, through
//! pointers, and into the middle of other code.

use std::fmt;

use soakbox_schemas::control::When;

use super::super::KernelVersion;
use super::super::disassembly::{self, Cost};
use super::super::error::Reason;
use super::super::plt;
use super::paths::Paths;
use super::{Leaves, Walk};

/// Where a jump that cannot be followed leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeadsTo {
    /// To a function that the loader chooses, mostly of another file, by its name where that is known.
    Import(Option<String>),
    /// To code of this file that is not the begin of a function.
    Code(u64),
    /// Through a pointer.
    Pointer,
}

impl fmt::Display for LeadsTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import(Some(name)) => write!(f, "to '{name}'"),
            Self::Import(None) => f.write_str("to a function that the loader chooses"),
            Self::Code(address) => write!(f, "to code at {address:#x}"),
            Self::Pointer => f.write_str("through a pointer"),
        }
    }
}

/// A jump that cannot be followed; the stack pointer there is the one of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingJump {
    /// Virtual address.
    pub address: u64,
    /// Where it leads.
    pub to: LeadsTo,
    /// When it leads there.
    pub when: When,
    /// Cost of a probe on it.
    pub cost: Cost,
}

impl Walk<'_, '_> {
    pub(super) fn leave(&mut self, at: u64, to: LeadsTo) {
        self.leaving.insert(at, to);
    }

    /// A jump to the address leads out of the function and cannot be followed.
    pub(super) fn leave_to(&mut self, at: u64, target: u64) {
        let to = match plt::import_at(self.elf, target) {
            Some(name) => LeadsTo::Import(name.map(ToOwned::to_owned)),
            None => LeadsTo::Code(target),
        };
        self.leave(at, to);
    }

    /// Where all of them lead.
    pub(super) fn leaves(&self) -> Leaves {
        let mut all = self.leaving.values();
        match all.all(|to| matches!(to, LeadsTo::Import(_))) {
            _ if self.leaving.is_empty() => Leaves::Never,
            true => Leaves::ToImports,
            false => Leaves::Anywhere,
        }
    }

    /// The jumps, once all parts and paths are known, each with what makes it uncertain that the
    /// function is left there.
    pub(super) fn leaving_jumps(
        &self,
        paths: Option<&Paths>,
        kernel: KernelVersion,
    ) -> Vec<Result<LeavingJump, Reason>> {
        let jumps = self.leaving.iter().map(|(address, to)| {
            let (when, cost) = self.jump_out(*address, paths, kernel)?;
            let may_be_computed =
                || self.tables.contains_key(address) || !self.jumps_through_given_pointer(*address);
            if *to == LeadsTo::Pointer && may_be_computed() {
                return Err(Reason::Unreadable {
                    at: *address,
                    why: "a jump to an address that the function may have computed",
                });
            }
            Ok(LeavingJump {
                address: *address,
                to: to.clone(),
                when,
                cost,
            })
        });
        jumps.collect()
    }

    /// Whether the jump at the address leads where memory or an argument says.
    fn jumps_through_given_pointer(&self, address: u64) -> bool {
        let Some((part, index)) = self.instruction_at(address) else {
            return false;
        };
        let entries = self.entries_of(&self.parts[part]);
        let code = disassembly::jump_table::Code {
            instructions: &self.parts[part].code,
            entries: &entries,
        };
        disassembly::jumps_through_given_pointer(code, index)
    }
}
