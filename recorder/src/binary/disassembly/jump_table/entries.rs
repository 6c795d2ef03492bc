//! The instructions that are reached other than from the preceding one, and from where.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Instruction, Next};

/// The entries of code without a gap.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The direct jumps of the code, as indices of instructions, by their target.
    jumps: BTreeMap<u64, Vec<usize>>,
    /// Addresses that other code leads to, or a computed jump.
    others: BTreeSet<u64>,
}

impl Entries {
    /// The entries by the direct jumps of the code, and `others`.
    pub fn new(instructions: &[Instruction], others: BTreeSet<u64>) -> Self {
        let mut jumps: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (index, instruction) in instructions.iter().enumerate() {
            if let Next::Jumps(target) | Next::Branches(target) = instruction.next {
                jumps.entry(target).or_default().push(index);
            }
        }
        Self { jumps, others }
    }

    /// Whether any of them is at the instruction's first byte, or inside the instruction.
    pub(super) fn lead_to(&self, instruction: &Instruction) -> bool {
        let bytes = instruction.address..instruction.end;
        self.others.range(bytes.clone()).next().is_some()
            || self.jumps.range(bytes).next().is_some()
    }

    /// The jumps that lead to the instruction; `None` where others do, or where a jump skips its
    /// prefix.
    pub(super) fn jumps_to(&self, instruction: &Instruction) -> Option<&[usize]> {
        if !self.lead_to(instruction) {
            return Some(&[]);
        }
        let bytes = instruction.address..instruction.end;
        let skips = instruction.address + 1..instruction.end;
        if self.others.range(bytes).next().is_some() || self.jumps.range(skips).next().is_some() {
            return None;
        }
        self.jumps.get(&instruction.address).map(Vec::as_slice)
    }
}
