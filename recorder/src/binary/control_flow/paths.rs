//! The ways through a function: its instructions as a graph, each with the stack pointer and the
//! frame pointer as far as they are known.
//!
//! Edges that may be there count as there, and code that nothing seems to lead to counts as entered
//! from outside, so that a rule that holds for all of these paths holds for the real ones.

use std::collections::BTreeMap;

use super::super::KernelVersion;
use super::super::disassembly::{Cost, Frame, Instruction, Next};
use super::super::exit_sites::Way;
use super::super::plt;
use super::super::unwind::Cfa;
use super::Walk;

/// The instructions of all parts of a function, each with its successors.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) steps: Vec<Step>,
    /// Instructions where control comes in: the first, landing pads, other names in the code.
    pub(super) entries: Vec<usize>,
}

/// One instruction on the way.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) instruction: Instruction,
    /// Where control goes, and how.
    pub(super) after: Vec<(usize, Way)>,
    /// The stack and frame pointers before it.
    pub(super) frame: Frame,
    /// The operation does something there: a call, a system call, or an instruction that can take
    /// long or be left by an exception.
    pub(super) works: bool,
    /// The kernel emulates the instruction when a probe is on it.
    pub(super) is_cheap: bool,
}

/// Functions of the C and C++ libraries that never return.
const NEVER_RETURN: &[&str] = &[
    "__stack_chk_fail",
    "__assert_fail",
    "__fortify_fail",
    "__chk_fail",
    "_Unwind_Resume",
    "__cxa_throw",
    "__cxa_rethrow",
    "abort",
    "exit",
    "_exit",
    "longjmp",
    "siglongjmp",
    "__longjmp_chk",
];

impl Walk<'_, '_> {
    /// The paths, once all parts and targets are known. `None` where a jump may lead to places that
    /// are not known.
    pub(super) fn paths(&self, kernel: KernelVersion) -> Option<Paths> {
        let mut first = Vec::with_capacity(self.parts.len());
        let mut count = 0;
        for part in &self.parts {
            first.push(count);
            count += part.code.len();
        }
        let node = |address: u64| {
            self.instruction_at(address)
                .map(|(part, index)| first[part] + index)
        };
        let mut tables: Vec<usize> = self
            .tables
            .values()
            .flatten()
            .filter_map(|to| node(*to))
            .collect();
        tables.sort_unstable();
        tables.dedup();
        let leaves = |instruction: &Instruction| self.is_jump_out(instruction.address);
        let mut steps = Vec::with_capacity(count);
        for (number, part) in self.parts.iter().enumerate() {
            for (index, instruction) in part.code.iter().enumerate() {
                let here = first[number] + index;
                let next = (index + 1 < part.code.len()).then_some(here + 1);
                let after = match instruction.next {
                    Next::Falls => next.into_iter().map(|next| (next, Way::Always)).collect(),
                    Next::Jumps(_) | Next::JumpsIndirectly if leaves(instruction) => Vec::new(),
                    Next::Jumps(target) => vec![(node(target)?, Way::Always)],
                    // The other way is a tail call: the jump counts as work, so that no finish is
                    // observed before it.
                    Next::Branches(_) if leaves(instruction) => {
                        vec![(next?, Way::Falls)]
                    }
                    Next::Branches(target) => {
                        vec![(node(target)?, Way::Taken), (next?, Way::Falls)]
                    }
                    Next::JumpsIndirectly if self.tables.contains_key(&instruction.address) => {
                        tables.iter().map(|to| (*to, Way::Always)).collect()
                    }
                    Next::JumpsIndirectly => return None,
                    Next::Calls(target) if self.never_returns(target) => Vec::new(),
                    Next::Calls(_) => next.into_iter().map(|next| (next, Way::Always)).collect(),
                    Next::Returns | Next::Stops => Vec::new(),
                };
                let start = usize::try_from(instruction.address - part.start).ok()?;
                let cost = instruction.probe_cost(part.bytes.get(start..)?, kernel);
                steps.push(Step {
                    instruction: *instruction,
                    after,
                    frame: Frame::default(),
                    works: self.works(instruction),
                    is_cheap: cost == Some(Cost::Emulated),
                });
            }
        }
        let mut paths = Paths {
            steps,
            entries: Vec::new(),
        };
        paths.find_entries(self.known_entries(&node));
        Some(paths)
    }

    /// The function's first instruction, the landing pads, and other names in its code.
    fn known_entries(&self, node: &dyn Fn(u64) -> Option<usize>) -> BTreeMap<usize, Frame> {
        let mut entries = BTreeMap::from([(0, Frame::ENTRY)]);
        for pad in &self.landing_pads {
            entries.extend(node(*pad).map(|at| (at, frame_by(self.cfa_at(*pad)))));
        }
        let inner = self.elf.symbols.iter().map(|symbol| symbol.address);
        let is_inner = |address: &u64| {
            let mut parts = self.parts.iter();
            parts.any(|part| part.start < *address && *address < part.end)
        };
        let inner = inner.filter(is_inner).filter_map(node);
        entries.extend(inner.map(|at| (at, Frame::default())));
        entries
    }

    /// Whether the instruction at the address is a jump to another function.
    fn is_jump_out(&self, address: u64) -> bool {
        self.tails.contains_key(&address) || self.leaving.contains_key(&address)
    }

    fn works(&self, instruction: &Instruction) -> bool {
        let at = instruction.address;
        let is_tail_jump = self.is_jump_out(at);
        let is_guarded = || self.guarded.iter().any(|range| range.contains(&at));
        matches!(instruction.next, Next::Calls(_))
            || instruction.is_long_running()
            || instruction.is_system_call()
            || matches!(instruction.next, Next::Branches(_))
                && instruction.jump_condition().is_none()
            || is_tail_jump && matches!(instruction.next, Next::Branches(_))
            || instruction.may_fault() && is_guarded()
    }

    fn never_returns(&self, target: Option<u64>) -> bool {
        let Some(target) = target else {
            return false;
        };
        let named = |name: &str| NEVER_RETURN.contains(&name);
        plt::import_at(self.elf, target)
            .flatten()
            .is_some_and(named)
            || self.elf.symbols_at(target).any(|symbol| named(symbol.name))
    }
}

/// The stack or frame pointer by a rule of the unwind table, where the rule counts from one of
/// them.
pub(super) fn frame_by(rule: Option<Cfa>) -> Frame {
    const RBP: u16 = 6;
    match rule {
        Some(Cfa::StackPointer(up)) => Frame {
            stack: up.checked_sub(8),
            frame: None,
        },
        Some(Cfa::Register(RBP, up)) => Frame {
            stack: None,
            frame: up.checked_sub(8),
        },
        _ => Frame::default(),
    }
}

impl Paths {
    pub(super) fn step_at(&self, address: u64) -> Option<&Step> {
        let mut steps = self.steps.iter();
        steps.find(|step| step.instruction.address == address)
    }

    /// The addresses of the entries, ascending by their place in the code: the function's start first.
    pub(super) fn entered_at(&self) -> impl Iterator<Item = u64> {
        let entries = self.entries.iter();
        entries.map(|index| self.steps[*index].instruction.address)
    }

    /// Whether control comes to the instruction at the address only from the one before it.
    pub(super) fn is_reached_from_before(&self, address: u64) -> bool {
        let mut steps = self.steps.iter();
        let Some(index) = steps.position(|step| step.instruction.address == address) else {
            return false;
        };
        let leads_there = |step: &&Step| step.after.iter().any(|(after, _)| *after == index);
        let from: Vec<&Step> = self.steps.iter().filter(leads_there).collect();
        !self.entries.contains(&index)
            && matches!(from.as_slice(), [only] if only.instruction.end == address)
    }

    /// Follows the paths from `known` entries on; code that none of them reaches is another entry.
    fn find_entries(&mut self, known: BTreeMap<usize, Frame>) {
        let mut reached: Vec<Option<Frame>> = vec![None; self.steps.len()];
        self.entries = known.keys().copied().collect();
        for (entry, frame) in known {
            self.spread(entry, frame, &mut reached);
        }
        for index in 0..self.steps.len() {
            let is_unreached = reached[index].is_none();
            if is_unreached && !self.steps[index].instruction.is_filler() {
                self.entries.push(index);
                self.spread(index, Frame::default(), &mut reached);
            }
        }
        for (step, frame) in self.steps.iter_mut().zip(reached) {
            step.frame = frame.unwrap_or_default();
        }
    }

    fn spread(&self, entry: usize, frame: Frame, reached: &mut [Option<Frame>]) {
        let mut stack = vec![(entry, frame)];
        while let Some((index, frame)) = stack.pop() {
            let joined = reached[index].map_or(frame, |known| known.join(frame));
            if reached[index] == Some(joined) {
                continue;
            }
            reached[index] = Some(joined);
            let step = &self.steps[index];
            let after = step.instruction.frame_after(joined);
            stack.extend(step.after.iter().map(|(to, _)| (*to, after)));
        }
    }
}
