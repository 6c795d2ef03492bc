//! Functions: from a name to its extent, its begin and its finishes.

use super::clones;
use super::control_flow::{self, Body, Extent};
use super::demangle;
use super::disassembly::{self, Cost};
use super::elf::{Elf, Symbol};
use super::error::Reason;
use super::hazards::{self, Exclusion, StackSwitch};
use super::suggest;
use super::unwind::Unwind;
use super::{Finish, Function, KernelVersion, Order, Site};

/// Resolves a function with the copies that the compiler made of it. The warnings are about calls that will not be seen.
pub(super) fn resolve(
    elf: &Elf<'_>,
    file: &str,
    function: &str,
    kernel: KernelVersion,
) -> Result<(Function, Vec<String>), Reason> {
    if elf.is_go() {
        return Err(Reason::Go);
    }
    let symbol = find(elf, file, function)?;
    let unwind = Unwind::parse(elf);
    let extent = extent(elf, &unwind, &symbol)?;
    let body = control_flow::analyse(elf, &unwind, &extent, kernel);
    let switch = hazards::stack_switch(elf);
    let order = match &switch {
        StackSwitch::Excluded => Order::StackOrder,
        StackSwitch::Possible(why) => Order::EqualOnly { why: why.clone() },
    };
    let entry = entry_site(elf, extent.start, kernel);
    let uretprobe = hazards::uretprobe(elf, &unwind, &switch, kernel);
    let uretprobe = match uretprobe {
        Exclusion::None => match hazards::may_reenter(elf, &unwind, extent.start) {
            Some(why) => Exclusion::Because(format!(
                "the kernel follows at most 64 nested returns, and {why}"
            )),
            None => Exclusion::None,
        },
        excluded @ Exclusion::Because(_) => excluded,
    };
    let copies = clones::of(elf, &copied_names(&extent, function), Some(extent.start));
    let uretprobe = match copies.clear.len() {
        0 => uretprobe,
        _ => Exclusion::Because("the compiler made copies of it".into()),
    };
    let mut warnings = Vec::new();
    if let Ok(body) = &body {
        let parts = clones::other_parts(elf, &extent.names, &body.parts);
        if !parts.is_empty() {
            let parts = parts.join(", ");
            warnings.push(format!(
                "calls whose start was inlined are not observed: they enter {parts} directly"
            ));
        }
    }
    if !copies.ambiguous.is_empty() {
        let names = copies.ambiguous.join(", ");
        warnings.push(format!(
            "copies made by the compiler are not observed, for they may be of another function of that name: {names}"
        ));
    }
    let (mut begins, mut finish) = match (uretprobe, entry, body) {
        (
            Exclusion::None,
            Some(entry),
            Err(Reason::TailCall { .. } | Reason::UnknownJump { .. }),
        ) => (vec![entry.clone()], Finish::Uretprobe(entry)),
        (Exclusion::None, Some(entry), Ok(_)) if entry.cost == Cost::Emulated => {
            (vec![entry.clone()], Finish::Uretprobe(entry))
        }
        (exclusion, _, body) => {
            let why = match exclusion {
                Exclusion::Because(why) => why,
                Exclusion::None => "its first instruction is single-stepped anyway".into(),
            };
            returns(elf, &body?, why)?
        }
    };
    let mut copied = Vec::new();
    for copy in copies.clear {
        let found = self::extent(elf, &unwind, &copy).and_then(|extent| {
            let body = control_flow::analyse(elf, &unwind, &extent, kernel)?;
            returns(elf, &body, String::new())
        });
        match (found, &mut finish) {
            (Ok((more, Finish::Returns { sites: others, .. })), Finish::Returns { sites, .. }) => {
                begins.extend(more);
                sites.extend(others);
                copied.push(copy.name.to_owned());
            }
            (Ok(_), _) => {}
            (Err(reason), _) => warnings.push(format!(
                "{}, a copy of it made by the compiler, is not observed: {reason}",
                copy.name
            )),
        }
    }
    let function = Function {
        symbol: symbol.name.to_owned(),
        aliases: extent.names.iter().map(|name| (*name).to_owned()).collect(),
        copies: copied,
        address: extent.start,
        begins,
        finish,
        order,
    };
    Ok((function, warnings))
}

/// The names of which copies are looked for: all of the same code, and the one asked for, of which only copies may be
/// left.
fn copied_names<'n>(extent: &Extent<'n>, function: &'n str) -> Vec<&'n str> {
    let mut names = extent.names.clone();
    if !names.contains(&function) {
        names.push(function);
    }
    names
}

fn returns(elf: &Elf<'_>, body: &Body, why: String) -> Result<(Vec<Site>, Finish), Reason> {
    let missing = Reason::NoBegin("it is not in the file");
    let begin = &body.begin;
    let begin = Site::at(elf, begin.address, begin.stack_delta, begin.cost).ok_or(missing)?;
    let mut sites = Vec::with_capacity(body.returns.len());
    for address in &body.returns {
        let refuse = || Reason::Unreadable {
            at: *address,
            why: "the kernel accepts no probe on a return",
        };
        let site = Site::at(elf, *address, 0, Cost::SingleStepped).ok_or_else(refuse)?;
        sites.push(site);
    }
    Ok((vec![begin], Finish::Returns { sites, why }))
}

fn entry_site(elf: &Elf<'_>, address: u64, kernel: KernelVersion) -> Option<Site> {
    let cost = disassembly::probe_cost(elf.bytes_from(address)?, kernel)?;
    Site::at(elf, address, 0, cost)
}

/// The one function of that name.
fn find<'a>(elf: &Elf<'a>, file: &str, function: &str) -> Result<Symbol<'a>, Reason> {
    let mut found: Vec<&Symbol<'a>> = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.name == function)
        .collect();
    if found.is_empty() && !elf.imports.contains(function) {
        let is_path =
            |symbol: &&Symbol<'_>| demangle::path(symbol.name).as_deref() == Some(function);
        found = elf.symbols.iter().filter(is_path).collect();
        // Constructors and the like: several mangled names of one place.
        found.dedup_by_key(|symbol| symbol.address);
    }
    let copies = clones::of(elf, &[function], None);
    if found.is_empty() && !elf.imports.contains(function) {
        // Of a function that nobody else can call, a compiler may keep nothing but a copy.
        found = elf
            .symbols
            .iter()
            .filter(|symbol| copies.clear.first() == Some(*symbol))
            .collect();
    }
    if found.len() > 1 && found.iter().any(|symbol| symbol.default_version) {
        found.retain(|symbol| symbol.default_version);
    }
    match found.as_slice() {
        [] if elf.imports.contains(function) => Err(Reason::Imported {
            function: function.into(),
            needed: elf.needed.iter().map(|name| (*name).to_owned()).collect(),
        }),
        [] => Err(Reason::UnknownFunction {
            file: file.into(),
            function: function.into(),
            near: suggest::nearest(function, elf.symbols.iter().map(|symbol| symbol.name)),
            symbols: symbol_hint(elf),
        }),
        [symbol] if symbol.indirect => Err(Reason::Indirect(function.into())),
        [symbol] => Ok(**symbol),
        many => Err(Reason::Ambiguous {
            function: function.into(),
            addresses: many.iter().map(|symbol| symbol.address).collect(),
        }),
    }
}

fn symbol_hint(elf: &Elf<'_>) -> String {
    match (elf.has_symtab, elf.symbols.len()) {
        (_, 0) => "the file is stripped of all function symbols".into(),
        (false, count) => {
            format!("the file is stripped: only its {count} exported functions have names")
        }
        (true, _) => "a function that is inlined everywhere has no code of its own".into(),
    }
}

/// The symbol's range, checked against the unwind table where its size is unknown.
fn extent<'a>(
    elf: &Elf<'a>,
    unwind: &Unwind<'_>,
    symbol: &Symbol<'a>,
) -> Result<Extent<'a>, Reason> {
    let refuse = |why: &str| Reason::NotCode {
        function: symbol.name.into(),
        why: why.into(),
    };
    if !elf.is_executable(symbol.address) {
        return Err(refuse("it is not in executable memory"));
    }
    let size = elf
        .symbols_at(symbol.address)
        .map(|symbol| symbol.size)
        .max()
        .unwrap_or_default();
    let frame = unwind
        .frame_at(symbol.address)
        .filter(|frame| frame.start == symbol.address);
    let end = match (size, frame) {
        (0, Some(frame)) => frame.end,
        (0, None) => return Err(refuse("the symbol has no size")),
        (size, _) => symbol
            .address
            .checked_add(size)
            .ok_or_else(|| refuse("the symbol's size overflows"))?,
    };
    let names = elf
        .symbols_at(symbol.address)
        .map(|symbol| symbol.name)
        .collect();
    Ok(Extent {
        names,
        start: symbol.address,
        end,
    })
}
