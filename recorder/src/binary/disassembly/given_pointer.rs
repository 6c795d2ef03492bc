//! Whether a computed jump leads where memory, an argument or a called function says: the address is
//! not computed in the function itself, as an offset from one of its labels would be.

use std::collections::BTreeSet;

use iced_x86::{ConditionCode, Mnemonic, OpKind, Register};

use super::jump_table::Code;
use super::{Instruction, Next, writes};

/// Most instructions, on all paths to the jump, that are searched for the origin of the address.
const MOST_SEARCHED: usize = 512;

/// Whether the address that the jump at `index` leads to is read from memory outside of the
/// function's frame, or given to the function.
pub fn jumps_through_given_pointer(code: Code<'_>, index: usize) -> bool {
    let jump = code.instructions.get(index);
    let Some(jump) = jump.filter(|jump| jump.next == Next::JumpsIndirectly) else {
        return false;
    };
    let raw = &jump.raw;
    match raw.op0_kind() {
        OpKind::Memory => !may_be_in_frame(code, raw),
        OpKind::Register => is_given(code, index, raw.op0_register().full_register()),
        _ => false,
    }
}

/// Whether the memory operand may be in the function's own frame.
fn may_be_in_frame(code: Code<'_>, raw: &iced_x86::Instruction) -> bool {
    let has_frame_pointer = || {
        let mut all = code.instructions.iter();
        all.any(writes_frame_pointer)
    };
    match raw.memory_base().full_register() {
        Register::RSP => true,
        Register::RBP => has_frame_pointer(),
        _ => false,
    }
}

fn writes_frame_pointer(instruction: &Instruction) -> bool {
    let raw = &instruction.raw;
    let from_stack = match raw.mnemonic() {
        Mnemonic::Mov => raw.op1_kind() == OpKind::Register && raw.op1_register() == Register::RSP,
        Mnemonic::Lea => raw.memory_base() == Register::RSP,
        Mnemonic::Enter => true,
        _ => false,
    };
    from_stack && (raw.mnemonic() == Mnemonic::Enter || raw.op0_register() == Register::RBP)
}

fn is_given(code: Code<'_>, index: usize, register: Register) -> bool {
    let mut seen = BTreeSet::new();
    let mut pending = vec![(index, register)];
    while let Some((at, register)) = pending.pop() {
        let Some(before) = code.predecessors(at) else {
            // Before the function's first instruction it is an argument.
            if at == 0 && code.is_entered_at_start_only() {
                continue;
            }
            return false;
        };
        for before in before {
            if !seen.insert((before, register)) {
                continue;
            }
            if seen.len() > MOST_SEARCHED {
                return false;
            }
            let instruction = &code.instructions[before];
            // The result of the function that is called there.
            if matches!(instruction.next, Next::Calls(_)) && register == Register::RAX {
                continue;
            }
            if !writes(&instruction.raw, register) {
                pending.push((before, register));
                continue;
            }
            let Some(others) = origins(code, &instruction.raw, register) else {
                return false;
            };
            pending.extend(others.into_iter().map(|other| (before, other)));
        }
    }
    true
}

/// The registers that the value comes from, where the instruction only moves it; none where it is read
/// from memory or a constant. `None` where it is computed.
fn origins(
    code: Code<'_>,
    raw: &iced_x86::Instruction,
    register: Register,
) -> Option<Vec<Register>> {
    let is_whole = raw.op0_kind() == OpKind::Register
        && raw.op0_register().full_register() == register
        && (raw.op0_register().is_gpr64() || raw.op0_register().is_gpr32());
    // Of instructions with two operands, only conditional moves have a condition.
    let is_conditional = raw.condition_code() != ConditionCode::None && raw.op_count() == 2;
    match (raw.mnemonic(), raw.op1_kind()) {
        _ if !is_whole => None,
        (Mnemonic::Xor, OpKind::Register) if raw.op0_register() == raw.op1_register() => {
            Some(vec![])
        }
        (Mnemonic::Lea, _) if raw.is_ip_rel_memory_operand() => Some(vec![]),
        (Mnemonic::Mov, OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64) => {
            Some(vec![])
        }
        _ if raw.mnemonic() != Mnemonic::Mov && !is_conditional => None,
        (_, OpKind::Memory) if may_be_in_frame(code, raw) => None,
        (_, OpKind::Memory) => Some(if is_conditional {
            vec![register]
        } else {
            vec![]
        }),
        (_, OpKind::Register) => {
            let mut all = vec![raw.op1_register().full_register()];
            all.extend(is_conditional.then_some(register));
            Some(all)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::jump_table::Entries;
    use super::super::sweep;
    use super::*;

    /// Whether the last instruction of the code jumps to an address that is given.
    fn is_given(code: &[u8]) -> bool {
        let instructions = sweep(code, 0x1000).unwrap();
        let entries = Entries::new(&instructions, BTreeSet::new());
        let code = Code {
            instructions: &instructions,
            entries: &entries,
        };
        jumps_through_given_pointer(code, instructions.len() - 1)
    }

    #[test]
    fn addresses_from_memory_arguments_and_calls_are_given() {
        const JMP_RAX: [u8; 2] = [0xff, 0xe0];
        for (name, code) in [
            ("mov 8(%rdi),%rax", &b"\x48\x8b\x47\x08"[..]),
            ("call", b"\xe8\xfb\xff\xff\xff"),
            (
                "mov (%rdi),%rax; test; jne; mov 8(%rdi),%rax",
                b"\x48\x8b\x07\x85\xf6\x75\x04\x48\x8b\x47\x08",
            ),
            ("mov 8(%rbp),%rax", b"\x48\x8b\x45\x08"),
            (
                "mov %rsi,%rax; test; cmovne (%rdi),%rax",
                b"\x48\x89\xf0\x85\xf6\x48\x0f\x45\x07",
            ),
            (
                "mov (%rdi),%rcx; mov %rcx,%rax; xor %ecx,%ecx",
                b"\x48\x8b\x0f\x48\x89\xc8\x31\xc9",
            ),
        ] {
            assert!(is_given(&[code, &JMP_RAX].concat()), "{name}");
        }
        assert!(is_given(b"\xff\xe6"), "jmp *%rsi");
        assert!(is_given(b"\xff\x67\x10"), "jmp *16(%rdi)");
    }

    #[test]
    fn addresses_that_are_computed_or_in_the_frame_are_not() {
        const JMP_RAX: [u8; 2] = [0xff, 0xe0];
        for (name, code) in [
            (
                "an offset from a table",
                &b"\x48\x8d\x05\x40\0\0\0\x48\x63\x0c\xb8\x48\x01\xc8"[..],
            ),
            (
                "mov (%rdi),%rax; add $1,%rax",
                b"\x48\x8b\x07\x48\x83\xc0\x01",
            ),
            ("mov 8(%rsp),%rax", b"\x48\x8b\x44\x24\x08"),
            (
                "push %rbp; mov %rsp,%rbp; mov -8(%rbp),%rax; pop",
                b"\x55\x48\x89\xe5\x48\x8b\x45\xf8\x5d",
            ),
            ("pop %rax", b"\x58"),
            ("jne over the load", b"\x75\x04\x48\x8b\x47\x08\x48\xff\xc0"),
        ] {
            assert!(!is_given(&[code, &JMP_RAX].concat()), "{name}");
        }
        assert!(!is_given(b"\xff\x64\x24\x08"), "jmp *8(%rsp)");
        assert!(!is_given(b"\x90\xc3"), "no jump");
    }
}
