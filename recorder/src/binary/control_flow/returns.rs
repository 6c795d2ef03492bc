//! The return instructions of a function, once all of its parts are known. Jumps, unwind table and
//! code must agree, and each return must be reached and leave nothing on the stack.

use std::collections::BTreeSet;

use super::super::disassembly::{Instruction, Next};
use super::super::error::Reason;
use super::super::unwind::Cfa;
use super::Walk;

impl Walk<'_, '_> {
    /// Every jump and every row of the unwind table must agree with the disassembly.
    pub(super) fn check_boundaries(&self) -> Result<(), Reason> {
        for target in &self.targets {
            if !self.is_instruction_boundary(*target) {
                return Err(Reason::Unreadable {
                    at: *target,
                    why: "a jump leads into the middle of an instruction",
                });
            }
        }
        for part in &self.parts {
            for row in &part.rows {
                if self.contains(row.start) && !self.is_instruction_boundary(row.start) {
                    return Err(Reason::Unreadable {
                        at: row.start,
                        why: "the unwind table disagrees with the code",
                    });
                }
            }
        }
        Ok(())
    }

    /// All return sites, each reached by a path from the entry and each with an empty frame.
    pub(super) fn returns(&self) -> Result<Vec<u64>, Reason> {
        let reached = self.reached()?;
        let mut returns = Vec::new();
        for (part, seen) in self.parts.iter().zip(&reached) {
            let before = std::iter::once(None).chain(part.code.iter().map(Some));
            for ((instruction, seen), previous) in part.code.iter().zip(seen).zip(before) {
                if instruction.next != Next::Returns {
                    continue;
                }
                let at = instruction.address;
                if !seen && !self.guessed {
                    return Err(Reason::Unreadable {
                        at,
                        why: "no path leads to the return",
                    });
                }
                match self.cfa_at(at) {
                    None if previous.is_some_and(Instruction::places_return_address) => {
                        return Err(Reason::Unreadable {
                            at,
                            why: "a return to an address that the function itself wrote",
                        });
                    }
                    None | Some(Cfa::StackPointer(8)) => returns.push(at),
                    Some(_) => {
                        return Err(Reason::Unreadable {
                            at,
                            why: "a return with something on the stack",
                        });
                    }
                }
            }
        }
        returns.sort_unstable();
        Ok(returns)
    }

    /// The returns that come right after a call, or first in a part: the call of another function
    /// may lie in front of it.
    pub(super) fn returns_after_calls(&self) -> BTreeSet<u64> {
        let after_calls = self.parts.iter().flat_map(|part| {
            let before = std::iter::once(None).chain(part.code.iter().map(Some));
            let pairs = part.code.iter().zip(before);
            let after_calls = pairs.filter(|(instruction, before)| {
                let after_call = before.is_none_or(|before| matches!(before.next, Next::Calls(_)));
                instruction.next == Next::Returns && after_call
            });
            after_calls.map(|(instruction, _)| instruction.address)
        });
        after_calls.collect()
    }

    /// Which instructions some path leads to. Running past the end of a part is a refusal.
    fn reached(&self) -> Result<Vec<Vec<bool>>, Reason> {
        let mut seen: Vec<Vec<bool>> = self
            .parts
            .iter()
            .map(|part| vec![false; part.code.len()])
            .collect();
        let mut stack: Vec<(usize, usize)> = vec![(0, 0)];
        // No decoded jump leads to the targets of jump tables and of the unwinder, so all targets
        // count as reached.
        stack.extend(
            self.targets
                .iter()
                .filter_map(|target| self.instruction_at(*target)),
        );
        while let Some((part, mut index)) = stack.pop() {
            while let Some(instruction) = self.parts[part].code.get(index) {
                if std::mem::replace(&mut seen[part][index], true) {
                    break;
                }
                let goes_on = match instruction.next {
                    Next::Falls | Next::Branches(_) => true,
                    // A call that ends a part does not return.
                    Next::Calls(_) => index + 1 < self.parts[part].code.len(),
                    _ => false,
                };
                if !goes_on {
                    break;
                }
                index += 1;
                if index == self.parts[part].code.len() {
                    return Err(Reason::Unreadable {
                        at: instruction.address,
                        why: "execution runs past its end",
                    });
                }
            }
        }
        Ok(seen)
    }
}
