//! Go programs with C in them, which the C linker links: their function table is found where that
//! linker has merged it into other data, and nothing else is taken for it.

use std::process::Command;

use crate::binary_go::{Built, functions, listed, output, random, resolved};
use crate::support::{targets, toolchains};
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::list;

/// Programs with C in them, which the C linker links: up to Go 1.25 it merges the function table of
/// those that run at any address into other data.
const WITH_C: [&[&str]; 3] = [
    &["-tags=c", "-buildmode=pie"],
    &["-tags=c", "-buildmode=pie", "-ldflags=-s -w"],
    &["-tags=c", "-buildmode=c-shared"],
];

/// The functions of programs with C in them are those of `go tool nm`, and can be observed.
fn functions_are_found_with_c(versions: &[&'static str]) {
    for version in versions {
        let merged: Vec<bool> = WITH_C
            .map(|flags| is_found_with_c(version, flags))
            .into_iter()
            .collect();
        println!("{version}: function tables merged into other data: {merged:?}");
    }
}

fn is_found_with_c(version: &'static str, flags: &[&str]) -> bool {
    let built = Built(targets::build_go("goroutines", flags, Some(version)));
    let case = format!("{version} {flags:?}");
    let names = |bytes: &[u8]| functions(&listed(bytes));
    let bytes = built.bytes();
    let found = names(&bytes);
    let own = found.values().filter(|(name, _)| name.starts_with("main."));
    assert!(own.count() > 20, "{case}");
    for name in ["main.op", "main.sum[...]", "main.(*list[...]).push"] {
        assert!(resolved(&bytes, name).is_ok(), "{case}: {name}");
    }
    if flags.len() == 2 {
        let mut compared = 0;
        for line in output("nm", &["--defined-only"], &built.0).lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[address, "T" | "t", name] = words.as_slice() else {
                continue;
            };
            let address = u64::from_str_radix(address, 16).unwrap();
            if let Some((found, _)) = found.get(&address).filter(|_| name == "main.op") {
                assert_eq!(found, name, "{case}");
                compared += 1;
            }
        }
        assert_eq!(compared, 1, "{case}");
    }
    let stripped = Command::new("strip").arg(&built.0).status();
    assert!(stripped.unwrap().success());
    assert_eq!(names(&built.bytes()), found, "{case}, stripped");
    let elf = Elf::parse(&bytes).unwrap();
    elf.section(".gopclntab").is_none()
}

#[test]
fn functions_of_programs_with_c_are_found() {
    functions_are_found_with_c(&["local"]);
    functions_are_found_with_c(&toolchains::available(&toolchains::OTHERS));
}

#[test]
#[ignore = "downloads toolchains"]
fn functions_of_programs_with_c_of_more_versions_are_found() {
    functions_are_found_with_c(&toolchains::available(&toolchains::MORE));
}

/// Where the loader writes the address `value` into the data, in a section that the C linker made.
fn pointers_to(elf: &Elf<'_>, value: u64) -> Vec<u64> {
    let pointers = elf.relocations().filter(|(_, to)| *to == value);
    pointers.map(|(at, _)| at).collect()
}

#[test]
fn a_merged_table_is_what_the_runtimes_data_describes_and_nothing_else() {
    for version in toolchains::available(&toolchains::OTHERS) {
        let flags = ["-tags=c", "-buildmode=pie", "-ldflags=-s -w"];
        let bytes = Built(targets::build_go("goroutines", &flags, Some(version))).bytes();
        let elf = Elf::parse(&bytes).unwrap();
        let magic = [
            [0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8],
            [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8],
        ];
        let data = elf.section(".data.rel.ro").unwrap();
        let offset = elf.file_offset(data.address).unwrap() as usize;
        let is_table = |at: &usize| {
            let header = data.data.get(*at..*at + 8);
            magic.iter().any(|magic| header == Some(magic)) && {
                let address = data.address + *at as u64;
                !pointers_to(&elf, address).is_empty()
            }
        };
        let tables: Vec<usize> = (0..data.data.len()).step_by(8).filter(is_table).collect();
        let [table] = tables[..] else {
            panic!("{version}: {tables:?}")
        };
        let places = pointers_to(&elf, data.address + table as u64);
        let module = places.iter().find_map(|at| elf.file_offset(*at));
        let module = module.unwrap() as usize;
        // The header's layout, the number of functions, the start of the code and each part: whatever
        // of it differs, there is no table that is certain. The same with what the runtime has.
        let header = [0, 4, 6, 8, 32, 40, 48, 56, 64].map(|at| offset + table + at);
        let lengths = [17 * 8].map(|at| module + at);
        for at in header.into_iter().chain(lengths) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let refused = list(&damaged).unwrap().go.unwrap().unwrap_err();
            assert!(
                refused.to_string().contains("describes no function table"),
                "{version} {at:#x}: {refused}"
            );
        }
        let mut random = random();
        let relocations = elf.section(".rela.dyn").unwrap();
        let relocations = elf.file_offset(relocations.address).unwrap() as usize;
        for round in 0..30 {
            let mut damaged = bytes.clone();
            let (start, length) =
                [(module, 400), (offset + table, 72), (relocations, 100_000)][round % 3];
            for _ in 0..1 + random(length / 20) {
                damaged[start + random(length)] = random(256) as u8;
            }
            let _ = list(&damaged);
            let _ = resolved(&damaged, "main.op");
        }
    }
}
