//! The begin of a function: its first instruction, or one soon after it that is cheap to probe.
//!
//! A later instruction is only chosen where every call passes it exactly once and the stack pointer
//! there is known.

use std::collections::BTreeSet;

use super::KernelVersion;
use super::disassembly::{Cost, Instruction, Next, StackEffect};
use super::error::Reason;

/// The instruction at which a function's begin is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Virtual address.
    pub address: u64,
    /// Bytes to add to the stack pointer there to get the stack pointer at the function's entry.
    pub stack_delta: i16,
    /// Cost of a probe there.
    pub cost: Cost,
}

/// Number of instructions, from the function's first, that may become its begin.
const MOST_CANDIDATES: usize = 24;

/// Chooses the begin of the function that `code` (decoded from `bytes`) starts with.
///
/// `targets` are the addresses that anything may jump to.
pub fn choose(
    code: &[Instruction],
    bytes: &[u8],
    targets: &BTreeSet<u64>,
    kernel: KernelVersion,
) -> Result<Begin, Reason> {
    let first = code
        .first()
        .ok_or(Reason::NoBegin("the function is empty"))?;
    let is_target = |instruction: &Instruction| {
        targets
            .range(instruction.address..instruction.end)
            .next()
            .is_some()
    };
    if is_target(first) {
        return Err(Reason::NoBegin(
            "its first instruction is the head of a loop",
        ));
    }
    let mut depth = 0i16;
    let mut single_stepped = None;
    for instruction in code.iter().take(MOST_CANDIDATES) {
        if is_target(instruction) {
            break;
        }
        let skip = usize::try_from(instruction.address - first.address).unwrap_or(usize::MAX);
        let site = bytes.get(skip..).unwrap_or_default();
        if let Some(cost) = instruction.probe_cost(site, kernel) {
            let begin = Begin {
                address: instruction.address,
                stack_delta: depth,
                cost,
            };
            if cost == Cost::Emulated {
                return Ok(begin);
            }
            single_stepped = single_stepped.or(Some(begin));
        }
        let StackEffect::Moves(moved) = instruction.stack_effect() else {
            break;
        };
        if instruction.next != Next::Falls || instruction.is_long_running() {
            break;
        }
        let deeper = i64::from(depth)
            .checked_sub(moved)
            .and_then(|depth| i16::try_from(depth).ok());
        depth = match deeper {
            Some(deeper) if deeper >= 0 => deeper,
            _ => break,
        };
    }
    single_stepped.ok_or(Reason::NoBegin("the kernel accepts no probe at its start"))
}
