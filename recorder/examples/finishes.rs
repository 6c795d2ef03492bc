//! How the functions of a file would be observed, as a table: how many functions of at least 16
//! bytes are refused, and how many begin and finish without an instruction that the kernel
//! single-steps.
//!
//! ```text
//! cargo run -p soakbox-recorder --example finishes -- /usr/bin/redis-server …
//! ```
//! With `EACH=1` it also lists the functions that keep a return, with `JUMPS=1` how many functions
//! have how many jumps.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use soakbox_recorder::binary::control_flow::{self, Extent};
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::unwind::Unwind;
use soakbox_recorder::binary::{self, Cost, CostClass, KernelVersion};

/// Bytes of the smallest function that counts.
const SMALLEST: u64 = 16;
const KERNEL: KernelVersion = KernelVersion {
    major: 6,
    minor: 18,
};

#[derive(Default)]
struct Survey {
    functions: usize,
    refused: usize,
    /// Begin and every finish are emulated; with any return value, and without one.
    emulated: usize,
    emulated_without_value: usize,
    /// Some finish is at a jump, and some at a return.
    partly: usize,
    stepped_begins: usize,
    unknown_paths: usize,
    jumps: usize,
    returns_covered: usize,
    /// Functions by their number of jumps.
    by_jumps: BTreeMap<usize, usize>,
}

fn survey(path: &str) -> Result<Survey> {
    let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
    let elf = Elf::parse(&bytes)?;
    let unwind = Unwind::parse(&elf);
    let surveyed = binary::survey(bytes.as_slice(), KERNEL)?;
    let surveyed = surveyed.into_iter();
    let classes: BTreeMap<u64, _> = surveyed.map(|one| (one.address, one.class)).collect();
    let mut seen = BTreeSet::new();
    let mut survey = Survey::default();
    for symbol in &elf.symbols {
        if symbol.size < SMALLEST || symbol.indirect || !seen.insert(symbol.address) {
            continue;
        }
        survey.functions += 1;
        let extent = Extent::of(&elf, symbol);
        // Through all functions that it tail-calls.
        if let Some(Err(reason)) = classes.get(&symbol.address) {
            survey.refused += 1;
            if std::env::var_os("REFUSED").is_some() {
                println!("{} {:#x}: {reason}", symbol.name, symbol.address);
            }
            continue;
        }
        let Ok(body) = control_flow::analyse(&elf, &unwind, &extent, KERNEL) else {
            continue;
        };
        let cheap_begin = body.begin.cost == Cost::Emulated;
        survey.stepped_begins += usize::from(!cheap_begin);
        let exits = body.exits(64);
        let class = classes.get(&symbol.address);
        survey.emulated += usize::from(class == Some(&Ok(CostClass::Emulated)));
        survey.partly += usize::from(!exits.returns.is_empty() && !exits.jumps.is_empty());
        survey.jumps += exits.jumps.len();
        survey.returns_covered += body.returns.len() - exits.returns.len();
        *survey.by_jumps.entry(exits.jumps.len()).or_default() += 1;
        let without = body.exits(0);
        survey.emulated_without_value += usize::from(cheap_begin && without.returns.is_empty());
        survey.unknown_paths += usize::from(!body.has_known_paths());
        if std::env::var_os("EACH").is_some() && cheap_begin && !exits.returns.is_empty() {
            println!(
                "{} {:#x}: begin {:#x}, jumps {:x?}, kept {:x?}, without value {:x?}",
                symbol.name,
                symbol.address,
                body.begin.address,
                exits
                    .jumps
                    .iter()
                    .map(|exit| exit.address)
                    .collect::<Vec<_>>(),
                exits.returns,
                without.returns
            );
        }
    }
    Ok(survey)
}

fn main() -> Result<()> {
    println!(
        "{:32} {:>9} {:>8} {:>9} {:>14} {:>7} {:>13} {:>8} {:>14}",
        "file",
        "functions",
        "refused",
        "emulated",
        "without value",
        "partly",
        "stepped begin",
        "unknown",
        "jumps / return"
    );
    for path in std::env::args().skip(1) {
        let found = survey(&path)?;
        let share = |count: usize| 100.0 * count as f64 / found.functions.max(1) as f64;
        println!(
            "{:32} {:>9} {:>7.1}% {:>8.1}% {:>13.1}% {:>6.1}% {:>12.1}% {:>7.1}% {:>14.2}",
            path.rsplit('/').next().unwrap_or(&path),
            found.functions,
            share(found.refused),
            share(found.emulated),
            share(found.emulated_without_value),
            share(found.partly),
            share(found.stepped_begins),
            share(found.unknown_paths),
            found.jumps as f64 / found.returns_covered.max(1) as f64,
        );
        if std::env::var_os("JUMPS").is_some() {
            println!("  functions by jumps: {:?}", found.by_jumps);
        }
    }
    Ok(())
}
