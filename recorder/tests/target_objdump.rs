//! Return sites of real binaries against `objdump -d`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use soakbox_recorder::target::elf::Elf;
use soakbox_recorder::target::flow::{self, Extent};
use soakbox_recorder::target::unwind::Unwind;

mod target_support;
use target_support::{KERNEL, objdump_returns};

struct Survey {
    resolved: usize,
    guessed: usize,
    refused: BTreeMap<String, Vec<String>>,
}

/// Analyses every `step`th function of the file; each return found must be one for objdump too, and each return that
/// objdump sees in the function's parts must be found.
fn survey(path: &Path, step: usize) -> Survey {
    let bytes = std::fs::read(path).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let unwind = Unwind::parse(&elf);
    let (_, returns) = objdump_returns(path);
    let mut survey = Survey {
        resolved: 0,
        guessed: 0,
        refused: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    for symbol in elf.symbols.iter().step_by(step) {
        if symbol.size == 0 || symbol.indirect || !seen.insert(symbol.address) {
            continue;
        }
        let names: Vec<&str> = elf
            .symbols_at(symbol.address)
            .map(|symbol| symbol.name)
            .collect();
        let extent = Extent {
            names,
            start: symbol.address,
            end: symbol.address + symbol.size,
        };
        match flow::analyse(&elf, &unwind, &extent, KERNEL, false) {
            Ok(body) => {
                survey.resolved += 1;
                survey.guessed += usize::from(body.guessed);
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
                    soakbox_recorder::target::Reason::Unreadable { why, .. } => {
                        format!("{kind}: {why}")
                    }
                    soakbox_recorder::target::Reason::UnknownJump { why, .. } => {
                        format!("{kind}: {why}")
                    }
                    soakbox_recorder::target::Reason::NoBegin(why) => format!("{kind}: {why}"),
                    soakbox_recorder::target::Reason::TailCall { callee: None, .. } => {
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
        "{}: {} resolved, {} with a table of unknown length",
        path.display(),
        survey.resolved,
        survey.guessed
    );
    for (kind, refused) in &survey.refused {
        println!("  {} {kind}", refused.len());
        for example in refused.iter().take(6) {
            println!("      {example}");
        }
    }
}

#[test]
#[ignore = "minutes; SOAKBOX_SURVEY=FILE:FILE names the binaries"]
fn returns_of_whole_binaries_are_those_of_objdump() {
    let files = std::env::var("SOAKBOX_SURVEY").unwrap_or_default();
    for file in files.split(':').filter(|file| !file.is_empty()) {
        let path = Path::new(file);
        print(path, &survey(path, 1));
    }
}
