//! The finishes of a function that leaves by jumps which cannot be followed: the places in its
//! callers to which it returns, however it got there.
//!
//! Only where all callers are known: nothing but calls and jumps of this file leads to the function.
//! Where something else than the return leads to the place after a call, an operation that was left
//! by an exception could seem to finish there. It is therefore abandoned before any way leads there:
//! at every entry of that caller, its start and its landing pads, and at the begins of the functions
//! that tail-call the observed one and return to the same place without it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use soakbox_schemas::control::WayOut;

use super::clones::{self, Role};
use super::control_flow::{self, Body, Extent, Leaves, MOST_JUMPS, WaysTo};
use super::disassembly;
use super::elf::Symbol;
use super::program::Program;
use super::references::Reference;
use super::tail_calls::MOST_CALLEES;
use super::{ExitSite, Site, TailCalls};

/// Bytes from the stack pointer after a return down to that of the function's entry.
const RETURN_ADDRESS: i64 = 8;

/// Most entries of callers at which operations are abandoned.
const MOST_ENTRIES: usize = 256;

/// Where a function that leaves begins and finishes.
pub(super) struct Callers {
    /// The function's begin.
    pub(super) begin: Site,
    /// The instructions after the calls of it, and the entries of its callers.
    pub(super) places: TailCalls,
}

/// What is found in the callers.
#[derive(Default)]
struct Found {
    /// The places after the calls.
    returns: BTreeSet<u64>,
    /// The entries of callers, each with the bytes from the stack pointer there to that of the
    /// function's entry.
    entries: BTreeMap<(u64, i16), Site>,
}

impl<'a> Program<'_, 'a> {
    /// The finishes in the callers of the function; `None` where some are not certain.
    pub(super) fn callers(&self, extent: &Extent<'_>) -> Option<Callers> {
        let start = extent.start;
        if self.elf.is_known_outside(start) {
            return None;
        }
        let body = self.leaving_body(extent)?;
        // In a loop that begins at the first instruction, each turn would be a call.
        if body.begins_with_loop() {
            return None;
        }
        let begin = self.begin_of(&body, start)?;
        let mut found = Found::default();
        let mut known = BTreeSet::from([start]);
        let mut waiting = VecDeque::from([start]);
        while let Some(function) = waiting.pop_front() {
            for reference in self.references().leading_to(self.elf, function)? {
                let from = self.function_around(&reference)?;
                let body = self.leaving_body(&from)?;
                if reference.is_call {
                    self.add_return(&reference, &body, &mut found)?;
                    continue;
                }
                // The return address is that of the caller's own caller.
                let mut jumps = body.tail_jumps.iter();
                if !jumps.any(|jump| jump.address == reference.at) {
                    return None;
                }
                // A tail call that comes back would begin the operation again.
                if from.start == start {
                    return None;
                }
                if known.insert(from.start) {
                    // It returns to the same places without the tail call, too.
                    found.add_entry(self.begin_of(&body, from.start)?);
                    waiting.push_back(from.start);
                }
            }
            let is_too_much = found.returns.len() > MOST_JUMPS
                || found.entries.len() > MOST_ENTRIES
                || known.len() > MOST_CALLEES;
            if is_too_much {
                return None;
            }
        }
        // A landing pad after a call would be both.
        let mut entries = found.entries.values();
        if entries.any(|entry| found.returns.contains(&entry.address)) {
            return None;
        }
        let exit = |address: &u64| {
            Some(ExitSite {
                site: self.site(*address, i16::try_from(-RETURN_ADDRESS).ok()?)?,
                way_out: WayOut::default(),
            })
        };
        let exits: Vec<ExitSite> = found.returns.iter().map(exit).collect::<Option<_>>()?;
        (!exits.is_empty()).then_some(Callers {
            begin,
            places: TailCalls {
                begins: found.entries.into_values().collect(),
                exits,
                ..TailCalls::default()
            },
        })
    }

    fn leaving_body(&self, extent: &Extent<'_>) -> Option<Rc<Body>> {
        if let Some(known) = self.leaving_bodies.borrow().get(&extent.start) {
            return known.clone();
        }
        let analyse = control_flow::analyse_leaving;
        let body = analyse(self.elf, &self.unwind, extent, self.kernel);
        let body = body.ok().map(Rc::new);
        let mut known = self.leaving_bodies.borrow_mut();
        known.insert(extent.start, body.clone());
        body
    }

    fn begin_of(&self, body: &Body, start: u64) -> Option<Site> {
        // Such a jump could lead to any but the first of its own instructions.
        if body.leaves == Leaves::Anywhere {
            return self.entry_site(start);
        }
        let begin = &body.begin;
        Site::at(self.elf, begin.address, begin.stack_delta, begin.cost)
    }

    fn site(&self, address: u64, stack_delta: i16) -> Option<Site> {
        let cost = disassembly::probe_cost(self.elf.bytes_from(address)?, self.kernel)?;
        Site::at(self.elf, address, stack_delta, cost)
    }

    /// Adds the place after the call in the caller's `body`; `None` where it is not certain how
    /// control comes there.
    fn add_return(&self, call: &Reference, body: &Body, found: &mut Found) -> Option<()> {
        if !self.elf.is_code(call.end) || call.end >= call.from.end {
            return None;
        }
        if let WaysTo::Others { depth, pads } = body.ways_to(call.end)? {
            if self.references().returns_twice {
                return None;
            }
            let below = depth.checked_add(RETURN_ADDRESS)?;
            let begin = self.begin_of(body, body.parts.first()?.0)?;
            let delta = i64::from(begin.stack_delta) - below;
            let stack_delta = i16::try_from(delta).ok()?;
            let at_begin = Site {
                stack_delta,
                ..begin
            };
            found.add_entry(at_begin);
            for (pad, depth) in pads {
                let stack_delta = i16::try_from(depth.checked_sub(below)?).ok()?;
                found.add_entry(self.site(pad, stack_delta)?);
            }
        }
        found.returns.insert(call.end);
        Some(())
    }

    /// The function that the instruction is in, by the symbols of it or of its part.
    fn function_around(&self, reference: &Reference) -> Option<Extent<'a>> {
        let mut symbols = self.elf.symbols_at(reference.from.start);
        let first = symbols.next()?;
        let symbol = match clones::role(first.name) {
            Role::Part => {
                let suffixes = [".cold", ".part"];
                let end = suffixes.iter().find_map(|suffix| first.name.find(suffix))?;
                self.only_symbol(&first.name[..end])?
            }
            _ => first,
        };
        self.extent(symbol).ok()
    }

    fn only_symbol(&self, name: &str) -> Option<&Symbol<'a>> {
        let mut named = self.elf.symbols.iter().filter(|symbol| symbol.name == name);
        let symbol = named.next()?;
        named.next().is_none().then_some(symbol)
    }
}

impl Found {
    fn add_entry(&mut self, site: Site) {
        self.entries.insert((site.address, site.stack_delta), site);
    }
}
