//! Damaged files: no panic and no endless loop, whichever bytes are cut off or flipped.

use crate::binary_support;
use std::time::{Duration, Instant};

use crate::binary_support::{KERNEL, Workshop, parsers};
use proptest::prelude::*;
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::{Finishing, ReturnUse, list, resolve_function, resolve_marker};

/// Runs every reader on these bytes; the results do not matter.
fn read_all(bytes: &[u8]) {
    let started = Instant::now();
    let _ = list(bytes);
    for name in [
        "two_hundred_cases",
        "with_cold_part",
        "interpreter",
        "main",
        "to_other",
        "to_argument",
    ] {
        let _ = resolve_function(
            bytes,
            "p",
            name,
            KERNEL,
            Finishing::AlsoAtJumps(ReturnUse::needed(64)),
        );
    }
    let _ = resolve_marker(bytes, "p", "rule_refresh", KERNEL);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "it takes too long"
    );
}

/// One binary of each kind, built once.
fn binaries() -> &'static [Vec<u8>] {
    static BINARIES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    BINARIES.get_or_init(|| {
        let workshop = Workshop::new();
        let cpp = "#include <vector>\n#include <stdexcept>\nextern \"C\" int two_hundred_cases(int x) { try { std::vector<int> v(x); if (x == 3) throw 4; return v.at(1); } catch (std::exception &) { return 3; } } int main(int c, char **) { return two_hundred_cases(c); }";
        let leaves = include_str!("../targets/leaves.c");
        vec![
            workshop.build("gcc", "shapes.c", &["-O2"]),
            workshop.build("gcc", "shapes.c", &["-O2", "-rdynamic", "-s"]),
            workshop.build("gcc", "shapes.c", &["-O1", "-no-pie", "-fno-pie"]),
            workshop.build("gcc", "markers.c", &["-O2"]),
            workshop.build_text("g++", "cpp", cpp, &["-O2"]),
            workshop.build_text("gcc", "c", leaves, &["-O2", "-w", "-pthread"]),
        ]
    })
}

#[test]
fn undamaged_files_are_read() {
    binaries().iter().for_each(|bytes| {
        list(bytes).unwrap();
        read_all(bytes);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cut_off_anywhere(which in 0usize..6, at in any::<prop::sample::Index>()) {
        let bytes = &binaries()[which];
        read_all(&bytes[..at.index(bytes.len())]);
    }

    #[test]
    fn bits_flipped_anywhere(which in 0usize..6, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = binaries()[which].clone();
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        read_all(&bytes);
    }

    #[test]
    fn headers_and_tables_overwritten(which in 0usize..6, words in prop::collection::vec((0usize..612, any::<u64>()), 1..8), tail in any::<bool>()) {
        let mut bytes = binaries()[which].clone();
        // Program headers stand at the front, section headers at the end.
        let from = if tail { bytes.len() - 2048 } else { 16 };
        for (word, value) in words {
            let at = from + (word % 250) * 8;
            let value = if value % 3 == 0 { value } else { value % (bytes.len() as u64 * 2) };
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..4096), magic in any::<bool>()) {
        if magic && bytes.len() > 64 {
            bytes[..20].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0]);
        }
        read_all(&bytes);
    }
}

/// The bytes of one section of each binary that has it.
fn sections(name: &str) -> Vec<&'static [u8]> {
    let bytes = binaries().iter().filter_map(|bytes| {
        let elf = Elf::parse(bytes).unwrap();
        elf.section(name).map(|section| section.data)
    });
    bytes.collect()
}

/// A part of a section, with some bytes overwritten; arbitrary bytes where no binary has the
/// section.
fn damaged(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..16);
    let arbitrary = prop::collection::vec(any::<u8>(), 1..256);
    let which = any::<prop::sample::Index>();
    (which, 0..512usize, flips, arbitrary).prop_map(move |(which, skip, flips, arbitrary)| {
        let sections = sections(name);
        let mut bytes = match sections.len() {
            0 => arbitrary,
            count => {
                let section = sections[which.index(count)];
                section[skip.min(section.len() - 1)..]
                    .iter()
                    .copied()
                    .take(1024)
                    .collect()
            }
        };
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn each_section_by_itself(
        table in damaged(".eh_frame"),
        exceptions in damaged(".gcc_except_table"),
        notes in damaged(".note.stapsdt"),
        properties in damaged(".note.gnu.property"),
        code in damaged(".text"),
        jumps in damaged(".rodata"),
        relocations in damaged(".rela.dyn"),
    ) {
        parsers::unwind(&table);
        parsers::exception_table(&exceptions);
        parsers::notes(&notes);
        parsers::notes(&properties);
        parsers::code(&code, &jumps, &relocations);
    }
}

#[test]
fn sections_in_a_program_around_them_are_read() {
    for name in [
        ".eh_frame",
        ".gcc_except_table",
        ".note.stapsdt",
        ".note.gnu.property",
        ".rela.dyn",
    ] {
        assert!(!sections(name).is_empty(), "no binary has {name}");
    }
    for table in sections(".eh_frame") {
        parsers::unwind(table);
    }
    let marker = sections(".note.stapsdt")[0];
    let file = binary_support::wrapped::program(&[(".note.stapsdt", false, marker)]);
    assert!(!list(&file).unwrap().markers.is_empty());
}
