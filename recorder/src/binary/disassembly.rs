//! x86-64 machine code: the effect of each instruction on control flow and on the stack pointer,
//! and the cost of a probe on it. The only folder that knows this architecture; `control_flow`
//! draws the conclusions.

use std::collections::BTreeSet;

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    Register,
};

use super::KernelVersion;

mod frame;
mod given_pointer;
mod go;
pub mod jump_table;
mod probe_site;
mod result;
mod stack;

pub use frame::Frame;
pub use given_pointer::jumps_through_given_pointer;
pub use go::member_set_from_counter;
pub use probe_site::{Cost, check_marker_site, is_nop5, probe_cost, return_cost};
pub use result::Value;
pub use stack::StackEffect;

/// The instruction that is executed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The one that follows.
    Falls,
    /// The one after the caller's call.
    Returns,
    /// Always the one at this address.
    Jumps(u64),
    /// The one at this address, or the one that follows.
    Branches(u64),
    /// One at a computed address.
    JumpsIndirectly,
    /// The first of the called function, then the one that follows, if that function returns. Holds
    /// the function's address where the call is direct.
    Calls(Option<u64>),
    /// None: a trap.
    Stops,
}

/// One decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// Virtual address of its first byte.
    pub address: u64,
    /// One past its last byte.
    pub end: u64,
    /// The instruction that is executed next.
    pub next: Next,
    raw: iced_x86::Instruction,
}

/// Disassembles `code` from its first byte to its last (linear sweep).
///
/// # Errors
/// The address of the first bytes that are no instruction.
pub fn sweep(code: &[u8], address: u64) -> Result<Vec<Instruction>, u64> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut instructions = Vec::with_capacity(code.len() / 4);
    while decoder.can_decode() {
        let raw = decoder.decode();
        if raw.is_invalid() {
            return Err(raw.ip());
        }
        let end = raw.next_ip();
        instructions.push(Instruction {
            address: raw.ip(),
            end,
            next: next(&raw),
            raw,
        });
    }
    Ok(instructions)
}

/// The one instruction at the start of `code`.
pub fn first(code: &[u8], address: u64) -> Option<Instruction> {
    const LONGEST: usize = 15;
    let code = &code[..code.len().min(LONGEST)];
    let raw = Decoder::with_ip(64, code, address, DecoderOptions::NONE).decode();
    (!raw.is_invalid()).then(|| Instruction {
        address,
        end: raw.next_ip(),
        next: next(&raw),
        raw,
    })
}

fn next(raw: &iced_x86::Instruction) -> Next {
    match raw.mnemonic() {
        Mnemonic::Hlt | Mnemonic::Int3 | Mnemonic::Int1 => return Next::Stops,
        Mnemonic::Xbegin => return Next::Branches(raw.near_branch_target()),
        _ => {}
    }
    match raw.flow_control() {
        FlowControl::Next | FlowControl::Interrupt | FlowControl::XbeginXabortXend => Next::Falls,
        FlowControl::UnconditionalBranch if raw.is_jmp_short_or_near() => {
            Next::Jumps(raw.near_branch_target())
        }
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Next::JumpsIndirectly,
        FlowControl::ConditionalBranch => Next::Branches(raw.near_branch_target()),
        FlowControl::Return if raw.mnemonic() == Mnemonic::Ret => Next::Returns,
        FlowControl::Return | FlowControl::Exception => Next::Stops,
        FlowControl::Call if raw.is_call_near() => Next::Calls(Some(raw.near_branch_target())),
        FlowControl::Call if raw.mnemonic() != Mnemonic::Call => Next::Falls,
        FlowControl::Call | FlowControl::IndirectCall => Next::Calls(None),
    }
}

impl Instruction {
    /// Whether it can take long by itself (string operations, system calls), so that a begin must
    /// not be moved past it.
    pub fn is_long_running(&self) -> bool {
        self.raw.has_rep_prefix()
            || self.raw.has_repne_prefix()
            || matches!(self.raw.mnemonic(), Mnemonic::Syscall | Mnemonic::Int)
    }

    /// The number of the condition of a conditional jump that depends on nothing but the flags.
    pub fn jump_condition(&self) -> Option<u8> {
        let raw = &self.raw;
        let jump = raw.is_jcc_short_or_near();
        // The numbers from 0 in the order of the instructions' codes; iced's begin with 1.
        jump.then(|| raw.condition_code() as u8 - 1)
    }

    /// Whether it does nothing.
    pub fn is_filler(&self) -> bool {
        let raw = &self.raw;
        let same = || raw.op_count() == 2 && raw.op0_register() == raw.op1_register();
        match raw.mnemonic() {
            Mnemonic::Nop | Mnemonic::Int3 => true,
            Mnemonic::Xchg => same() && raw.op0_kind() == OpKind::Register,
            _ => false,
        }
    }

    /// Whether it may raise a fault: it divides, or accesses memory other than relative to the
    /// stack or frame pointer.
    pub fn may_fault(&self) -> bool {
        let raw = &self.raw;
        let has_memory = (0..raw.op_count()).any(|op| raw.op_kind(op) == OpKind::Memory);
        let in_frame = matches!(raw.memory_base(), Register::RSP | Register::RBP);
        let divides = matches!(raw.mnemonic(), Mnemonic::Div | Mnemonic::Idiv);
        divides
            || has_memory && !in_frame && !matches!(raw.mnemonic(), Mnemonic::Lea | Mnemonic::Nop)
    }

    /// The address of its memory operand, where that is relative to the instruction pointer (RIP).
    pub fn rip_relative_address(&self) -> Option<u64> {
        let relative = self.raw.is_ip_rel_memory_operand();
        relative.then(|| self.raw.ip_rel_memory_address())
    }

    /// Whether it enters the kernel (`syscall`, `sysenter`, `int`), without the C library.
    pub fn is_system_call(&self) -> bool {
        matches!(
            self.raw.mnemonic(),
            Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Int
        )
    }

    /// Every address that it could refer to: its target, its memory operand, its constants.
    pub fn mentioned_addresses(&self) -> impl Iterator<Item = u64> {
        self.relative_addresses().chain(self.constants())
    }

    /// The addresses that it names by their distance: its target and its memory operand.
    pub fn relative_addresses(&self) -> impl Iterator<Item = u64> {
        let target = match self.next {
            Next::Jumps(target) | Next::Branches(target) | Next::Calls(Some(target)) => {
                Some(target)
            }
            _ => None,
        };
        target.into_iter().chain(self.rip_relative_address())
    }

    /// Its constants, which are addresses only where a program is loaded where it was linked to.
    pub fn constants(&self) -> impl Iterator<Item = u64> {
        let raw = self.raw;
        (0..raw.op_count())
            .filter(move |op| {
                matches!(
                    raw.op_kind(*op),
                    OpKind::Immediate32 | OpKind::Immediate64 | OpKind::Immediate32to64
                )
            })
            .map(move |op| raw.immediate(op))
    }

    /// Whether its first byte is a `lock` prefix.
    pub fn has_lock_prefix(&self) -> bool {
        self.raw.has_lock_prefix()
    }

    /// The cost of a probe here; `None` where the kernel refuses one.
    pub fn probe_cost(&self, code: &[u8], kernel: KernelVersion) -> Option<Cost> {
        probe_cost(code, kernel)
    }
}

/// Whether the instruction writes any part of `register`.
fn writes(raw: &iced_x86::Instruction, register: Register) -> bool {
    let mut factory = InstructionInfoFactory::new();
    factory.info(raw).used_registers().iter().any(|used| {
        used.register().full_register() == register
            && matches!(
                used.access(),
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
    })
}

/// The address of the slot that a stub (`[endbr64] jmp *slot(%rip)`) jumps through.
pub fn indirect_slot(code: &[u8], address: u64) -> Option<u64> {
    const LONGEST_STUB: usize = 16;
    let code = &code[..code.len().min(LONGEST_STUB)];
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    for _ in 0..2 {
        let raw = decoder.decode();
        if raw.flow_control() == FlowControl::IndirectBranch {
            return raw
                .is_ip_rel_memory_operand()
                .then(|| raw.ip_rel_memory_address());
        }
    }
    None
}

/// The third argument of the call at `index`, where the code right before the call sets it to a
/// constant and nothing jumps in between.
pub fn third_argument(code: &[Instruction], index: usize, targets: &BTreeSet<u64>) -> Option<u64> {
    const WINDOW: usize = 24;
    let mut after = code[index].address;
    for at in (index.saturating_sub(WINDOW)..index).rev() {
        let instruction = &code[at];
        let next = std::mem::replace(&mut after, instruction.address);
        if instruction.next != Next::Falls || targets.contains(&next) {
            return None;
        }
        let raw = &instruction.raw;
        if !writes(raw, Register::RDX) {
            continue;
        }
        let whole = raw.op0_kind() == OpKind::Register
            && matches!(raw.op0_register(), Register::EDX | Register::RDX);
        return match raw.mnemonic() {
            Mnemonic::Mov if whole => match raw.op1_kind() {
                OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64 => {
                    Some(raw.immediate(1))
                }
                _ => None,
            },
            Mnemonic::Xor if whole && raw.op0_register() == raw.op1_register() => Some(0),
            _ => None,
        };
    }
    None
}
