//! The rules after a probe's commas: `type=N`, `success=…`.

use std::fmt;

use soakbox_schemas::control::{OperationRule, comparison};

use super::{Refusal, escape, shown};
use crate::plan::OutcomeSource;

/// The rules of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `type=N`: the operation type's code.
    pub operation_type: Option<u32>,
    /// `success=…`; without one the probe's [`OutcomeSource`] decides.
    pub success: Option<Success>,
}

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
}

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

/// The rules in a line of help.
pub(super) const HELP: &str =
    "type=N, success=ret[:WIDTH](>=|<=|==|!=|>|<)NUMBER such as success=ret:i32>=0, or success=errno[:WIDTH]";

const RULES: &str = "the rules are type=N and success=ret[:WIDTH](>=|<=|==|!=|>|<)NUMBER or success=errno[:WIDTH]; bytes=, key=, attr.NAME= and min= come later";

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
    fn code(self) -> u32 {
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
    /// How the return value is read.
    pub fn width(self) -> Width {
        match self {
            Self::Return { width, .. } | Self::Errno { width } => width,
        }
    }
}

impl Rules {
    /// The rule in the kernel side's form. Without a success rule, `outcome` decides where success
    /// comes from.
    pub fn operation_rule(&self, outcome: OutcomeSource) -> OperationRule {
        let width = self.success.map_or(Width::I64, Success::width);
        let (comparison, operand) = match self.success {
            None => match outcome {
                OutcomeSource::Finish => (comparison::MARKER, 0),
                OutcomeSource::ReturnValue => (comparison::NONE, 0),
            },
            Some(Success::Errno { .. }) => (comparison::NOT_ERRNO, 0),
            Some(Success::Return {
                comparison, value, ..
            }) => (comparison.code(), value),
        };
        OperationRule {
            comparison,
            width: width.bits(),
            signed: u32::from(width.is_signed()),
            reserved: 0,
            operand,
        }
    }

    /// Parses the text after the first comma.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut rules = Self::default();
        for rule in text.split(',') {
            let Some((key, value)) = rule.split_once('=') else {
                return Err(unknown_rule(rule));
            };
            match key {
                "type" => {
                    let number = value.parse().map_err(|_| {
                        Refusal::new(
                            format!("type '{}' is not a number", shown(value)),
                            "write type=N with N from 0 to 4294967295",
                        )
                    })?;
                    if rules.operation_type.replace(number).is_some() {
                        return refuse("the rule 'type' is given twice", "keep one of them");
                    }
                }
                "success" => {
                    if rules.success.replace(parse_success(value)?).is_some() {
                        return refuse("the rule 'success' is given twice", "keep one of them");
                    }
                }
                "bytes" | "key" | "min" => return later(rule),
                attribute if attribute.starts_with("attr.") => return later(rule),
                _ => return Err(unknown_rule(rule)),
            }
        }
        Ok(rules)
    }
}

fn refuse<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(reason, hint))
}

/// The hint shows how to escape a comma, because this one may have been meant as part of a path.
fn unknown_rule(rule: &str) -> Refusal {
    Refusal::new(
        format!("'{}' is not a rule", shown(rule)),
        format!("{RULES}; {}", escape::HINT),
    )
}

fn later<T>(rule: &str) -> Result<T, Refusal> {
    refuse(
        format!(
            "the rule '{}' is not available yet in this version",
            shown(rule)
        ),
        RULES,
    )
}

fn parse_success(text: &str) -> Result<Success, Refusal> {
    const SHAPE: &str = "write success=ret>=0, success=ret:i32==0 (widths i8 i16 i32 i64 u8 u16 u32 u64 ptr) or success=errno";
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
    if text == "goerr" || text.starts_with("arg") {
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
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.operation_type {
            write!(f, ",type={code}")?;
        }
        if let Some(success) = self.success {
            write!(f, ",success={success}")?;
        }
        Ok(())
    }
}
