//! The result of the analysis of one function.

use std::collections::BTreeSet;

use super::super::begin::Begin;
use super::super::error::Reason;
use super::super::unwind::Row;
use super::paths::Paths;
use super::{LeavingJump, TailJump};

/// The result of the analysis.
#[derive(Clone, Debug)]
pub struct Body {
    /// Address ranges: the function itself, then its cold parts.
    pub parts: Vec<(u64, u64)>,
    /// Addresses of all return instructions, ascending.
    pub returns: Vec<u64>,
    /// Those of them to which a call may return.
    pub returns_after_calls: BTreeSet<u64>,
    /// The jumps to other functions at its ends (tail calls) and to its own first instruction,
    /// ascending.
    pub tail_jumps: Vec<TailJump>,
    /// The instruction at which its begin is observed.
    pub begin: Begin,
    /// The length of some jump table is not certain.
    pub guessed: bool,
    /// Where the unwinder lands.
    pub(super) landing_pads: BTreeSet<u64>,
    /// The jumps that cannot be followed.
    pub(in crate::binary) leaves: Leaves,
    /// Each of these jumps, or what makes it uncertain that the function is left there.
    pub(in crate::binary) leaving: Vec<Result<LeavingJump, Reason>>,
    /// The ways through it; `None` where a jump may lead to places that are not known.
    pub(super) paths: Option<Paths>,
    /// The unwind table's rows, by address.
    pub(super) rows: Vec<Row>,
}

/// How control comes to an instruction after a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::binary) enum WaysTo {
    /// Only from the one before it.
    FromBefore,
    /// By jumps too; all ways begin at the function's start or at a landing pad.
    Others {
        /// Bytes that the stack pointer there is below that of the function's entry.
        depth: i64,
        /// The landing pads, each with the same of it.
        pads: Vec<(u64, i64)>,
    },
}

/// Where the jumps of a function that cannot be followed lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::binary) enum Leaves {
    /// There are none.
    Never,
    /// To functions that the loader chooses.
    ToImports,
    /// Through a pointer, or into other code: to any code, perhaps of the function itself.
    Anywhere,
}

impl Body {
    /// Whether no way leads out of it: a call of it ends with its process or thread, or is left by
    /// an exception or a jump out of it.
    pub fn never_returns(&self) -> bool {
        self.leaves == Leaves::Never && self.returns.is_empty() && self.tail_jumps.is_empty()
    }

    /// The jumps that cannot be followed.
    ///
    /// # Errors
    /// Where it is not certain that the function is left at one of them.
    pub(in crate::binary) fn leaving_jumps(&self) -> Result<Vec<&LeavingJump>, Reason> {
        let jumps = self.leaving.iter();
        jumps
            .map(|jump| jump.as_ref().map_err(Clone::clone))
            .collect()
    }

    /// How control comes to the instruction at the address, where that is certain.
    pub(in crate::binary) fn ways_to(&self, address: u64) -> Option<WaysTo> {
        let paths = self.paths.as_ref();
        let paths = paths.filter(|_| self.leaves != Leaves::Anywhere)?;
        if paths.is_reached_from_before(address) {
            return Some(WaysTo::FromBefore);
        }
        let depth_at = |address: u64| {
            let step = paths.step_at(address)?;
            let agrees = self.agrees_with_unwind_table(step);
            step.frame.stack.filter(|_| agrees)
        };
        let depth = depth_at(address)?;
        let pads: Vec<u64> = paths.entered_at().skip(1).collect();
        if !pads.iter().all(|pad| self.landing_pads.contains(pad)) {
            return None;
        }
        let pads = pads.into_iter().map(|pad| Some((pad, depth_at(pad)?)));
        Some(WaysTo::Others {
            depth,
            pads: pads.collect::<Option<_>>()?,
        })
    }

    /// Whether it jumps back to its first instruction, as if it tail-called itself.
    pub fn begins_with_loop(&self) -> bool {
        let mut targets = self.tail_jumps.iter().map(|jump| jump.target);
        let first = self.parts.first().map(|(start, _)| *start);
        targets.any(|target| Some(target) == first)
    }
}
