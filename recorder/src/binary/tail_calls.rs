//! The functions that an observed one ends in: those that it tail-calls, directly or through
//! others, each once, so that cycles end.

use std::collections::{BTreeSet, VecDeque};

use super::error::Reason;
use super::program::{BodySites, Program};
use super::{ExitSite, LeadsTo, LeavingJump, TailCalls};

/// Most functions that the tail calls of one may lead to.
pub(super) const MOST_CALLEES: usize = 64;

/// A jump to another function.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) jump: ExitSite,
    /// First address of the other function.
    pub(super) target: u64,
}

/// The functions that are known so far.
#[derive(Clone)]
pub(super) struct Chain {
    found: TailCalls,
    /// See [`Function::left_at`](super::Function::left_at).
    left_at: Vec<LeavingJump>,
    /// First addresses of the functions in it, those of the operation itself among them.
    known: BTreeSet<u64>,
    /// The address ranges of their code.
    parts: Vec<(u64, u64)>,
    /// Every target of a jump.
    targets: BTreeSet<u64>,
}

impl Chain {
    /// `own`: first addresses of the function and its copies.
    pub(super) fn new(own: impl IntoIterator<Item = u64>) -> Self {
        Self {
            found: TailCalls::default(),
            left_at: Vec::new(),
            known: own.into_iter().collect(),
            parts: Vec::new(),
            targets: BTreeSet::new(),
        }
    }

    /// No function, but places in the callers.
    pub(super) fn in_callers(places: TailCalls) -> Self {
        Self {
            found: places,
            ..Self::new([])
        }
    }

    /// Whether a jump leads to the function at the address.
    pub(super) fn leads_to(&self, address: u64) -> bool {
        self.targets.contains(&address)
    }

    /// What was found in other functions, and where the operation's own functions are left.
    pub(super) fn into_parts(self) -> (TailCalls, Vec<LeavingJump>) {
        (self.found, self.left_at)
    }

    /// Adds the code of the operation itself, and all functions that its jumps lead to.
    pub(super) fn add(&mut self, program: &Program<'_, '_>, own: &BodySites) -> Result<(), Reason> {
        self.add_parts(own)?;
        self.left_at.extend(own.left_at.iter().cloned());
        let mut waiting: VecDeque<u64> = self.add_jumps(own).into();
        while let Some(target) = waiting.pop_front() {
            if self.found.begins.len() == MOST_CALLEES {
                return Err(Reason::TooManyCallees(MOST_CALLEES));
            }
            let refused = |why| Reason::TailCallee {
                callee: program.name_at(target),
                why: Box::new(why),
            };
            let callee = program.tail_called(target).map_err(refused)?;
            self.add_parts(&callee).map_err(refused)?;
            self.found.functions.push(program.name_at(target));
            self.found.begins.push(callee.begin.clone());
            self.found.exits.extend(callee.exits.iter().cloned());
            self.found.kept.extend(callee.kept.iter().cloned());
            self.found.left_at.extend(callee.left_at.iter().cloned());
            waiting.extend(self.add_jumps(&callee));
        }
        self.refuse_jumps_inside()
    }

    /// Refuses a jump that cannot be followed into the middle of a function of the operation, of which
    /// the finish would be a second one.
    fn refuse_jumps_inside(&self) -> Result<(), Reason> {
        for jump in self.left_at.iter().chain(&self.found.left_at) {
            let LeadsTo::Code(target) = jump.to else {
                continue;
            };
            let mut parts = self.parts.iter();
            if parts.any(|(start, end)| (*start..*end).contains(&target)) {
                return Err(Reason::Unreadable {
                    at: jump.address,
                    why: "a jump leads into the middle of another part of the operation",
                });
            }
        }
        Ok(())
    }

    /// Adds the jumps of a function; returns the targets that are not known yet.
    fn add_jumps(&mut self, sites: &BodySites) -> Vec<u64> {
        let tails = sites.tails.iter();
        self.found.jumps.extend(tails.map(|tail| tail.jump.clone()));
        self.targets
            .extend(sites.tails.iter().map(|tail| tail.target));
        let targets = sites.tails.iter().map(|tail| tail.target);
        targets
            .filter(|target| self.known.insert(*target))
            .collect()
    }

    /// Refuses functions that share code, because a finish there would be a finish of both.
    fn add_parts(&mut self, sites: &BodySites) -> Result<(), Reason> {
        for (start, end) in &sites.parts {
            let mut others = self.parts.iter();
            if others.any(|(from, to)| start < to && from < end) {
                return Err(Reason::Unreadable {
                    at: *start,
                    why: "a function and one that it tail-calls share code",
                });
            }
        }
        self.parts.extend(&sites.parts);
        Ok(())
    }
}
