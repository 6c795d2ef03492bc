//! Where the return value is before an instruction, given where it is after it: it is followed
//! backwards through copies, constants and the function's frame.

use iced_x86::{InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use soakbox_schemas::control::Part;

use super::frame::offset_from;
use super::{Frame, Instruction, writes};

/// Where the return value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// In the register of this number (0 is `rax`).
    Register(u8, Part),
    /// It is always this number.
    Constant(u64),
    /// In memory, this many bytes above the stack pointer of the entry.
    Frame(i64, Part),
}

impl Value {
    /// The value at a return.
    pub const RETURNED: Self = Self::Register(0, Part::Whole);

    /// The same, read after the part `first` was taken of it; `None` where no single part stands
    /// for both.
    fn of_part(self, first: Part, bits: u32) -> Option<Self> {
        Some(match self {
            Self::Register(number, part) => Self::Register(number, compose(part, first, bits)?),
            Self::Frame(offset, part) => Self::Frame(offset, compose(part, first, bits)?),
            Self::Constant(value) => Self::Constant(value),
        })
    }
}

impl Instruction {
    /// Where a value is before this instruction that is at `value` after it; only its lowest `bits`
    /// count. `before` is the frame before the instruction.
    pub fn value_before(&self, value: Value, bits: u32, before: Frame) -> Option<Value> {
        match value {
            Value::Constant(_) => Some(value),
            Value::Register(number, part) => self.register_before(number, part, bits, before),
            Value::Frame(offset, part) => self.slot_before(offset, part, bits, before),
        }
    }

    fn register_before(&self, number: u8, part: Part, bits: u32, before: Frame) -> Option<Value> {
        let raw = &self.raw;
        let unchanged = Value::Register(number, part);
        if !(0..16).contains(&number) || !writes(raw, whole(number)) {
            return Some(unchanged);
        }
        if matches!(raw.mnemonic(), Mnemonic::Cdqe | Mnemonic::Cwde) {
            let sixteen = raw.mnemonic() == Mnemonic::Cwde;
            return match (number, sixteen) {
                (0, false) => unchanged.of_part(Part::Sign32, bits),
                (0, true) => unchanged
                    .of_part(Part::Zero32, bits)?
                    .of_part(Part::Sign16, bits),
                _ => None,
            };
        }
        if raw.op_count() == 0 || raw.op0_kind() != OpKind::Register {
            return None;
        }
        let written = raw.op0_register();
        if number_of(written) != Some(number) {
            return None;
        }
        // A write of 32 bits clears the upper half of the register, a shorter one leaves the rest
        // as it is.
        let size = written.size() * 8;
        let after_write = match size {
            64 => unchanged,
            32 => unchanged.of_part(Part::Zero32, bits)?,
            _ if counting(part, bits) as usize <= size => unchanged,
            _ => return None,
        };
        let Value::Register(_, part) = after_write else {
            return None;
        };
        if raw.mnemonic() == Mnemonic::Pop && size == 64 {
            let stack = before.stack?;
            return Some(Value::Frame(-stack, part));
        }
        if raw.op_count() != 2 {
            return None;
        }
        let source = |part: Part| -> Option<Value> {
            match raw.op1_kind() {
                OpKind::Register => Some(Value::Register(number_of(raw.op1_register())?, part)),
                OpKind::Memory => Some(Value::Frame(slot(raw, before)?, part)),
                _ => None,
            }
        };
        let constant = |value: u64| Some(Value::Constant(part.of(value)));
        let same = raw.op1_kind() == OpKind::Register && raw.op1_register() == written;
        match raw.mnemonic() {
            Mnemonic::Mov if is_immediate(raw.op1_kind()) => constant(raw.immediate(1)),
            Mnemonic::Mov => source(part)?.of_part(zero_extended(size)?, bits),
            Mnemonic::Movzx => source(part)?.of_part(zero_extended(source_size(raw)?)?, bits),
            Mnemonic::Movsx | Mnemonic::Movsxd => {
                source(part)?.of_part(sign_extended(source_size(raw)?)?, bits)
            }
            Mnemonic::Xor | Mnemonic::Sub if same && size >= 32 => constant(0),
            Mnemonic::Or if is_immediate(raw.op1_kind()) && size >= 32 => {
                (raw.immediate(1) as i32 == -1).then(|| Value::Constant(part.of(u64::MAX)))
            }
            Mnemonic::And if is_immediate(raw.op1_kind()) && size >= 32 => {
                (raw.immediate(1) == 0).then_some(Value::Constant(0))
            }
            _ => None,
        }
    }

    fn slot_before(&self, offset: i64, part: Part, bits: u32, before: Frame) -> Option<Value> {
        let raw = &self.raw;
        let mut factory = InstructionInfoFactory::new();
        let info = factory.info(raw);
        let mut memory = info.used_memory().iter();
        let reads_only = |access| {
            matches!(
                access,
                OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess
            )
        };
        if memory.all(|memory| reads_only(memory.access())) {
            return Some(Value::Frame(offset, part));
        }
        let apart = |from: i64, length: i64| from + length <= offset || offset + 8 <= from;
        if raw.mnemonic() == Mnemonic::Push && raw.stack_pointer_increment() == -8 {
            let at = -before.stack?.checked_add(8)?;
            if apart(at, 8) {
                return Some(Value::Frame(offset, part));
            }
            return match raw.op0_kind() {
                _ if at != offset => None,
                OpKind::Register => Some(Value::Register(number_of(raw.op0_register())?, part)),
                kind if is_immediate(kind) => Some(Value::Constant(part.of(raw.immediate(0)))),
                _ => None,
            };
        }
        if raw.mnemonic() != Mnemonic::Mov || raw.op0_kind() != OpKind::Memory {
            return None;
        }
        let at = slot(raw, before)?;
        let size = i64::try_from(raw.memory_size().size()).ok()?;
        if apart(at, size) {
            return Some(Value::Frame(offset, part));
        }
        if at != offset || i64::from(counting(part, bits)) > 8 * size {
            return None;
        }
        match raw.op1_kind() {
            OpKind::Register => Some(Value::Register(number_of(raw.op1_register())?, part)),
            kind if is_immediate(kind) => Some(Value::Constant(part.of(raw.immediate(1)))),
            _ => None,
        }
    }
}

/// Bytes above the stack pointer of the entry at which the memory operand is, where it is in the
/// frame.
fn slot(raw: &iced_x86::Instruction, before: Frame) -> Option<i64> {
    let from = |register, below: Option<i64>| offset_from(raw, register)?.checked_sub(below?);
    from(Register::RSP, before.stack).or_else(|| from(Register::RBP, before.frame))
}

fn is_immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate32to64
            | OpKind::Immediate64
    )
}

/// Bits of the source of an extending move.
fn source_size(raw: &iced_x86::Instruction) -> Option<usize> {
    match raw.op1_kind() {
        OpKind::Register => Some(raw.op1_register().size() * 8),
        OpKind::Memory => Some(raw.memory_size().size() * 8),
        _ => None,
    }
}

fn zero_extended(bits: usize) -> Option<Part> {
    match bits {
        8 => Some(Part::Zero8),
        16 => Some(Part::Zero16),
        32 => Some(Part::Zero32),
        64 => Some(Part::Whole),
        _ => None,
    }
}

fn sign_extended(bits: usize) -> Option<Part> {
    match bits {
        8 => Some(Part::Sign8),
        16 => Some(Part::Sign16),
        32 => Some(Part::Sign32),
        _ => None,
    }
}

/// How many of the lowest bits of a number decide the lowest `bits` of its part.
fn counting(part: Part, bits: u32) -> u32 {
    bits.min(size_of(part))
}

fn size_of(part: Part) -> u32 {
    match part {
        Part::Whole => 64,
        Part::Zero32 | Part::Sign32 => 32,
        Part::Zero16 | Part::Sign16 => 16,
        Part::Zero8 | Part::Sign8 => 8,
    }
}

/// The one part that gives the same lowest `bits` as `inner` and then `outer`, where there is one.
fn compose(outer: Part, inner: Part, bits: u32) -> Option<Part> {
    let outer = if size_of(outer) >= bits {
        Part::Whole
    } else {
        outer
    };
    if size_of(inner) >= counting(outer, bits) {
        return Some(outer);
    }
    let is_signed = |part| matches!(part, Part::Sign8 | Part::Sign16 | Part::Sign32);
    let representable = !is_signed(inner) || outer == Part::Whole || is_signed(outer);
    representable.then_some(inner)
}

/// The number of a general-purpose register; none for the second byte of one (`ah`).
fn number_of(register: Register) -> Option<u8> {
    let second_byte = matches!(
        register,
        Register::AH | Register::BH | Register::CH | Register::DH
    );
    let general = register.is_gpr() && !second_byte;
    general.then(|| register.full_register().number() as u8)
}

fn whole(number: u8) -> Register {
    Register::RAX + u32::from(number)
}
