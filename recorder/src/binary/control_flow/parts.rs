//! Code outside of a function's range: its own cold parts, or other functions that it tail-calls.

use super::super::error::Reason;
use super::super::plt;
use super::super::unwind::Cfa;
use super::Walk;

impl Walk<'_, '_> {
    /// The range of the part that a jump out of the known parts leads to, if it is one of this
    /// function's own.
    pub(super) fn own_part(&mut self, source: u64, target: u64) -> Result<(u64, u64), Reason> {
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
        if let Some(symbol) = own.copied() {
            // Other functions call it too: its returns would count their finishes as this one's.
            let shared = symbol.name.contains(".part") && !self.is_exclusive(symbol.address);
            if shared {
                return tail_call(Some(symbol.name));
            }
            return self.part_range(symbol.address, symbol.size, target);
        }
        if let Some(symbol) = covering {
            return tail_call(Some(symbol.name));
        }
        if let Some(import) = plt::import_at(self.elf, target) {
            return tail_call(import);
        }
        let Some(fde) = self.unwind.fde_at(target) else {
            return tail_call(None);
        };
        let (start, end) = (fde.start, fde.end);
        const EMPTY: Cfa = Cfa::StackPointer(8);
        match (self.cfa_at(source), self.unwind.cfa_at(target)) {
            // The frame is still on the stack: the same function continues there.
            (Some(from), Some(to)) if to != EMPTY && from == to => Ok((start, end)),
            (Some(_), Some(to)) if to != EMPTY => Err(Reason::Unreadable {
                at: source,
                why: "a jump leads to code that expects another stack frame",
            }),
            // Nothing is on the stack: a cold part, if no other code leads there.
            (Some(EMPTY), Some(_)) if self.is_exclusive(start) => Ok((start, end)),
            _ => tail_call(None),
        }
    }

    /// Whether the address belongs to a part whose symbol names it as this function's.
    pub(super) fn is_named_part(&self, address: u64) -> bool {
        let covering = self
            .elf
            .symbol_covering(address)
            .map(|symbol| symbol.address);
        covering.is_some_and(|start| {
            self.elf
                .symbols_at(start)
                .any(|symbol| self.is_own_name(symbol.name))
        })
    }

    fn part_range(&self, start: u64, size: u64, target: u64) -> Result<(u64, u64), Reason> {
        let end = match size {
            0 => self.unwind.fde_at(start).map_or(start, |fde| fde.end),
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

    /// Whether nothing but this function's own code refers to the code at `start`, so that no other
    /// function ends there.
    fn is_exclusive(&mut self, start: u64) -> bool {
        if let Some(known) = self.exclusive.get(&start) {
            return *known;
        }
        let Some(left) = self.searches_left.checked_sub(1) else {
            return false;
        };
        self.searches_left = left;
        let exclusive = !self.is_referred_to(start);
        self.exclusive.insert(start, exclusive);
        exclusive
    }

    /// Looks for anything that could be a reference to `start`: a displacement in other code, an
    /// address in code or data.
    fn is_referred_to(&self, start: u64) -> bool {
        if self.elf.is_relocation_value(start) {
            return true;
        }
        for section in self
            .elf
            .sections
            .iter()
            .filter(|section| section.address != 0)
        {
            if !section.executable {
                let mut words = section.data.chunks_exact(8);
                if words.any(|word| word == start.to_le_bytes()) {
                    return true;
                }
                continue;
            }
            for (at, window) in section.data.windows(4).enumerate() {
                let Ok(bytes) = window.try_into() else {
                    continue;
                };
                let value = u32::from_le_bytes(bytes);
                let end = section.address.wrapping_add(at as u64 + 4);
                let relative = end.wrapping_add_signed(i64::from(value.cast_signed()));
                let refers = relative == start || u64::from(value) == start;
                if refers && !self.contains(end - 1) {
                    return true;
                }
            }
        }
        false
    }
}
