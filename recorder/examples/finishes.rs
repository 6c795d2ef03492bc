//! How the functions of a file would be observed, as a table: of the functions of at least 16
//! bytes, how many are refused, how many begin and finish without an instruction that the kernel
//! single-steps, and why the others do not.
//!
//! ```text
//! cargo run -p soakbox-recorder --example finishes -- /usr/bin/redis-server …
//! ```
//! With `EACH=1` it also lists the functions that are single-stepped, with `REFUSED=1` those that
//! are refused with `finish=jump` too, with `JUMPS=1` how many functions have how many jumps.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use soakbox_recorder::binary::control_flow::{self, Body, Extent, KeptBecause};
use soakbox_recorder::binary::elf::Elf;
use soakbox_recorder::binary::unwind::Unwind;
use soakbox_recorder::binary::{self, Cost, CostClass, KernelVersion, ReturnUse};

/// Bytes of the smallest function that counts.
const SMALLEST: u64 = 16;
const KERNEL: KernelVersion = KernelVersion {
    major: 6,
    minor: 18,
};

/// Why a function is single-stepped; where several reasons hold, the last of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Kept(KeptBecause),
    /// A finish in a function that it tail-calls.
    Callee,
    /// A finish in its callers.
    Caller,
    /// Its begin alone.
    Begin,
}

impl Why {
    fn of(body: &Body) -> Self {
        match body.kept_because() {
            Some(reason) => Self::Kept(reason),
            None if body.begin.cost == Cost::SingleStepped => Self::Begin,
            None => Self::Callee,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Kept(reason) => reason.text(),
            Self::Callee => "in a function that it tail-calls",
            Self::Caller => "in its callers",
            Self::Begin => "only its begin is single-stepped",
        }
    }
}

#[derive(Default)]
struct Survey {
    functions: usize,
    refused: usize,
    /// Refused unless they may finish at jumps that cannot be followed.
    at_jumps: usize,
    /// Begin and every finish are emulated.
    emulated: usize,
    /// The same where programs carry out returns.
    carried_out: usize,
    /// As `emulated`, with a rule that reads the return value, and in the function's own code only.
    with_value: usize,
    stepped: BTreeMap<Why, usize>,
    jumps: usize,
    returns_covered: usize,
    /// Functions by their number of jumps.
    by_jumps: BTreeMap<usize, usize>,
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

fn survey(path: &str) -> Result<Survey> {
    let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
    let elf = Elf::parse(&bytes)?;
    let unwind = Unwind::parse(&elf);
    let classes = |carries_out_returns| -> Result<BTreeMap<u64, _>> {
        let surveyed = binary::survey(bytes.as_slice(), KERNEL, carries_out_returns)?;
        let surveyed = surveyed.into_iter();
        Ok(surveyed
            .map(|one| (one.address, (one.class, one.at_jumps)))
            .collect())
    };
    let (classes, carried_out) = (classes(false)?, classes(true)?);
    let mut seen = BTreeSet::new();
    let mut survey = Survey::default();
    for symbol in &elf.symbols {
        if symbol.size < SMALLEST || symbol.indirect || !seen.insert(symbol.address) {
            continue;
        }
        survey.functions += 1;
        let extent = Extent::of(&elf, symbol);
        let carried_out = carried_out.get(&symbol.address);
        let is_emulated = carried_out.is_some_and(|(class, _)| *class == Ok(CostClass::Emulated));
        survey.carried_out += usize::from(is_emulated);
        // The class of all ways, also through functions that it tail-calls.
        let (class, at_jumps) = match classes.get(&symbol.address) {
            Some((class, at_jumps)) => (Some(class), *at_jumps),
            None => (None, None),
        };
        if let Some(Err(reason)) = class {
            survey.refused += 1;
            survey.at_jumps += usize::from(at_jumps.is_some());
            if is_set("REFUSED") && at_jumps.is_none() {
                println!("{} {:#x}: {reason}", symbol.name, symbol.address);
            }
            continue;
        }
        let Ok(body) = control_flow::analyse(&elf, &unwind, &extent, KERNEL) else {
            if class == Some(&Ok(CostClass::Emulated)) {
                survey.emulated += 1;
            } else {
                *survey.stepped.entry(Why::Caller).or_default() += 1;
            }
            continue;
        };
        let cheap_begin = body.begin.cost == Cost::Emulated;
        let with_value = body.exits(ReturnUse::needed(64));
        survey.with_value += usize::from(cheap_begin && with_value.returns.is_empty());
        let exits = body.exits(ReturnUse::RECORDED);
        survey.jumps += exits.jumps.len();
        survey.returns_covered += body.returns.len() - exits.returns.len();
        *survey.by_jumps.entry(exits.jumps.len()).or_default() += 1;
        if class == Some(&Ok(CostClass::Emulated)) {
            survey.emulated += 1;
            continue;
        }
        let why = Why::of(&body);
        *survey.stepped.entry(why).or_default() += 1;
        if is_set("EACH") {
            let jumps = exits.jumps.iter().map(|exit| exit.address);
            println!(
                "{} {:#x}: {}; begin {:#x}, jumps {:x?}, kept {:x?}",
                symbol.name,
                symbol.address,
                why.text(),
                body.begin.address,
                jumps.collect::<Vec<_>>(),
                exits.returns,
            );
        }
    }
    Ok(survey)
}

fn main() -> Result<()> {
    for path in std::env::args().skip(1) {
        let found = survey(&path)?;
        let share = |count: usize| 100.0 * count as f64 / found.functions.max(1) as f64;
        println!("{path}: {} functions", found.functions);
        let line = |count: usize, text: &str| println!("  {:5.1}% {text}", share(count));
        line(found.emulated, "begin and every finish are emulated");
        line(
            found.carried_out,
            "the same where the recorder's programs carry out returns",
        );
        line(
            found.with_value,
            "the same in its own code, with every return value known",
        );
        line(found.refused, "refused");
        line(
            found.refused - found.at_jumps,
            "refused with finish=jump too",
        );
        for (why, count) in &found.stepped {
            line(*count, &format!("single-stepped: {}", why.text()));
        }
        println!(
            "  {:.2} jumps for each return that has some",
            found.jumps as f64 / found.returns_covered.max(1) as f64
        );
        if is_set("JUMPS") {
            println!("  functions by jumps: {:?}", found.by_jumps);
        }
    }
    Ok(())
}
