//! The parsers of single sections, each run on arbitrary bytes in a valid file. Results do not
//! matter: a parser must end, and must not panic. The tests of damage and the fuzz targets share
//! these.
#![allow(dead_code, reason = "each user needs its own part")]

use std::collections::BTreeSet;

use soakbox_recorder::binary::control_flow::{self, Extent};
use soakbox_recorder::binary::disassembly::jump_table::{self, Code, Entries};
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::unwind::Unwind;
use soakbox_recorder::binary::{KernelVersion, disassembly, lsda, usdt};

use super::wrapped::{Content, address, program};

const KERNEL: KernelVersion = KernelVersion {
    major: 6,
    minor: 18,
};

fn with_file(contents: &[Content<'_>], read: impl FnOnce(&Elf<'_>)) {
    let file = program(contents);
    match Elf::parse(&file) {
        Ok(elf) => read(&elf),
        Err(reason) => panic!("the file around the bytes is not valid: {reason}"),
    }
}

/// Reads an unwind table.
pub(crate) fn unwind(bytes: &[u8]) {
    let code = [0x90; 64];
    with_file(
        &[(".text", true, &code), (".eh_frame", false, bytes)],
        |elf| {
            let unwind = Unwind::parse(elf);
            for fde in unwind.fdes().iter().take(64) {
                let _ = (
                    unwind.rows(fde),
                    unwind.cfa_at(fde.start),
                    unwind.fde_at(fde.end),
                );
            }
        },
    );
}

/// Reads notes: USDT sites, a build id, properties.
pub(crate) fn notes(bytes: &[u8]) {
    for name in [".note.stapsdt", ".note.gnu.build-id", ".note.gnu.property"] {
        with_file(
            &[(name, false, bytes), (".stapsdt.base", false, b"\0")],
            |elf| {
                for site in usdt::sites(elf) {
                    let _ = site.marker();
                }
                let _ = (elf.build_id(), elf.has_shadow_stack());
            },
        );
    }
}

/// Reads the exception table of a function.
pub(crate) fn exception_table(bytes: &[u8]) {
    let contents: [Content<'_>; 2] = [
        (".text", true, &[0xc3]),
        (".gcc_except_table", false, bytes),
    ];
    with_file(&contents, |elf| {
        let _ = lsda::landings(elf, address(&contents, 1), address(&contents, 0));
    });
}

/// Analyses code with its jump tables and the relocations of the tables.
pub(crate) fn code(code: &[u8], tables: &[u8], relocations: &[u8]) {
    let contents: [Content<'_>; 3] = [
        (".text", true, code),
        (".rodata", false, tables),
        (".rela.dyn", false, relocations),
    ];
    with_file(&contents, |elf| {
        let start = address(&contents, 0);
        if let Ok(instructions) = disassembly::sweep(code, start) {
            let entries = Entries::new(&instructions, BTreeSet::new());
            let code = Code {
                instructions: &instructions,
                entries: &entries,
            };
            for index in 0..instructions.len() {
                let _ = jump_table::recognise(code, index);
                let _ = disassembly::jumps_through_given_pointer(code, index);
            }
        }
        let extent = Extent {
            names: vec!["op"],
            start,
            end: start + code.len() as u64,
        };
        let _ = control_flow::analyse(elf, &Unwind::parse(elf), &extent, KERNEL);
    });
}
