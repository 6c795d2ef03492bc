//! The code of a Go function: where it begins and where it returns.
//!
//! A function with a stack check begins after it: where the stack has to grow, or the goroutine is
//! preempted there, the runtime starts the function again from its first instruction.

use std::collections::BTreeSet;

use super::super::disassembly::jump_table::{self, Code, Entries};
use super::super::disassembly::{self, Instruction, Next};
use super::super::error::Reason;
use super::super::{Cost, KernelVersion, Site};
use super::{Entry, Program, names};

/// Largest function that is analysed, bytes.
const LARGEST: u64 = 4 << 20;
/// Most instructions before the end of the stack check.
const PROLOGUE: usize = 6;
/// Most entries of one jump table.
const MOST_ENTRIES: u64 = 65_536;

/// The code of a function.
pub(super) struct Body<'p, 'e, 'a> {
    program: &'p Program<'e, 'a>,
    entry: Entry<'a>,
    bytes: &'a [u8],
    code: Vec<Instruction>,
}

impl<'p, 'e, 'a> Body<'p, 'e, 'a> {
    pub(super) fn read(program: &'p Program<'e, 'a>, entry: &Entry<'a>) -> Result<Self, Reason> {
        let refuse = |at, why| Reason::GoCode { at, why };
        let size = entry.end - entry.start;
        if program.checks_itself(entry) {
            return Err(refuse(
                entry.start,
                "it is in the cryptographic module (FIPS 140), which compares its code with a checksum",
            ));
        }
        if size > LARGEST {
            return Err(refuse(entry.start, "its size is not plausible"));
        }
        let bytes = program.elf.bytes_at(entry.start, size);
        let bytes = bytes.ok_or(refuse(entry.start, "it is not in the file"))?;
        let code = disassembly::sweep(bytes, entry.start)
            .map_err(|at| refuse(at, "there is something that is no instruction"))?;
        Ok(Self {
            program,
            entry: *entry,
            bytes,
            code,
        })
    }

    pub(super) fn begin_site(&self, kernel: KernelVersion) -> Result<Site, Reason> {
        let begin = self.begin()?;
        self.check_jumps(begin)?;
        self.site(begin, kernel)
    }

    pub(super) fn sites(&self, kernel: KernelVersion) -> Result<(Site, Vec<Site>), Reason> {
        let begin = self.begin_site(kernel)?;
        let before = std::iter::once(None).chain(self.code.iter().map(Some));
        let returns = self.code.iter().zip(before);
        let returns = returns.filter(|(code, _)| code.next == Next::Returns);
        let returns: Vec<Site> = returns
            .map(|(code, before)| self.return_site(code, before))
            .collect::<Result<_, _>>()?;
        if returns.is_empty() {
            return Err(Reason::NeverReturns);
        }
        match returns.iter().find(|site| site.stack_delta != 0) {
            Some(site) => Err(self.refuse(site.address, "a return with something on the stack")),
            None => Ok((begin, returns)),
        }
    }

    /// Whether it takes its goroutine from the thread before its stack check, not from its caller. It
    /// is called as assembly code is then, with parameters and results on the stack.
    pub(super) fn results_on_stack(&self) -> bool {
        let prologue = self.code.iter().take(PROLOGUE);
        prologue
            .take_while(|code| !code.checks_stack())
            .any(Instruction::changes_goroutine)
    }

    /// The cheapest instruction of code that is straight up to a jump at its end: each of them runs
    /// once.
    pub(super) fn straight_site(&self, kernel: KernelVersion) -> Result<Site, Reason> {
        let refuse = |why| self.refuse(self.entry.start, why);
        let (last, before) = self.code.split_last().ok_or(refuse("it is empty"))?;
        let leaves = matches!(last.next, Next::Jumps(_) | Next::JumpsIndirectly);
        if !leaves || before.iter().any(|code| code.next != Next::Falls) {
            return Err(refuse("it is not straight up to a jump"));
        }
        let sites = self.code.iter().map(|code| self.site(code, kernel));
        let sites: Vec<Site> = sites.collect::<Result<_, _>>()?;
        let cheapest = sites
            .into_iter()
            .min_by_key(|site| site.cost != Cost::Emulated);
        cheapest.ok_or(refuse("it is empty"))
    }

    /// The instruction after the stack check; the first one where there is no check.
    fn begin(&self) -> Result<&Instruction, Reason> {
        let first = self.code.first();
        let first = first.ok_or(self.refuse(self.entry.start, "it is empty"))?;
        let prologue = &self.code[..self.code.len().min(PROLOGUE)];
        let check = prologue.iter().position(Instruction::checks_stack);
        let branch = check.and_then(|check| self.code.get(check + 1));
        if let (Some(check), Some(branch)) = (check, branch)
            && branch.jumps_if_below_or_equal()
            && let Next::Branches(target) = branch.next
            && self.grows_stack_at(target)
        {
            let begin = self.code.get(check + 2);
            return begin.ok_or(self.refuse(branch.address, "nothing follows its stack check"));
        }
        if self.code.iter().any(|code| self.calls_for_stack(code)) {
            return Err(self.refuse(
                first.address,
                "its stack check is not one of the known forms",
            ));
        }
        let before_calls = self
            .code
            .iter()
            .take_while(|code| !matches!(code.next, Next::Calls(_)));
        match before_calls
            .into_iter()
            .find(|code| code.changes_goroutine())
        {
            Some(code) => {
                Err(self.refuse(code.address, "assembly code calls it, without a goroutine"))
            }
            None => Ok(first),
        }
    }

    /// Whether the code at the address leads to a call that makes the stack grow.
    fn grows_stack_at(&self, address: u64) -> bool {
        let Ok(index) = self.index_of(address) else {
            return false;
        };
        let call = self.code[index..]
            .iter()
            .find(|code| code.next != Next::Falls);
        call.is_some_and(|call| self.calls_for_stack(call))
    }

    fn calls_for_stack(&self, code: &Instruction) -> bool {
        let Next::Calls(Some(target)) = code.next else {
            return false;
        };
        let callee = self.program.name_at(target);
        callee.is_some_and(|name| name.starts_with("runtime.morestack"))
    }

    /// Every jump must stay in the function and not lead to its begin.
    fn check_jumps(&self, begin: &Instruction) -> Result<(), Reason> {
        for (index, code) in self.code.iter().enumerate() {
            let targets = match code.next {
                Next::Jumps(target) | Next::Branches(target) => vec![target],
                Next::JumpsIndirectly => self.table_targets(index, begin)?,
                _ => continue,
            };
            for target in targets {
                if !(self.entry.start..self.entry.end).contains(&target) {
                    let callee = self.program.name_at(target);
                    return Err(Reason::GoTailCall {
                        at: code.address,
                        callee: callee.map(|name| names::readable(name).into_owned()),
                    });
                }
                self.index_of(target)?;
                if target == begin.address {
                    return Err(self.refuse(target, "a loop leads back to its begin"));
                }
            }
        }
        Ok(())
    }

    /// The targets of a jump through a table; none where they are not known and none can be the
    /// begin, because the stack is deeper there.
    fn table_targets(&self, index: usize, begin: &Instruction) -> Result<Vec<u64>, Reason> {
        let jump = &self.code[index];
        if !jump.jumps_through_table() {
            return Err(Reason::GoTailCall {
                at: jump.address,
                callee: None,
            });
        }
        if self.depth(jump)? != self.depth(begin)? {
            return Ok(Vec::new());
        }
        let uncertain = self.refuse(jump.address, "a jump could lead back to its begin");
        let entries = Entries::new(&self.code, BTreeSet::new());
        let code = Code {
            instructions: &self.code,
            entries: &entries,
        };
        let mut targets = Vec::new();
        for table in jump_table::recognise(code, index).unwrap_or_default() {
            let (Some(table), Some(count)) = (table.table, table.count) else {
                return Err(uncertain);
            };
            for entry in 0..count.min(MOST_ENTRIES) {
                let target = self.program.elf.pointer_entry(table, entry);
                targets.push(target.ok_or_else(|| uncertain.clone())?);
            }
        }
        if targets.is_empty() {
            return Err(uncertain);
        }
        Ok(targets)
    }

    fn index_of(&self, address: u64) -> Result<usize, Reason> {
        let found = self
            .code
            .binary_search_by_key(&address, |code| code.address);
        found.map_err(|_| self.refuse(address, "a jump leads into the middle of an instruction"))
    }

    fn depth(&self, code: &Instruction) -> Result<i16, Reason> {
        let depth = self
            .program
            .functions
            .stack_depth(&self.entry, code.address);
        depth
            .and_then(|depth| i16::try_from(depth).ok())
            .ok_or(self.refuse(code.address, "the depth of its stack is not known"))
    }

    fn site(&self, code: &Instruction, kernel: KernelVersion) -> Result<Site, Reason> {
        let skip = usize::try_from(code.address - self.entry.start).unwrap_or(usize::MAX);
        let cost: Option<Cost> =
            code.probe_cost(self.bytes.get(skip..).unwrap_or_default(), kernel);
        let cost = cost.ok_or(self.refuse(code.address, "the kernel accepts no probe"))?;
        Site::at(self.program.elf, code.address, self.depth(code)?, cost)
            .ok_or(self.refuse(code.address, "it is not in the file"))
    }

    /// A return; `before` is the instruction in front of it.
    fn return_site(
        &self,
        code: &Instruction,
        before: Option<&Instruction>,
    ) -> Result<Site, Reason> {
        let after_call = before.is_none_or(|before| matches!(before.next, Next::Calls(_)));
        let site = Site::at_return(self.program.elf, code.address, after_call);
        let site = site.ok_or(self.refuse(code.address, "it is not in the file"))?;
        Ok(Site {
            stack_delta: self.depth(code)?,
            ..site
        })
    }

    fn refuse(&self, at: u64, why: &'static str) -> Reason {
        Reason::GoCode { at, why }
    }
}

impl<'a> Program<'_, 'a> {
    /// Whether the program may compare the function's code with a checksum when it starts. It would
    /// find the breakpoint of a probe, and end.
    fn checks_itself(&self, entry: &Entry<'_>) -> bool {
        self.checksummed.contains(&entry.start)
    }

    /// Name of the function that starts at the address.
    fn name_at(&self, address: u64) -> Option<&'a str> {
        Some(self.functions.starting_at(address)?.name)
    }
}
