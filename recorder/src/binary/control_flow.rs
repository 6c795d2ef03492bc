//! The control flow of one function: its parts, its return instructions, or why they are not
//! certain.
//!
//! Sound rather than clever: every instruction of every part is decoded in a straight line, and
//! whatever could make a finish wrong (a jump that may lead anywhere, code that does not decode) is
//! refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

mod body;
mod exits;
mod leaving;
mod parts;
mod paths;
mod returns;
mod tables;
mod tail_jumps;

pub use body::Body;
pub(super) use body::{Leaves, WaysTo};
pub use exits::{Exit, Exits, KeptBecause, MOST_JUMPS, ReturnUse};
pub use leaving::{LeadsTo, LeavingJump};
pub use tail_jumps::TailJump;

use super::KernelVersion;
use super::begin;
use super::disassembly::{self, Instruction, Next};
use super::elf::{Elf, Symbol};
use super::error::Reason;
use super::lsda;
use super::unwind::{Cfa, Row, Unwind};

/// The function to analyse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent<'a> {
    /// All symbols at its first address.
    pub names: Vec<&'a str>,
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

impl<'a> Extent<'a> {
    /// The function of a symbol, by the symbol's size.
    pub fn of(elf: &Elf<'a>, symbol: &Symbol<'a>) -> Self {
        let same = elf.symbols_at(symbol.address);
        Self {
            names: same.map(|symbol| symbol.name).collect(),
            start: symbol.address,
            end: symbol.address.saturating_add(symbol.size),
        }
    }
}

/// Largest part that is analysed, in bytes.
const LARGEST_PART: u64 = 4 << 20;
/// Most parts of one function.
const MOST_PARTS: usize = 64;
/// Most times that the whole code is searched for references, per function.
const MOST_SEARCHES: u32 = 64;

/// Whether code in the function's own range jumps back to its first instruction, as far as that code
/// can be read.
pub fn jumps_to_start(elf: &Elf<'_>, extent: &Extent<'_>) -> bool {
    let bytes = elf.bytes_at(extent.start, extent.end.saturating_sub(extent.start));
    let code = bytes.map(|bytes| disassembly::sweep(bytes, extent.start));
    let to_start = |instruction: &Instruction| {
        let (Next::Jumps(target) | Next::Branches(target)) = instruction.next else {
            return false;
        };
        target == extent.start
    };
    code.is_some_and(|code| code.is_ok_and(|code| code.iter().any(to_start)))
}

/// Analyses one function; a refusal names the instruction that makes its returns uncertain.
pub fn analyse(
    elf: &Elf<'_>,
    unwind: &Unwind<'_>,
    extent: &Extent<'_>,
    kernel: KernelVersion,
) -> Result<Body, Reason> {
    analyse_with(Walk::new(elf, unwind, extent), kernel)
}

/// The same of a function that may leave by jumps that cannot be followed: [`Body::leaves`] tells
/// of them. Its returns are then not all of its finishes.
pub(super) fn analyse_leaving(
    elf: &Elf<'_>,
    unwind: &Unwind<'_>,
    extent: &Extent<'_>,
    kernel: KernelVersion,
) -> Result<Body, Reason> {
    let mut walk = Walk::new(elf, unwind, extent);
    walk.may_leave = true;
    analyse_with(walk, kernel)
}

fn analyse_with(mut walk: Walk<'_, '_>, kernel: KernelVersion) -> Result<Body, Reason> {
    let (elf, extent) = (walk.elf, walk.extent);
    walk.add_part(extent.start, extent.end)?;
    if !matches!(walk.cfa_at(extent.start), None | Some(Cfa::StackPointer(8))) {
        return Err(Reason::Unreadable {
            at: extent.start,
            why: "it begins with something on the stack, as a part of another function does",
        });
    }
    walk.follow_all()?;
    if walk.open_table && !elf.has_symtab {
        return Err(Reason::UnknownJump {
            at: extent.start,
            why: "a jump table's length is not certain, and without symbols a cold part could be missed",
        });
    }
    walk.check_boundaries()?;
    let returns = walk.returns()?;
    let paths = walk.paths(kernel);
    let tail_jumps = walk.tail_jumps(paths.as_ref(), kernel)?;
    let first = &walk.parts[0];
    let mut entries = walk.inner_names(first);
    entries.extend(&walk.targets);
    let begin = begin::choose(&first.code, first.bytes, &entries, kernel)?;
    Ok(Body {
        parts: walk
            .parts
            .iter()
            .map(|part| (part.start, part.end))
            .collect(),
        returns,
        returns_after_calls: walk.returns_after_calls(),
        tail_jumps,
        begin,
        guessed: walk.guessed,
        landing_pads: walk.landing_pads.clone(),
        leaves: walk.leaves(),
        leaving: walk.leaving_jumps(paths.as_ref(), kernel),
        paths,
        rows: walk.all_rows(),
    })
}

/// One contiguous piece of the function.
struct Part<'a> {
    start: u64,
    end: u64,
    bytes: &'a [u8],
    code: Vec<Instruction>,
    rows: Vec<Row>,
}

struct Walk<'w, 'a> {
    elf: &'w Elf<'a>,
    unwind: &'w Unwind<'a>,
    extent: &'w Extent<'w>,
    parts: Vec<Part<'a>>,
    /// Addresses that a jump of the function, a jump table or the unwinder leads to.
    targets: BTreeSet<u64>,
    /// Those of them that another part, a jump table or the unwinder leads to.
    far_targets: BTreeSet<u64>,
    /// The function that each jump to another one or to its own start leads to, by the jump's
    /// address.
    tails: BTreeMap<u64, u64>,
    /// Jumps that cannot be followed do not end the analysis.
    may_leave: bool,
    /// Where these jumps lead, by the jump's address.
    leaving: BTreeMap<u64, LeadsTo>,
    /// The targets of each jump through a table, by the jump's address.
    tables: BTreeMap<u64, Vec<u64>>,
    /// Where the unwinder lands.
    landing_pads: BTreeSet<u64>,
    /// Code from which it lands there.
    guarded: Vec<Range<u64>>,
    /// The length of some jump table is not certain.
    guessed: bool,
    /// Where such a table ends is not certain either: it may lead to parts that are not known.
    open_table: bool,
    /// Whether only this function refers to an address, for the addresses that were searched for.
    exclusive: BTreeMap<u64, bool>,
    searches_left: u32,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(elf: &'w Elf<'a>, unwind: &'w Unwind<'a>, extent: &'w Extent<'w>) -> Self {
        Self {
            elf,
            unwind,
            extent,
            parts: Vec::new(),
            targets: BTreeSet::new(),
            far_targets: BTreeSet::new(),
            tails: BTreeMap::new(),
            may_leave: false,
            leaving: BTreeMap::new(),
            tables: BTreeMap::new(),
            landing_pads: BTreeSet::new(),
            guarded: Vec::new(),
            guessed: false,
            open_table: false,
            exclusive: BTreeMap::new(),
            searches_left: MOST_SEARCHES,
        }
    }

    fn add_part(&mut self, start: u64, end: u64) -> Result<(), Reason> {
        let unreadable = |why| Reason::Unreadable { at: start, why };
        if start >= end || end - start > LARGEST_PART {
            return Err(unreadable("its size is not plausible"));
        }
        if self.parts.len() >= MOST_PARTS {
            return Err(unreadable("it has too many parts"));
        }
        if self
            .parts
            .iter()
            .any(|part| start < part.end && part.start < end)
        {
            return Err(unreadable("two of its parts overlap"));
        }
        if !self.elf.is_executable(start) {
            return Err(unreadable("it is not in executable memory"));
        }
        let bytes = self
            .elf
            .bytes_at(start, end - start)
            .ok_or(unreadable("it reaches beyond its segment"))?;
        let code = disassembly::sweep(bytes, start).map_err(|at| Reason::Unreadable {
            at,
            why: "bytes that are no instruction",
        })?;
        let rows = match self.unwind.fde_at(start) {
            Some(fde) if fde.start <= start => self.unwind.rows(fde).unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut landings = Vec::new();
        if let Some(fde) = self.unwind.fde_at(start)
            && let Some(address) = fde.lsda
        {
            landings = lsda::landings(self.elf, address, fde.start)
                .ok_or(unreadable("its exception table cannot be read"))?;
        }
        self.parts.push(Part {
            start,
            end,
            bytes,
            code,
            rows,
        });
        for landing in landings {
            self.follow_landing_pad(landing.pad)?;
            self.landing_pads.insert(landing.pad);
            self.guarded.push(landing.from);
        }
        Ok(())
    }

    /// Follows every jump, and those of every part that is found. A new target can invalidate the
    /// bounds check or the table address of a jump that was followed before. The tables are
    /// therefore followed again until there is no new target.
    fn follow_all(&mut self) -> Result<(), Reason> {
        let mut scanned = 0;
        loop {
            while scanned < self.parts.len() {
                self.follow_direct_jumps(scanned)?;
                scanned += 1;
            }
            let before = (self.far_targets.len(), self.parts.len());
            self.follow_tables()?;
            if before == (self.far_targets.len(), self.parts.len()) {
                return Ok(());
            }
        }
    }

    fn follow_direct_jumps(&mut self, part: usize) -> Result<(), Reason> {
        for index in 0..self.parts[part].code.len() {
            let instruction = self.parts[part].code[index];
            if let Next::Jumps(target) | Next::Branches(target) = instruction.next {
                // A loop that begins at the first instruction is a tail call of the function itself.
                if target == self.extent.start {
                    self.tails.insert(instruction.address, target);
                    continue;
                }
                match self.follow(instruction.address, target) {
                    Err(Reason::TailCall { .. }) if self.is_function(target) => {
                        self.tails.insert(instruction.address, target);
                        continue;
                    }
                    Err(Reason::TailCall { .. }) if self.may_leave => {
                        self.leave_to(instruction.address, target);
                        continue;
                    }
                    followed => followed?,
                }
                let Part { start, end, .. } = self.parts[part];
                if !(start..end).contains(&target) {
                    self.far_targets.insert(target);
                }
            }
        }
        Ok(())
    }

    /// Other names inside a part: hand-written code jumps there from elsewhere.
    fn inner_names(&self, part: &Part<'_>) -> BTreeSet<u64> {
        let inner = self.elf.symbols_between(part.start + 1, part.end);
        inner.iter().map(|symbol| symbol.address).collect()
    }

    /// Adds the target of a jump at `source`, and the part that it is in.
    fn follow(&mut self, source: u64, target: u64) -> Result<(), Reason> {
        if !self.contains(target) {
            let (start, end) = self.own_part(source, target)?;
            self.add_part(start, end)?;
        }
        self.targets.insert(target);
        Ok(())
    }

    fn follow_landing_pad(&mut self, pad: u64) -> Result<(), Reason> {
        if !self.contains(pad) {
            let fde = self.unwind.fde_at(pad).ok_or(Reason::Unreadable {
                at: pad,
                why: "no unwind entry covers its landing pad",
            })?;
            let (start, end) = (fde.start, fde.end);
            self.add_part(start, end)?;
        }
        self.targets.insert(pad);
        self.far_targets.insert(pad);
        Ok(())
    }

    fn contains(&self, address: u64) -> bool {
        self.parts
            .iter()
            .any(|part| part.start <= address && address < part.end)
    }

    fn is_instruction_boundary(&self, address: u64) -> bool {
        self.instruction_at(address).is_some()
    }

    /// The part and the index of the instruction at the address. A jump may also land right after a
    /// `lock` prefix: the C library skips the prefix while there is one thread.
    fn instruction_at(&self, address: u64) -> Option<(usize, usize)> {
        let holds = |part: &Part<'_>| part.start <= address && address < part.end;
        let part = self.parts.iter().position(holds)?;
        let code = &self.parts[part].code;
        match code.binary_search_by_key(&address, |code| code.address) {
            Ok(index) => Some((part, index)),
            Err(next) => {
                let index = next.checked_sub(1)?;
                let skips = code[index].address + 1 == address && code[index].has_lock_prefix();
                skips.then_some((part, index))
            }
        }
    }

    fn cfa_at(&self, address: u64) -> Option<Cfa> {
        let part = self
            .parts
            .iter()
            .find(|part| part.start <= address && address < part.end)?;
        part.rows
            .iter()
            .find(|row| row.start <= address && address < row.end)
            .map(|row| row.cfa)
    }
}
