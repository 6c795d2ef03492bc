//! Return sites of real binaries against `objdump -d`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use soakbox_recorder::binary::control_flow::{self, Extent};
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::unwind::{Cfa, Unwind};

use crate::binary_support::{KERNEL, Workshop, host, objdump_returns};

struct Survey {
    resolved: usize,
    guessed: usize,
    moved: usize,
    refused: BTreeMap<String, Vec<String>>,
}

/// Analyses every `step`th function of the file. The returns found must be exactly those that
/// objdump finds in the function's parts.
fn survey(path: &Path, step: usize) -> Survey {
    let bytes = std::fs::read(path).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let unwind = Unwind::parse(&elf);
    let (_, returns) = objdump_returns(path);
    let mut survey = Survey {
        resolved: 0,
        guessed: 0,
        moved: 0,
        refused: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    for symbol in elf.symbols.iter().step_by(step) {
        if symbol.size == 0 || symbol.indirect || !seen.insert(symbol.address) {
            continue;
        }
        let extent = Extent::of(&elf, symbol);
        match control_flow::analyse(&elf, &unwind, &extent, KERNEL) {
            Ok(body) => {
                survey.resolved += 1;
                survey.guessed += usize::from(body.guessed);
                // The unwind table has the depth of the stack at the begin from another source.
                if let Some(Cfa::StackPointer(offset)) = unwind.cfa_at(body.begin.address) {
                    let delta = i64::from(body.begin.stack_delta);
                    assert_eq!(delta, offset - 8, "{} in {}", symbol.name, path.display());
                    survey.moved += usize::from(delta != 0);
                }
                let expected: BTreeSet<u64> = body
                    .parts
                    .iter()
                    .flat_map(|(start, end)| returns.range(start..end).copied())
                    .collect();
                let found: BTreeSet<u64> = body.returns.iter().copied().collect();
                assert_eq!(found, expected, "{} in {}", symbol.name, path.display());
            }
            Err(reason) => {
                let debug = format!("{reason:?}");
                let kind: String = debug
                    .split([' ', '('])
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let kind = match &reason {
                    soakbox_recorder::binary::Reason::Unreadable { why, .. } => {
                        format!("{kind}: {why}")
                    }
                    soakbox_recorder::binary::Reason::UnknownJump { why, .. } => {
                        format!("{kind}: {why}")
                    }
                    soakbox_recorder::binary::Reason::NoBegin(why) => format!("{kind}: {why}"),
                    soakbox_recorder::binary::Reason::TailCall { callee: None, .. } => {
                        format!("{kind}: unnamed")
                    }
                    _ => kind,
                };
                survey
                    .refused
                    .entry(kind)
                    .or_default()
                    .push(format!("{} {:#x}: {reason}", symbol.name, symbol.address));
            }
        }
    }
    survey
}

fn print(path: &Path, survey: &Survey) {
    println!(
        "{}: {} resolved, {} with a table of unknown length, {} with something on the stack at the begin",
        path.display(),
        survey.resolved,
        survey.guessed,
        survey.moved
    );
    for (kind, refused) in &survey.refused {
        println!("  {} {kind}", refused.len());
        for example in refused.iter().take(6) {
            println!("      {example}");
        }
    }
}

#[test]
#[ignore = "minutes; SOAKBOX_SURVEY=FILE:FILE names other binaries"]
fn returns_of_whole_binaries_are_those_of_objdump() {
    const USUAL: &str = "/lib/x86_64-linux-gnu/libc.so.6:/usr/lib/postgresql/15/bin/postgres:/usr/bin/bpftrace:/usr/bin/python3:/usr/bin/bash";
    let files = std::env::var("SOAKBOX_SURVEY").unwrap_or_else(|_| USUAL.to_owned());
    let mut resolved = 0;
    for path in files.split(':').map(Path::new).filter(|path| path.exists()) {
        let survey = survey(path, 1);
        print(path, &survey);
        resolved += survey.resolved;
    }
    assert!(resolved > 0, "none of {files} has a function that resolves");
}

#[test]
fn returns_of_system_libraries_are_those_of_objdump() {
    for (file, step) in [("/lib/x86_64-linux-gnu/libc.so.6", 5), ("/usr/bin/bash", 3)] {
        if !host::has_file(file) {
            continue;
        }
        let path = Path::new(file);
        let survey = survey(path, step);
        print(path, &survey);
        assert!(survey.resolved > 200, "{file}: {}", survey.resolved);
    }
}

/// A static program holds a thousand of the C library's functions, with the names of their cold
/// parts; without those names the results must be the same.
#[test]
fn cold_parts_are_found_without_their_names() {
    let workshop = Workshop::new();
    let path = workshop.build_file("gcc", "shapes.c", &["-O2", "-static"]);
    let survey = survey(&path, 1);
    print(&path, &survey);
    let named_bytes = std::fs::read(&path).unwrap();
    let stripped_bytes = workshop.build("gcc", "shapes.c", &["-O2", "-static", "-s"]);
    let (named, stripped) = (
        Elf::parse(&named_bytes).unwrap(),
        Elf::parse(&stripped_bytes).unwrap(),
    );
    let (named_unwind, stripped_unwind) = (Unwind::parse(&named), Unwind::parse(&stripped));
    assert!(stripped.symbols.is_empty());
    let (mut compared, mut with_cold) = (0, 0);
    for symbol in &named.symbols {
        let extent = Extent::of(&named, symbol);
        let full = control_flow::analyse(&named, &named_unwind, &extent, KERNEL);
        let bare = control_flow::analyse(&stripped, &stripped_unwind, &extent, KERNEL);
        if let (Ok(full), Ok(bare)) = (full, bare) {
            // A nameless function that is tail-called only from here counts as a part of this one:
            // its returns count too.
            assert!(
                bare.returns
                    .iter()
                    .collect::<BTreeSet<_>>()
                    .is_superset(&full.returns.iter().collect()),
                "{}: {:x?} and {:x?}",
                symbol.name,
                full.returns,
                bare.returns
            );
            if full.tail_jumps.is_empty() {
                assert_eq!(full.returns, bare.returns, "{}", symbol.name);
                compared += 1;
            }
            with_cold += usize::from(full.parts.len() > 1);
        }
    }
    println!("{compared} compared, {with_cold} with cold parts");
    assert!(compared > 700 && with_cold > 10, "{compared}, {with_cold}");
}

/// All parts that symbols name are found without these symbols, with all of their returns.
#[test]
#[ignore = "SOAKBOX_DEBUG=FILE:DEBUG_FILE names a stripped file and the file with its symbols"]
fn parts_are_those_that_a_debug_file_names() {
    let files = std::env::var("SOAKBOX_DEBUG").unwrap();
    let (path, debug) = files.split_once(':').unwrap();
    let (bytes, debug) = (std::fs::read(path).unwrap(), std::fs::read(debug).unwrap());
    let stripped = Elf::parse(&bytes).unwrap();
    let mut named = Elf::parse(&bytes).unwrap();
    named.add_symbols(&Elf::parse(&debug).unwrap(), true);
    assert!(!stripped.has_symtab && named.has_symtab);
    let unwind = Unwind::parse(&stripped);
    let (mut compared, mut guessed, mut with_cold) = (0, 0, 0);
    for symbol in named.symbols.iter().filter(|symbol| !symbol.indirect) {
        let extent = Extent::of(&named, symbol);
        let bare = control_flow::analyse(&stripped, &unwind, &extent, KERNEL);
        let full = control_flow::analyse(&named, &unwind, &extent, KERNEL);
        let (Ok(bare), Ok(full)) = (bare, full) else {
            continue;
        };
        compared += 1;
        guessed += usize::from(bare.guessed);
        with_cold += usize::from(full.parts.len() > 1);
        // A nameless function that is tail-called only from here counts as a part of this one.
        let place = format!("{}: {full:x?} and {bare:x?}", symbol.name);
        let mut parts = full.parts.iter();
        assert!(parts.all(|part| bare.parts.contains(part)), "{place}");
        let mut returns = full.returns.iter();
        assert!(returns.all(|at| bare.returns.contains(at)), "{place}");
    }
    println!(
        "{compared} compared, {guessed} with a table of unknown length, {with_cold} with cold parts"
    );
    assert!(compared > 0);
}
