//! Whether a program could generate code at run time: whether it could get memory that is
//! executable.
//!
//! It could, unless every use of `mmap` and `mprotect` is a call whose protection is a constant
//! that the code sets right before it.

use std::collections::BTreeSet;

use super::super::disassembly::{self, Instruction, Next};
use super::super::elf::Elf;
use super::super::plt;

/// Functions whose third argument is a protection.
const PROTECTING: &[&str] = &["mmap", "mmap64", "mprotect"];
const EXECUTABLE: u64 = 4;

/// The name of an import by which the program could generate code.
pub(super) fn may_generate_code<'a>(elf: &Elf<'a>, code: &[Vec<Instruction>]) -> Option<&'a str> {
    let imported = |name: &&&str| elf.imports.contains(**name);
    let first = PROTECTING.iter().find(imported)?;
    if let Some(name) = plt::address_in_data(elf, PROTECTING) {
        return Some(name);
    }
    let mut targets = BTreeSet::new();
    for instruction in code.iter().flatten() {
        if let Next::Jumps(target) | Next::Branches(target) = instruction.next {
            targets.insert(target);
        }
    }
    let slots = plt::slots_of(elf, PROTECTING);
    let tables: Vec<_> = plt::ranges(elf).collect();
    let in_table = |address: &u64| tables.iter().any(|table| table.contains(address));
    let stub = |address: u64| {
        let name = in_table(&address).then(|| plt::import_at(elf, address));
        name.flatten()
            .flatten()
            .filter(|name| PROTECTING.contains(name))
    };
    for section in code {
        for (index, instruction) in section.iter().enumerate() {
            if in_table(&instruction.address) {
                continue;
            }
            let by_slot = instruction.rip_relative_address().and_then(|address| {
                slots
                    .iter()
                    .find(|(slot, _)| *slot == address)
                    .map(|(_, name)| *name)
            });
            let used = by_slot.or_else(|| instruction.mentioned_addresses().find_map(stub));
            let Some(name) = used else { continue };
            let called = matches!(instruction.next, Next::Calls(_));
            let protection = called.then(|| disassembly::third_argument(section, index, &targets));
            match protection.flatten() {
                Some(value) if value & EXECUTABLE == 0 => {}
                _ => return Some(name),
            }
        }
    }
    // An import without a recognised slot may be called in a way that was not seen.
    let has_slot = |name: &&str| slots.iter().any(|(_, known)| known == name);
    let known = PROTECTING.iter().filter(imported).all(has_slot);
    if known {
        None
    } else {
        elf.imports.get(*first).copied()
    }
}
