//! The rule `success=…`: a comparison of the return value, or the error of a Go function.

use std::fmt;

use soakbox_schemas::control::comparison;

use super::rules::{later, refuse};
use super::{Refusal, shown};
use crate::binary::GO_ERROR_HINT;

/// The condition under which an operation succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// The return value, read as `width`, is `comparison` `value`, such as at least 0.
    Return {
        /// How the value is read.
        width: Width,
        /// The operator between the return value and `value`.
        comparison: Comparison,
        /// The operand; within the width's range.
        value: i64,
    },
    /// The return value, read as `width`, is not in -4095..=-1.
    Errno {
        /// How the value is read; signed.
        width: Width,
    },
    /// The last result of the Go function, an `error`, is nil.
    GoError {
        /// Number of registers for the results before it, at most [`MOST_BEFORE_ERROR`], where the
        /// person gave it; otherwise the debug information tells it.
        before: Option<u32>,
    },
}

/// Go has nine registers for results, and an error needs two of them.
const MOST_BEFORE_ERROR: u32 = 7;

/// The size and sign with which a return register is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the C and Rust types")]
pub enum Width {
    I8,
    I16,
    I32,
    #[default]
    I64,
    U8,
    U16,
    U32,
    U64,
    Pointer,
}

/// The operator of `success=ret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the operators")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const WIDTHS: [(&str, Width); 9] = [
    ("i8", Width::I8),
    ("i16", Width::I16),
    ("i32", Width::I32),
    ("i64", Width::I64),
    ("u8", Width::U8),
    ("u16", Width::U16),
    ("u32", Width::U32),
    ("u64", Width::U64),
    ("ptr", Width::Pointer),
];

/// Longer operators first: `>=` must not be read as `>`.
const COMPARISONS: [(&str, Comparison); 6] = [
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

impl Width {
    /// Whether the value is negative where its top bit is set.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// Size in bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::I8 | Self::U8 => 8,
            Self::I16 | Self::U16 => 16,
            Self::I32 | Self::U32 => 32,
            Self::I64 | Self::U64 | Self::Pointer => 64,
        }
    }

    fn range(self) -> std::ops::RangeInclusive<i64> {
        match (self.is_signed(), self.bits()) {
            // `OperationRule::operand` is an i64, so that an unsigned value above its maximum
            // cannot be given.
            (_, 64) => (if self.is_signed() { i64::MIN } else { 0 })..=i64::MAX,
            (true, bits) => -(1 << (bits - 1))..=(1 << (bits - 1)) - 1,
            (false, bits) => 0..=(1 << bits) - 1,
        }
    }

    fn name(self) -> &'static str {
        WIDTHS
            .iter()
            .find(|(_, width)| *width == self)
            .map_or("i64", |(name, _)| name)
    }
}

impl Comparison {
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Equal => comparison::EQUAL,
            Self::NotEqual => comparison::NOT_EQUAL,
            Self::Less => comparison::LESS,
            Self::LessOrEqual => comparison::AT_MOST,
            Self::Greater => comparison::GREATER,
            Self::GreaterOrEqual => comparison::AT_LEAST,
        }
    }
}

impl Success {
    /// How the return value is read; `None` where none is.
    pub(super) fn width(self) -> Option<Width> {
        match self {
            Self::Return { width, .. } | Self::Errno { width } => Some(width),
            Self::GoError { .. } => None,
        }
    }
}

pub(super) fn parse_success(text: &str) -> Result<Success, Refusal> {
    const SHAPE: &str = "write success=ret>=0, success=ret:i32==0 (widths i8 i16 i32 i64 u8 u16 u32 u64 ptr), success=errno or success=goerr";
    let wrong = || Refusal::new(format!("success '{}' cannot be read", shown(text)), SHAPE);
    if let Some(rest) = text.strip_prefix("errno") {
        let width = match rest.strip_prefix(':') {
            None if rest.is_empty() => Width::I64,
            None => return Err(wrong()),
            Some(name) => width(name)?,
        };
        if !width.is_signed() {
            return refuse(
                "an errno is negative, so its width must be signed",
                "write success=errno or success=errno:i32",
            );
        }
        return Ok(Success::Errno { width });
    }
    if let Some(rest) = text.strip_prefix("goerr") {
        return parse_go_error(rest).ok_or_else(|| {
            Refusal::new(
                format!("success '{}' cannot be read", shown(text)),
                GO_ERROR_HINT,
            )
        });
    }
    if text.starts_with("arg") {
        return later(&format!("success={text}"));
    }
    let rest = text.strip_prefix("ret").ok_or_else(wrong)?;
    let at = rest.find(['<', '>', '=', '!']).ok_or_else(wrong)?;
    let (before, after) = rest.split_at(at);
    let width = match before.strip_prefix(':') {
        None if before.is_empty() => Width::I64,
        None => return Err(wrong()),
        Some(name) => width(name)?,
    };
    let (comparison, number) = COMPARISONS
        .iter()
        .find_map(|(operator, comparison)| Some((*comparison, after.strip_prefix(operator)?)))
        .ok_or_else(wrong)?;
    let number = integer(number).ok_or_else(wrong)?;
    let Some(value) = i64::try_from(number)
        .ok()
        .filter(|value| width.range().contains(value))
    else {
        return refuse(
            format!("{number} is outside the range of {}", width.name()),
            format!(
                "use a value from {} to {}, or another width",
                width.range().start(),
                width.range().end()
            ),
        );
    };
    Ok(Success::Return {
        width,
        comparison,
        value,
    })
}

/// Parses the text after `goerr`.
fn parse_go_error(text: &str) -> Option<Success> {
    if text.is_empty() {
        return Some(Success::GoError { before: None });
    }
    let before = integer(text.strip_prefix(':')?)?;
    let before = u32::try_from(before).ok()?;
    (before <= MOST_BEFORE_ERROR).then_some(Success::GoError {
        before: Some(before),
    })
}

fn width(name: &str) -> Result<Width, Refusal> {
    let found = WIDTHS.iter().find(|(known, _)| *known == name);
    found.map(|(_, width)| *width).ok_or_else(|| {
        Refusal::new(
            format!("'{}' is not a width", shown(name)),
            "the widths are i8, i16, i32, i64, u8, u16, u32, u64 and ptr",
        )
    })
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    if digits.is_empty()
        || digits.len() > 20
        || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = COMPARISONS
            .iter()
            .find(|(_, comparison)| comparison == self);
        f.write_str(found.map_or("==", |(operator, _)| operator))
    }
}

impl fmt::Display for Success {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return {
                width,
                comparison,
                value,
            } => write!(f, "ret:{width}{comparison}{value}"),
            Self::Errno { width } => write!(f, "errno:{width}"),
            Self::GoError { before: None } => f.write_str("goerr"),
            Self::GoError {
                before: Some(before),
            } => write!(f, "goerr:{before}"),
        }
    }
}
