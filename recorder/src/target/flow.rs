//! Where one function's code is and how it is left: its parts, its return instructions, or why that is not certain.
//!
//! Sound rather than clever: every instruction of every part is decoded in a straight line, and whatever could make a
//! return site wrong (a jump that cannot be followed, code that does not decode, a tail call) is a refusal.

use std::collections::BTreeSet;

use super::Kernel;
use super::begin::{self, Begin};
use super::elf::Elf;
use super::error::Reason;
use super::lsda;
use super::plt;
use super::unwind::{Cfa, Row, Unwind};
use super::x86::jump_table::{self, Entries, TableJump};
use super::x86::{self, Instruction, Next};

/// What is to be analysed: a function by its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent<'a> {
    /// Its names.
    pub names: Vec<&'a str>,
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

/// A function's code, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Address ranges: the function itself, then its cold parts.
    pub parts: Vec<(u64, u64)>,
    /// Addresses of all return instructions, ascending.
    pub returns: Vec<u64>,
    /// Where its begin is observed.
    pub begin: Begin,
    /// It calls itself.
    pub calls_itself: bool,
}

/// Largest part that is analysed, in bytes.
const LARGEST_PART: u64 = 4 << 20;
/// Most parts of one function.
const MOST_PARTS: usize = 64;
/// Most entries of one jump table.
const MOST_ENTRIES: u64 = 65_536;

/// Analyses the function.
pub fn analyse(
    elf: &Elf<'_>,
    unwind: &Unwind<'_>,
    extent: &Extent<'_>,
    kernel: Kernel,
    at_entry: bool,
) -> Result<Body, Reason> {
    let mut walk = Walk::new(elf, unwind, extent);
    walk.add_part(extent.start, extent.end)?;
    let mut next = 0;
    while next < walk.parts.len() {
        walk.scan(next)?;
        next += 1;
    }
    walk.check_boundaries()?;
    let returns = walk.returns()?;
    // Other names inside the function are entries of their own: hand-written code jumps there from elsewhere.
    let inner = elf.symbols.iter().map(|symbol| symbol.address);
    walk.targets
        .extend(inner.filter(|address| extent.start < *address && *address < extent.end));
    let first = &walk.parts[0];
    let begin = begin::choose(&first.code, first.bytes, &walk.targets, kernel, at_entry)?;
    Ok(Body {
        parts: walk
            .parts
            .iter()
            .map(|part| (part.start, part.end))
            .collect(),
        returns,
        begin,
        calls_itself: walk.calls_itself,
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
    /// Everything that a jump in the function, a jump table or the unwinder leads to.
    targets: BTreeSet<u64>,
    calls_itself: bool,
    /// Some jump table's length was not certain.
    guessed: bool,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(elf: &'w Elf<'a>, unwind: &'w Unwind<'a>, extent: &'w Extent<'w>) -> Self {
        Self {
            elf,
            unwind,
            extent,
            parts: Vec::new(),
            targets: BTreeSet::new(),
            calls_itself: false,
            guessed: false,
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
        let code = x86::sweep(bytes, start).map_err(|at| Reason::Unreadable {
            at,
            why: "there is something that is no instruction",
        })?;
        let rows = match self.unwind.frame_at(start) {
            Some(frame) if frame.start <= start => self.unwind.rows(frame).unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut pads = Vec::new();
        if let Some(frame) = self.unwind.frame_at(start)
            && let Some(address) = frame.lsda
        {
            pads = lsda::landing_pads(self.elf, address, frame.start)
                .ok_or(unreadable("its exception table cannot be read"))?;
        }
        self.parts.push(Part {
            start,
            end,
            bytes,
            code,
            rows,
        });
        for pad in pads {
            self.follow_pad(pad)?;
        }
        Ok(())
    }

    /// Follows every jump out of one part's instructions.
    fn scan(&mut self, part: usize) -> Result<(), Reason> {
        for index in 0..self.parts[part].code.len() {
            let instruction = self.parts[part].code[index];
            match instruction.next {
                Next::Jumps(target) | Next::Branches(target) => {
                    self.follow(instruction.address, target)?;
                }
                Next::JumpsIndirectly => self.follow_table(part, index)?,
                Next::Calls(Some(target)) => self.calls_itself |= target == self.extent.start,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the target of a jump at `source` into account.
    fn follow(&mut self, source: u64, target: u64) -> Result<(), Reason> {
        if !self.contains(target) {
            let (start, end) = self.own_part(source, target)?;
            self.add_part(start, end)?;
        }
        self.targets.insert(target);
        Ok(())
    }

    fn follow_pad(&mut self, pad: u64) -> Result<(), Reason> {
        if !self.contains(pad) {
            let frame = self.unwind.frame_at(pad).ok_or(Reason::Unreadable {
                at: pad,
                why: "an exception lands outside of it",
            })?;
            let (start, end) = (frame.start, frame.end);
            // The targets must be there before the part is added: parts refer to one another.
            self.add_part(start, end)?;
        }
        self.targets.insert(pad);
        Ok(())
    }

    /// The range of the part that a jump out of the known parts leads to, if it is one of this function's own.
    fn own_part(&self, source: u64, target: u64) -> Result<(u64, u64), Reason> {
        let tail_call = |callee: Option<&str>| {
            Err(Reason::TailCall {
                at: source,
                callee: callee.map(ToOwned::to_owned),
            })
        };
        let covering = self.elf.symbol_covering(target);
        let own = self
            .elf
            .symbols_at(covering.map_or(target, |symbol| symbol.address))
            .find(|symbol| self.is_own_name(symbol.name));
        if let Some(symbol) = own {
            return self.part_range(symbol.address, symbol.size, target);
        }
        if let Some(symbol) = covering {
            return tail_call(Some(symbol.name));
        }
        if let Some(import) = plt::import_at(self.elf, target) {
            return tail_call(import);
        }
        let Some(frame) = self.unwind.frame_at(target) else {
            return tail_call(None);
        };
        let (from, to) = (self.cfa_at(source), self.unwind.cfa_at(target));
        match (from, to) {
            // The frame is still up: only the same function goes on there.
            (Some(from), Some(to)) if to != Cfa::StackPointer(8) => {
                if from == to {
                    Ok((frame.start, frame.end))
                } else {
                    Err(Reason::Unreadable {
                        at: source,
                        why: "a jump leads to a frame of another shape",
                    })
                }
            }
            (Some(Cfa::StackPointer(8)), Some(_))
                if self.is_only_reached_from_here(frame.start) =>
            {
                Ok((frame.start, frame.end))
            }
            (None, _) | (_, None) => tail_call(None),
            _ => tail_call(None),
        }
    }

    fn part_range(&self, start: u64, size: u64, target: u64) -> Result<(u64, u64), Reason> {
        let end = match size {
            0 => self.unwind.frame_at(start).map_or(start, |frame| frame.end),
            size => start.saturating_add(size),
        };
        if target < start || target >= end {
            return Err(Reason::Unreadable {
                at: target,
                why: "its cold part has no known size",
            });
        }
        Ok((start, end))
    }

    /// `NAME.cold`, `NAME.part.0` and the like for one of the function's names.
    fn is_own_name(&self, symbol: &str) -> bool {
        self.extent.names.iter().any(|name| {
            symbol.strip_prefix(name).is_some_and(|rest| {
                rest.split('.')
                    .filter(|piece| !piece.is_empty())
                    .enumerate()
                    .all(|(at, piece)| match at {
                        0 => piece == "cold" || piece == "part",
                        _ => piece == "cold" || piece.bytes().all(|byte| byte.is_ascii_digit()),
                    })
                    && rest.starts_with('.')
            })
        })
    }

    /// Whether nothing but this function's own jumps refers to the code at `start`: no other function ends there.
    fn is_only_reached_from_here(&self, start: u64) -> bool {
        for section in self
            .elf
            .sections
            .iter()
            .filter(|section| section.executable)
        {
            for (at, window) in section.data.windows(4).enumerate() {
                let Ok(bytes) = window.try_into() else {
                    continue;
                };
                let displacement = i64::from(i32::from_le_bytes(bytes));
                let end = section.address.wrapping_add(at as u64 + 4);
                if end.wrapping_add_signed(displacement) == start && !self.contains(end - 1) {
                    return false;
                }
            }
        }
        true
    }

    fn follow_table(&mut self, part: usize, index: usize) -> Result<(), Reason> {
        let code = &self.parts[part].code;
        let at = code[index].address;
        let Some(jump) = jump_table::recognise(code, index) else {
            // Through a slot of the global offset table: a tail call to an import.
            let slot = self
                .elf
                .bytes_from(at)
                .and_then(|code| x86::indirect_slot(code, at));
            let callee = slot.and_then(|slot| plt::import_of_slot(self.elf, slot));
            return Err(Reason::TailCall {
                at,
                callee: callee.map(ToOwned::to_owned),
            });
        };
        let candidates: Vec<u64> = match jump.table {
            Some(table) => vec![table],
            None => {
                let loaded: BTreeSet<u64> = self
                    .parts
                    .iter()
                    .flat_map(|part| jump_table::loaded_addresses(&part.code))
                    .filter(|address| !self.elf.is_code(*address))
                    .collect();
                loaded.into_iter().collect()
            }
        };
        let mut found = false;
        for table in candidates {
            let targets = self.read_table(&jump, table, at)?;
            found |= !targets.is_empty();
            for target in targets {
                self.follow(at, target)?;
            }
        }
        if found {
            Ok(())
        } else if jump.entries == Entries::Pointers {
            Err(Reason::TailCall { at, callee: None })
        } else {
            Err(Reason::UnknownJump {
                at,
                why: "its jump table was not found",
            })
        }
    }

    /// The table's targets. Where its length is certain all of them, otherwise those that stay in the known parts.
    fn read_table(&mut self, jump: &TableJump, table: u64, at: u64) -> Result<Vec<u64>, Reason> {
        let certain = jump.table.and(jump.count);
        self.guessed |= certain.is_none();
        let mut targets = Vec::new();
        for entry in 0..certain.unwrap_or(MOST_ENTRIES).min(MOST_ENTRIES) {
            let target = match jump.entries {
                Entries::Offsets => self.elf.offset_entry(table, entry),
                Entries::Pointers => self.elf.pointer_entry(table, entry),
            };
            match (target, certain) {
                (Some(target), _) if self.is_boundary(target) => targets.push(target),
                (Some(target), Some(_)) if self.own_part(at, target).is_ok() => {
                    targets.push(target)
                }
                (_, Some(_)) if jump.entries == Entries::Pointers => return Ok(Vec::new()),
                (_, Some(_)) => {
                    return Err(Reason::UnknownJump {
                        at,
                        why: "its jump table leads out of the function",
                    });
                }
                (_, None) => break,
            }
        }
        Ok(targets)
    }

    fn contains(&self, address: u64) -> bool {
        self.parts
            .iter()
            .any(|part| part.start <= address && address < part.end)
    }

    fn is_boundary(&self, address: u64) -> bool {
        self.find(address).is_some()
    }

    fn find(&self, address: u64) -> Option<(usize, usize)> {
        let part = self
            .parts
            .iter()
            .position(|part| part.start <= address && address < part.end)?;
        let index = self.parts[part]
            .code
            .binary_search_by_key(&address, |code| code.address)
            .ok()?;
        Some((part, index))
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

    /// Every jump and every row of the unwind table must agree with the disassembly.
    fn check_boundaries(&self) -> Result<(), Reason> {
        for target in &self.targets {
            if !self.is_boundary(*target) {
                return Err(Reason::Unreadable {
                    at: *target,
                    why: "a jump leads into the middle of an instruction",
                });
            }
        }
        for part in &self.parts {
            for row in &part.rows {
                if self.contains(row.start) && !self.is_boundary(row.start) {
                    return Err(Reason::Unreadable {
                        at: row.start,
                        why: "the unwind table disagrees with the code",
                    });
                }
            }
        }
        Ok(())
    }

    /// All return sites, each reached by a path from the entry and each with an empty frame.
    fn returns(&self) -> Result<Vec<u64>, Reason> {
        let reached = self.reached()?;
        let mut returns = Vec::new();
        for (part, seen) in self.parts.iter().zip(&reached) {
            for (instruction, seen) in part.code.iter().zip(seen) {
                if instruction.next != Next::Returns {
                    continue;
                }
                let at = instruction.address;
                if !seen && !self.guessed {
                    return Err(Reason::Unreadable {
                        at,
                        why: "nothing leads to a return",
                    });
                }
                match self.cfa_at(at) {
                    None | Some(Cfa::StackPointer(8)) => returns.push(at),
                    Some(_) => {
                        return Err(Reason::Unreadable {
                            at,
                            why: "a return with something on the stack",
                        });
                    }
                }
            }
        }
        returns.sort_unstable();
        if returns.is_empty() {
            Err(Reason::NeverReturns)
        } else {
            Ok(returns)
        }
    }

    /// Which instructions some path leads to. Running past the end of a part is a refusal.
    fn reached(&self) -> Result<Vec<Vec<bool>>, Reason> {
        let mut seen: Vec<Vec<bool>> = self
            .parts
            .iter()
            .map(|part| vec![false; part.code.len()])
            .collect();
        let mut stack: Vec<(usize, usize)> = vec![(0, 0)];
        // Targets of tables and of the unwinder have no edge of their own: take all targets as reached.
        stack.extend(self.targets.iter().filter_map(|target| self.find(*target)));
        while let Some((part, mut index)) = stack.pop() {
            while let Some(instruction) = self.parts[part].code.get(index) {
                if std::mem::replace(&mut seen[part][index], true) {
                    break;
                }
                let goes_on = match instruction.next {
                    Next::Falls | Next::Branches(_) => true,
                    // The last call of a part does not return.
                    Next::Calls(_) => index + 1 < self.parts[part].code.len(),
                    _ => false,
                };
                if !goes_on {
                    break;
                }
                index += 1;
                if index == self.parts[part].code.len() {
                    return Err(Reason::Unreadable {
                        at: instruction.address,
                        why: "it runs on into what follows it",
                    });
                }
            }
        }
        Ok(seen)
    }
}
