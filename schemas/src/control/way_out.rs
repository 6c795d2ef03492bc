//! A finish that is observed before the return: which way out of a branch it is, where the stack
//! pointer of the entry is found there, and the return value.

/// The part of a [`Cookie`](super::Cookie) that tells a finish how to read the registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WayOut {
    /// The finish happens only then.
    pub when: When,
    /// The register from which the entry's stack pointer is counted.
    pub base: Base,
    /// Where the return value is found.
    pub returned: Returned,
}

/// When an instruction that is reached is a finish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Each time.
    #[default]
    Always,
    /// Where the flags fulfil the condition.
    Holds(Condition),
    /// Where they do not.
    HoldsNot(Condition),
}

/// The condition of a conditional jump: the number from 0 to 15 that x86 instructions have for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition(u8);

impl Condition {
    /// The condition of that number, of which the lowest four bits count.
    pub const fn new(number: u8) -> Self {
        Self(number & 0xf)
    }

    /// Whether these flags (the register of x86) fulfil it.
    #[inline(always)]
    pub const fn holds(self, flags: u64) -> bool {
        let carry = flags & 1 != 0;
        let parity = flags >> 2 & 1 != 0;
        let zero = flags >> 6 & 1 != 0;
        let sign = flags >> 7 & 1 != 0;
        let overflow = flags >> 11 & 1 != 0;
        let holds = match self.0 >> 1 {
            0 => overflow,
            1 => carry,
            2 => zero,
            3 => carry | zero,
            4 => sign,
            5 => parity,
            6 => sign != overflow,
            _ => zero | (sign != overflow),
        };
        // Odd numbers are the opposite of the one before.
        holds != (self.0 & 1 != 0)
    }
}

/// The register from which the entry's stack pointer is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// The stack pointer.
    #[default]
    StackPointer,
    /// The frame pointer, where the function may have moved the stack pointer by any amount.
    FramePointer,
}

/// Where the return value is found at a finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// In a register.
    Register {
        /// The register's number in x86 instructions, 0 to 15; 0 is the one that holds it at the
        /// return.
        number: u8,
        /// How much of it counts.
        part: Part,
    },
    /// The same value each time.
    Constant(i32),
    /// Nowhere: it is not known yet.
    Unknown,
    /// In the function's frame.
    Frame {
        /// Added to the stack pointer of the entry, it gives the address; bytes.
        offset: i16,
        /// How much of the eight bytes there counts.
        part: Part,
    },
}

impl Default for Returned {
    fn default() -> Self {
        Self::Register {
            number: 0,
            part: Part::Whole,
        }
    }
}

/// The lowest bits of a 64-bit number that count, and the bits above them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names give the extension and the bits")]
pub enum Part {
    #[default]
    Whole = 0,
    Zero8 = 1,
    Zero16 = 2,
    Zero32 = 3,
    Sign8 = 4,
    Sign16 = 5,
    Sign32 = 6,
}

impl Part {
    /// The number, with the bits above the part cleared or filled with its sign.
    #[inline(always)]
    pub const fn of(self, number: u64) -> u64 {
        match self {
            Self::Whole => number,
            Self::Zero8 => number as u8 as u64,
            Self::Zero16 => number as u16 as u64,
            Self::Zero32 => number as u32 as u64,
            Self::Sign8 => number as u8 as i8 as u64,
            Self::Sign16 => number as u16 as i16 as u64,
            Self::Sign32 => number as u32 as i32 as u64,
        }
    }

    #[inline(always)]
    const fn unpack(packed: u64) -> Self {
        match packed & 7 {
            1 => Self::Zero8,
            2 => Self::Zero16,
            3 => Self::Zero32,
            4 => Self::Sign8,
            5 => Self::Sign16,
            6 => Self::Sign32,
            _ => Self::Whole,
        }
    }
}

impl WayOut {
    /// Bits that [`Self::pack`] uses.
    pub const BITS: u32 = 30;
    /// Bits of a constant return value, its sign included.
    pub const CONSTANT_BITS: u32 = 21;

    const REGISTER: u64 = 0;
    const CONSTANT: u64 = 1;
    const FRAME: u64 = 2;
    const UNKNOWN: u64 = 3;

    /// Lowest to highest: condition 4, when 2, base 1, kind of return value 2, value 21.
    #[inline(always)]
    pub(super) const fn pack(self) -> u64 {
        let (when, condition) = match self.when {
            When::Always => (0, 0),
            When::Holds(condition) => (1, condition.0),
            When::HoldsNot(condition) => (2, condition.0),
        };
        let base = matches!(self.base, Base::FramePointer) as u64;
        let (kind, value) = match self.returned {
            Returned::Register { number, part } => {
                (Self::REGISTER, number as u64 & 0xf | (part as u64) << 4)
            }
            Returned::Constant(value) => (
                Self::CONSTANT,
                value as u64 & ((1 << Self::CONSTANT_BITS) - 1),
            ),
            Returned::Frame { offset, part } => {
                (Self::FRAME, offset as u16 as u64 | (part as u64) << 16)
            }
            Returned::Unknown => (Self::UNKNOWN, 0),
        };
        condition as u64 | when << 4 | base << 6 | kind << 7 | value << 9
    }

    #[inline(always)]
    pub(super) const fn unpack(packed: u64) -> Self {
        let condition = Condition(packed as u8 & 0xf);
        let value = packed >> 9;
        Self {
            when: match packed >> 4 & 3 {
                1 => When::Holds(condition),
                2 => When::HoldsNot(condition),
                _ => When::Always,
            },
            base: if packed >> 6 & 1 == 0 {
                Base::StackPointer
            } else {
                Base::FramePointer
            },
            returned: match packed >> 7 & 3 {
                Self::CONSTANT => {
                    let unused = 32 - Self::CONSTANT_BITS;
                    Returned::Constant((value as i32) << unused >> unused)
                }
                Self::FRAME => Returned::Frame {
                    offset: value as u16 as i16,
                    part: Part::unpack(value >> 16),
                },
                Self::UNKNOWN => Returned::Unknown,
                _ => Returned::Register {
                    number: value as u8 & 0xf,
                    part: Part::unpack(value >> 4),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARTS: [Part; 7] = [
        Part::Whole,
        Part::Zero8,
        Part::Zero16,
        Part::Zero32,
        Part::Sign8,
        Part::Sign16,
        Part::Sign32,
    ];

    #[test]
    fn the_flags_of_a_comparison_fulfil_the_conditions_of_its_jumps() {
        // cmp 1,2: borrows, negative. cmp 2,2: equal. cmp MIN,1: overflow. cmp -1,1: negative.
        const FLAGS_AND_CONDITIONS: [(u64, &str); 4] = [
            (0x81, "b be ne s l le"),
            (0x44, "e ae be ns le ge p"),
            (0x800, "o ne a ae l le ns"),
            (0x80, "ne a ae s l le"),
        ];
        const NAMES: [&str; 16] = [
            "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
        ];
        for (flags, holding) in FLAGS_AND_CONDITIONS {
            for (number, name) in NAMES.iter().enumerate() {
                let condition = Condition::new(number as u8);
                let opposite = Condition::new(number as u8 ^ 1);
                assert_ne!(condition.holds(flags), opposite.holds(flags));
                if holding.split(' ').any(|holds| holds == *name) {
                    assert!(condition.holds(flags), "{name} {flags:#x}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_reads_back(
            condition in 0..16u8,
            when in 0..3u8,
            frame_pointer: bool,
            kind in 0..4u8,
            part in 0..7usize,
            number in 0..16u8,
            constant in -(1 << 20)..(1i32 << 20),
            offset: i16,
        ) {
            let condition = Condition::new(condition);
            let part = PARTS[part];
            let way_out = WayOut {
                when: [When::Always, When::Holds(condition), When::HoldsNot(condition)][when as usize],
                base: if frame_pointer { Base::FramePointer } else { Base::StackPointer },
                returned: match kind {
                    0 => Returned::Register { number, part },
                    1 => Returned::Constant(constant),
                    2 => Returned::Frame { offset, part },
                    _ => Returned::Unknown,
                },
            };
            prop_assert!(way_out.pack() < 1 << WayOut::BITS);
            prop_assert_eq!(WayOut::unpack(way_out.pack()), way_out);
        }
    }
}
