//! The program that functions are in: what is read of it once, and the sites of a body of its code.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use soakbox_schemas::control::{Returned, WayOut, When};

use super::callers::Callers;
use super::clones::Clones;
use super::control_flow::{self, Body, Extent, LeavingJump, ReturnUse};
use super::disassembly::{self, Cost};
use super::elf::{Elf, Symbol};
use super::error::Reason;
use super::go;
use super::hazards;
use super::references::References;
use super::tail_calls::{Chain, Tail};
use super::unwind::Unwind;
use super::{ExitSite, Finish, KernelVersion, Site};

/// The begin and the finishes of one body of code.
#[derive(Clone)]
pub(super) struct BodySites {
    pub(super) begin: Site,
    pub(super) returns: Vec<Site>,
    pub(super) exits: Vec<ExitSite>,
    /// The returns that no exit covers.
    pub(super) kept: Vec<Site>,
    /// See [`control_flow::Exits`].
    too_many_jumps: Option<usize>,
    /// Jumps to other functions.
    pub(super) tails: Vec<Tail>,
    /// Those of the exits at which it leaves to code that cannot be followed.
    pub(super) left_at: Vec<LeavingJump>,
    /// Address ranges of the code.
    pub(super) parts: Vec<(u64, u64)>,
}

/// The program that the function is in, and the kernel that will run it.
pub(super) struct Program<'e, 'a> {
    pub(super) elf: &'e Elf<'a>,
    pub(super) unwind: Unwind<'a>,
    pub(super) kernel: KernelVersion,
    value: ReturnUse,
    /// Addresses of code that this module's rules do not hold for.
    go_code: Option<Range<u64>>,
    /// Functions finish at jumps that cannot be followed.
    finishes_at_jumps: bool,
    /// How it could switch stacks, in words; `None` where it cannot.
    pub(super) stack_switch: Option<String>,
    /// The functions that others tail-call, by address.
    tail_called: RefCell<HashMap<u64, Result<Rc<BodySites>, Reason>>>,
    references: Rc<OnceCell<References>>,
    /// The functions that leave, and callers of such functions, by address; `None` for those that
    /// cannot be analysed.
    pub(super) leaving_bodies: RefCell<HashMap<u64, Option<Rc<Body>>>>,
}

impl<'e, 'a> Program<'e, 'a> {
    pub(super) fn new(elf: &'e Elf<'a>, kernel: KernelVersion, value: ReturnUse) -> Self {
        Self {
            elf,
            unwind: Unwind::parse(elf),
            kernel,
            value,
            go_code: go::code(elf),
            finishes_at_jumps: false,
            stack_switch: hazards::stack_switch(elf),
            tail_called: RefCell::default(),
            references: Rc::default(),
            leaving_bodies: RefCell::default(),
        }
    }

    /// The same program, in which functions finish at the jumps that cannot be followed.
    pub(super) fn finishing_at_jumps(&self) -> Self {
        Self {
            finishes_at_jumps: true,
            tail_called: RefCell::default(),
            leaving_bodies: RefCell::default(),
            unwind: self.unwind.clone(),
            go_code: self.go_code.clone(),
            stack_switch: self.stack_switch.clone(),
            references: Rc::clone(&self.references),
            ..*self
        }
    }

    /// The calls and jumps of the whole file; found when first needed.
    pub(super) fn references(&self) -> &References {
        self.references
            .get_or_init(|| References::of(self.elf, &self.unwind))
    }

    pub(super) fn body(&self, extent: &Extent<'_>) -> Result<Body, Reason> {
        let (elf, unwind) = (self.elf, &self.unwind);
        if !self.finishes_at_jumps {
            return control_flow::analyse(elf, unwind, extent, self.kernel);
        }
        let body = control_flow::analyse_leaving(elf, unwind, extent, self.kernel)?;
        let jumps = body.leaving_jumps()?;
        let Some(jump) = jumps.first() else {
            return Ok(body);
        };
        let unreadable = |why| Reason::Unreadable {
            at: jump.address,
            why,
        };
        if jumps.len() > control_flow::MOST_JUMPS {
            return Err(unreadable("it has too many jumps that cannot be followed"));
        }
        // Nothing of what cannot be followed may lead back into the function.
        if self.references().may_lead_inside(elf, &body.parts) {
            return Err(unreadable(
                "a jump that cannot be followed may lead back into it",
            ));
        }
        Ok(body)
    }

    /// The reason why the function must not be observed by a uretprobe; `None` where it may.
    pub(super) fn excludes_uretprobe(
        &self,
        extent: &Extent<'_>,
        copies: &Clones<'_>,
    ) -> Option<String> {
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
    pub(super) fn sites(
        &self,
        extent: &Extent<'_>,
        body: Result<Body, Reason>,
        no_uretprobe: Option<String>,
        copies: &Clones<'_>,
        chain: &mut Chain,
    ) -> Result<(Vec<Site>, Finish), Reason> {
        let entry = self.entry_site(extent.start);
        let why = match (no_uretprobe, entry, &body) {
            (Some(why), ..) => why,
            (None, _, Ok(body)) if body.never_returns() => "it has no return instruction".into(),
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
        let body = match body {
            Ok(body) => body,
            Err(reason) => return self.in_callers(extent, reason, copies, chain),
        };
        let sites = self.body_sites(&body)?;
        let why = match sites.too_many_jumps {
            None => why,
            Some(count) => format!(
                "{why}; it has {count} jumps on its ways out, more than the {} that are used",
                control_flow::MOST_JUMPS
            ),
        };
        let mut longer = chain.clone();
        match longer.add(self, &sites) {
            Ok(()) => *chain = longer,
            Err(reason) => return self.in_callers(extent, reason, copies, chain),
        }
        let finish = Finish::Returns {
            sites: sites.returns,
            exits: sites.exits,
            kept: sites.kept,
            why,
        };
        Ok((vec![sites.begin], finish))
    }

    /// The sites of a function that is refused for `reason`, where it leaves by jumps that cannot be
    /// followed and all of its callers are known.
    fn in_callers(
        &self,
        extent: &Extent<'_>,
        reason: Reason,
        copies: &Clones<'_>,
        chain: &mut Chain,
    ) -> Result<(Vec<Site>, Finish), Reason> {
        let leaves = matches!(
            reason,
            Reason::TailCall { .. } | Reason::TailCallee { .. } | Reason::TooManyCallees(_)
        );
        // The callers of C may be Go, which calls it by pointers that only its runtime knows.
        if self.go_code.is_some() {
            return Err(reason);
        }
        let has_copies = !copies.unique.is_empty() || !copies.ambiguous.is_empty();
        if !leaves || has_copies {
            return Err(reason);
        }
        let Some(Callers { begin, places }) = self.callers(extent) else {
            return Err(reason);
        };
        *chain = Chain::in_callers(places);
        let why = reason.to_string();
        Ok((vec![begin], Finish::Callers { why }))
    }

    pub(super) fn copy_sites(&self, copy: &Symbol<'a>) -> Result<BodySites, Reason> {
        let body = self.body(&self.extent(copy)?)?;
        self.body_sites(&body)
    }

    /// The function at the address, which another one tail-calls.
    pub(super) fn tail_called(&self, address: u64) -> Result<Rc<BodySites>, Reason> {
        if let Some(known) = self.tail_called.borrow().get(&address) {
            return known.clone();
        }
        let sites = self.unnamed_extent(address).and_then(|extent| {
            let body = self.body(&extent)?;
            self.body_sites(&body)
        });
        let sites = sites.map(Rc::new);
        let mut known = self.tail_called.borrow_mut();
        known.insert(address, sites.clone());
        sites
    }

    fn unnamed_extent(&self, address: u64) -> Result<Extent<'a>, Reason> {
        self.check_language(address)?;
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

    /// Refuses Go code.
    fn check_language(&self, address: u64) -> Result<(), Reason> {
        match &self.go_code {
            Some(go) if go.contains(&address) => Err(Reason::Go),
            _ => Ok(()),
        }
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
            let may_follow_call = body.returns_after_calls.contains(address);
            let site = Site::at_return(self.elf, *address, may_follow_call);
            site.ok_or(Reason::Unreadable {
                at: *address,
                why: "the kernel accepts no probe on a return",
            })
        };
        let returns: Vec<Site> = body
            .returns
            .iter()
            .map(on_return)
            .collect::<Result<_, _>>()?;
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
            Ok(Tail {
                jump: self.exit_at(tail.address, tail.when, tail.cost)?,
                target: tail.target,
            })
        });
        let left_at = body.leaving_jumps()?;
        let leaving = left_at.iter();
        let leaving = leaving.map(|jump| {
            let mut exit = self.exit_at(jump.address, jump.when, jump.cost)?;
            exit.way_out.returned = Returned::Unknown;
            Ok(exit)
        });
        Ok(BodySites {
            tails: tails.collect::<Result<_, _>>()?,
            parts: body.parts.clone(),
            begin: begin.ok_or(missing)?,
            returns,
            exits: on_the_way.chain(leaving).collect::<Result<_, _>>()?,
            left_at: left_at.into_iter().cloned().collect(),
            kept: exits
                .returns
                .iter()
                .map(on_return)
                .collect::<Result<_, _>>()?,
            too_many_jumps: exits.too_many_jumps,
        })
    }

    /// A jump out, at which the stack pointer is that of the entry.
    fn exit_at(&self, address: u64, when: When, cost: Cost) -> Result<ExitSite, Reason> {
        let site = Site::at(self.elf, address, 0, cost);
        Ok(ExitSite {
            site: site.ok_or(Reason::Unreadable {
                at: address,
                why: "a jump of it is not in the file",
            })?,
            way_out: WayOut {
                when,
                ..WayOut::default()
            },
        })
    }

    pub(super) fn entry_site(&self, address: u64) -> Option<Site> {
        let cost = disassembly::probe_cost(self.elf.bytes_from(address)?, self.kernel)?;
        Site::at(self.elf, address, 0, cost)
    }

    /// The symbol's range, by the unwind table where its size is unknown.
    pub(super) fn extent(&self, symbol: &Symbol<'a>) -> Result<Extent<'a>, Reason> {
        let refuse = |why: &str| Reason::NotCode {
            function: symbol.name.into(),
            why: why.into(),
        };
        if !self.elf.is_executable(symbol.address) {
            return Err(refuse("it is not in executable memory"));
        }
        self.check_language(symbol.address)?;
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
