//! Functions: from a name to its range, its begin and its finishes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use soakbox_schemas::control::WayOut;

use super::clones::{self, Clones, Role};
use super::control_flow::{self, Body, Extent, ReturnUse};
use super::disassembly::{self, Cost};
use super::elf::{Elf, Symbol};
use super::error::Reason;
use super::hazards;
use super::lookup::{self, NamedFunction};
use super::tail_calls::{Chain, Tail};
use super::unwind::Unwind;
use super::{ExitSite, Finish, Function, KernelVersion, Site, Surveyed, TailCalls};

/// Resolves a function with the copies that the compiler made of it. The warnings are about calls
/// that will not be observed.
pub(super) fn resolve(
    elf: &Elf<'_>,
    file: &str,
    function: &str,
    kernel: KernelVersion,
    value: ReturnUse,
) -> Result<(Function, Vec<String>), Reason> {
    if elf.is_go() {
        return Err(Reason::Go);
    }
    let found = lookup::find(elf, file, function)?;
    resolve_found(&Program::new(elf, kernel, value), &found)
}

/// Resolves a function that is finished by a uretprobe because somebody vouches for it, like
/// [`resolve`].
pub(super) fn resolve_vouched(
    elf: &Elf<'_>,
    file: &str,
    function: &str,
    kernel: KernelVersion,
) -> Result<(Function, Vec<String>), Reason> {
    if elf.is_go() {
        return Err(Reason::Uretprobe("the stacks of Go move".into()));
    }
    let found = lookup::find(elf, file, function)?;
    let program = Program::new(elf, kernel, ReturnUse::RECORDED);
    let extent = program.extent(&found.symbol)?;
    if let Some(why) = hazards::certain_harm(elf, &extent.names, kernel) {
        return Err(Reason::Uretprobe(why));
    }
    let copies = clones::of(elf, &copied_names(&extent, found.name), Some(extent.start));
    if !copies.unique.is_empty() {
        let why = "the compiler made copies of the function, which a uretprobe does not see";
        return Err(Reason::Uretprobe(why.into()));
    }
    let missing = Reason::NoBegin("the kernel accepts no probe on its first instruction");
    let entry = program.entry_site(extent.start).ok_or(missing)?;
    let warnings = unobserved_calls(elf, &extent, &program.body(&extent), &copies);
    let function = Function {
        symbol: found.symbol.name.to_owned(),
        aliases: extent.names.iter().map(|name| (*name).to_owned()).collect(),
        copies: Vec::new(),
        address: extent.start,
        begins: vec![entry.clone()],
        finish: Finish::Uretprobe(entry),
        tail_calls: TailCalls::default(),
        vouched: program.excludes_uretprobe(&extent, &copies),
        stack_switch: program.stack_switch,
    };
    Ok((function, warnings))
}

/// The cost class of each function of the file, by the symbols that stand for it alone, in their
/// order; the reason where one cannot be observed. Without IFUNCs, copies and split-off parts.
pub(super) fn survey<'a>(elf: &Elf<'a>, kernel: KernelVersion) -> Vec<Surveyed<'a>> {
    let program = Program::new(elf, kernel, ReturnUse::RECORDED);
    let class = |symbol: &Symbol<'a>| {
        if elf.is_go() {
            return Err(Reason::Go);
        }
        let found = NamedFunction {
            symbol: *symbol,
            name: symbol.name,
        };
        let (function, _) = resolve_found(&program, &found)?;
        Ok(function.cost_class())
    };
    let symbols = elf.symbols.iter();
    symbols
        .filter(|symbol| !symbol.indirect && clones::role(symbol.name) == Role::Function)
        .map(|symbol| Surveyed {
            symbol: symbol.name,
            address: symbol.address,
            class: class(symbol),
        })
        .collect()
}

fn resolve_found<'a>(
    program: &Program<'_, 'a>,
    found: &NamedFunction<'a>,
) -> Result<(Function, Vec<String>), Reason> {
    let elf = program.elf;
    let extent = program.extent(&found.symbol)?;
    let body = program.body(&extent);
    let copies = clones::of(elf, &copied_names(&extent, found.name), Some(extent.start));
    let mut warnings = unobserved_calls(elf, &extent, &body, &copies);

    let no_uretprobe = program.excludes_uretprobe(&extent, &copies);
    let mut chain = Chain::new(
        std::iter::once(extent.start).chain(copies.unique.iter().map(|copy| copy.address)),
    );
    let (mut begins, mut finish) = program.sites(&extent, body, no_uretprobe, &mut chain)?;
    let mut observed = Vec::new();
    for copy in copies.unique {
        let sites = program.copy_sites(&copy).and_then(|sites| {
            let mut longer = chain.clone();
            longer.add(program, &sites)?;
            chain = longer;
            Ok(sites)
        });
        match (sites, &mut finish) {
            (
                Ok(more),
                Finish::Returns {
                    sites, exits, kept, ..
                },
            ) => {
                begins.push(more.begin);
                sites.extend(more.returns);
                exits.extend(more.exits);
                kept.extend(more.kept);
                observed.push(copy.name.to_owned());
            }
            // Where there are copies, no uretprobe is used.
            (Ok(_), Finish::Uretprobe(_)) => {}
            (Err(why), _) if chain.leads_to(copy.address) => {
                return Err(Reason::TailCallee {
                    callee: program.name_at(copy.address),
                    why: Box::new(why),
                });
            }
            (Err(reason), _) => warnings.push(format!(
                "{}, a copy of it made by the compiler, is not observed: {reason}",
                copy.name
            )),
        }
    }
    let function = Function {
        symbol: found.symbol.name.to_owned(),
        aliases: extent.names.iter().map(|name| (*name).to_owned()).collect(),
        copies: observed,
        address: extent.start,
        begins,
        finish,
        tail_calls: chain.into_tail_calls(),
        stack_switch: program.stack_switch.clone(),
        vouched: None,
    };
    Ok((function, warnings))
}

/// The names whose copies are searched for: every symbol of this code, and the function's own name,
/// which has no symbol where only copies are left.
fn copied_names<'n>(extent: &Extent<'n>, function: &'n str) -> Vec<&'n str> {
    let mut names = extent.names.clone();
    if !names.contains(&function) {
        names.push(function);
    }
    names
}

/// Warnings about calls that enter the function's code neither at its start nor at the start of a
/// known copy.
fn unobserved_calls(
    elf: &Elf<'_>,
    extent: &Extent<'_>,
    body: &Result<Body, Reason>,
    copies: &Clones<'_>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Ok(body) = body {
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
            "copies made by the compiler are not observed, because they may be copies of another function of the same name: {names}"
        ));
    }
    warnings
}

/// The begin and the finishes of one body of code.
#[derive(Clone)]
pub(super) struct BodySites {
    pub(super) begin: Site,
    returns: Vec<Site>,
    pub(super) exits: Vec<ExitSite>,
    /// The returns that no exit covers.
    pub(super) kept: Vec<Site>,
    /// See [`control_flow::Exits`].
    too_many_jumps: Option<usize>,
    /// Jumps to other functions.
    pub(super) tails: Vec<Tail>,
    /// Address ranges of the code.
    pub(super) parts: Vec<(u64, u64)>,
}

/// The program that the function is in, and the kernel that will run it.
pub(super) struct Program<'e, 'a> {
    elf: &'e Elf<'a>,
    unwind: Unwind<'a>,
    kernel: KernelVersion,
    value: ReturnUse,
    /// How it could switch stacks, in words; `None` where it cannot.
    stack_switch: Option<String>,
    /// The functions that others tail-call, by address.
    tail_called: RefCell<HashMap<u64, Result<Rc<BodySites>, Reason>>>,
}

impl<'e, 'a> Program<'e, 'a> {
    fn new(elf: &'e Elf<'a>, kernel: KernelVersion, value: ReturnUse) -> Self {
        Self {
            elf,
            unwind: Unwind::parse(elf),
            kernel,
            value,
            stack_switch: hazards::stack_switch(elf),
            tail_called: RefCell::default(),
        }
    }

    fn body(&self, extent: &Extent<'_>) -> Result<Body, Reason> {
        control_flow::analyse(self.elf, &self.unwind, extent, self.kernel)
    }

    /// The reason why the function must not be observed by a uretprobe; `None` where it may.
    fn excludes_uretprobe(&self, extent: &Extent<'_>, copies: &Clones<'_>) -> Option<String> {
        if !copies.unique.is_empty() {
            return Some("the compiler made copies of it".into());
        }
        let stack_switch = self.stack_switch.as_deref();
        hazards::uretprobe(self.elf, &self.unwind, stack_switch, self.kernel).or_else(|| {
            let why = hazards::may_reenter(self.elf, &self.unwind, extent.start)?;
            Some(format!(
                "the kernel follows at most 64 nested returns, and {why}"
            ))
        })
    }

    /// The function's own sites, without its copies: a uretprobe where that is safe, and either
    /// cheaper or needed because the return instructions are not certain; else its exits and return
    /// instructions.
    fn sites(
        &self,
        extent: &Extent<'_>,
        body: Result<Body, Reason>,
        no_uretprobe: Option<String>,
        chain: &mut Chain,
    ) -> Result<(Vec<Site>, Finish), Reason> {
        let entry = self.entry_site(extent.start);
        let why = match (no_uretprobe, entry, &body) {
            (Some(why), ..) => why,
            (None, Some(entry), Err(Reason::TailCall { .. } | Reason::UnknownJump { .. })) => {
                return Ok((vec![entry.clone()], Finish::Uretprobe(entry)));
            }
            (None, Some(entry), Ok(body))
                if entry.cost == Cost::Emulated || !body.tail_jumps.is_empty() =>
            {
                return Ok((vec![entry.clone()], Finish::Uretprobe(entry)));
            }
            (None, ..) => "its first instruction is single-stepped anyway".into(),
        };
        let sites = self.body_sites(&body?)?;
        let why = match sites.too_many_jumps {
            None => why,
            Some(count) => format!(
                "{why}; it has {count} jumps on its ways out, more than the {} that are used",
                control_flow::MOST_JUMPS
            ),
        };
        chain.add(self, &sites)?;
        let finish = Finish::Returns {
            sites: sites.returns,
            exits: sites.exits,
            kept: sites.kept,
            why,
        };
        Ok((vec![sites.begin], finish))
    }

    fn copy_sites(&self, copy: &Symbol<'a>) -> Result<BodySites, Reason> {
        let body = self.body(&self.extent(copy)?)?;
        self.body_sites(&body)
    }

    /// The function at the address, which another one tail-calls.
    pub(super) fn tail_called(&self, address: u64) -> Result<Rc<BodySites>, Reason> {
        if let Some(known) = self.tail_called.borrow().get(&address) {
            return known.clone();
        }
        let sites = self.unnamed_extent(address).and_then(|extent| {
            let analyse = control_flow::analyse_tail_called;
            let body = analyse(self.elf, &self.unwind, &extent, self.kernel)?;
            self.body_sites(&body)
        });
        let sites = sites.map(Rc::new);
        let mut known = self.tail_called.borrow_mut();
        known.insert(address, sites.clone());
        sites
    }

    fn unnamed_extent(&self, address: u64) -> Result<Extent<'a>, Reason> {
        if let Some(symbol) = self.elf.symbols_at(address).next() {
            return self.extent(symbol);
        }
        let fde = self.unwind.fde_at(address);
        let fde = fde.filter(|fde| fde.start == address);
        let fde = fde.ok_or(Reason::Unreadable {
            at: address,
            why: "no unwind entry covers a function that it tail-calls",
        })?;
        Ok(Extent {
            names: Vec::new(),
            start: fde.start,
            end: fde.end,
        })
    }

    /// The function at the address, in words.
    pub(super) fn name_at(&self, address: u64) -> String {
        match self.elf.symbols_at(address).next() {
            Some(symbol) => format!("'{}'", symbol.name),
            None => format!("the function at {address:#x}"),
        }
    }

    fn body_sites(&self, body: &Body) -> Result<BodySites, Reason> {
        let missing = Reason::NoBegin("it is not in the file");
        let begin = &body.begin;
        let begin = Site::at(self.elf, begin.address, begin.stack_delta, begin.cost);
        let on_return = |address: &u64| {
            Site::at(self.elf, *address, 0, Cost::SingleStepped).ok_or(Reason::Unreadable {
                at: *address,
                why: "the kernel accepts no probe on a return",
            })
        };
        let exits = body.exits(self.value);
        let on_the_way = exits.jumps.iter().map(|exit| {
            let site = Site::at(self.elf, exit.address, exit.stack_delta, Cost::Emulated);
            let missing = Reason::Unreadable {
                at: exit.address,
                why: "a jump of it is not in the file",
            };
            Ok(ExitSite {
                site: site.ok_or(missing)?,
                way_out: exit.way_out,
            })
        });
        let tails = body.tail_jumps.iter().map(|tail| {
            let missing = Reason::Unreadable {
                at: tail.address,
                why: "a jump of it is not in the file",
            };
            let way_out = WayOut {
                when: tail.when,
                ..WayOut::default()
            };
            let site = Site::at(self.elf, tail.address, 0, tail.cost).ok_or(missing)?;
            Ok(Tail {
                jump: ExitSite { site, way_out },
                target: tail.target,
            })
        });
        Ok(BodySites {
            tails: tails.collect::<Result<_, _>>()?,
            parts: body.parts.clone(),
            begin: begin.ok_or(missing)?,
            returns: body
                .returns
                .iter()
                .map(on_return)
                .collect::<Result<_, _>>()?,
            exits: on_the_way.collect::<Result<_, _>>()?,
            kept: exits
                .returns
                .iter()
                .map(on_return)
                .collect::<Result<_, _>>()?,
            too_many_jumps: exits.too_many_jumps,
        })
    }

    fn entry_site(&self, address: u64) -> Option<Site> {
        let cost = disassembly::probe_cost(self.elf.bytes_from(address)?, self.kernel)?;
        Site::at(self.elf, address, 0, cost)
    }

    /// The symbol's range, by the unwind table where its size is unknown.
    fn extent(&self, symbol: &Symbol<'a>) -> Result<Extent<'a>, Reason> {
        let refuse = |why: &str| Reason::NotCode {
            function: symbol.name.into(),
            why: why.into(),
        };
        if !self.elf.is_executable(symbol.address) {
            return Err(refuse("it is not in executable memory"));
        }
        let symbols = || self.elf.symbols_at(symbol.address);
        let size = symbols()
            .map(|symbol| symbol.size)
            .max()
            .unwrap_or_default();
        let fde = self
            .unwind
            .fde_at(symbol.address)
            .filter(|fde| fde.start == symbol.address);
        let end = match (size, fde) {
            (0, Some(fde)) => fde.end,
            (0, None) => return Err(refuse("the symbol has no size")),
            (size, _) => symbol
                .address
                .checked_add(size)
                .ok_or_else(|| refuse("the symbol's size overflows"))?,
        };
        Ok(Extent {
            names: symbols().map(|symbol| symbol.name).collect(),
            start: symbol.address,
            end,
        })
    }
}
