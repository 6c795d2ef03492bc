//! The rules after a probe's commas: `type=N`, `success=…`, `cpu=goroutine`, `finish=…`, and those
//! of the selection.

use std::fmt;

use soakbox_schemas::control::{OperationRule, comparison};

use super::selection::Selection;
use super::success::{Success, Width, parse_success};
use super::{Refusal, escape, shown};
use crate::plan::OutcomeSource;

/// The rules of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `type=N`: the operation type's code.
    pub operation_type: Option<u32>,
    /// `success=…`; without one the probe's [`OutcomeSource`] decides.
    pub success: Option<Success>,
    /// `cpu=goroutine`: the CPU time of a Go operation is measured where its goroutine ran without a
    /// switch.
    pub goroutine_cpu: bool,
    /// `finish=…`: how the finish of a function is observed, where that is not left to the recorder.
    pub finish: Option<FinishRule>,
    /// Which finished operations get a row.
    pub selection: Selection,
}

/// A way of observing the finish of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishRule {
    /// `finish=uretprobe`: the person vouches that a uretprobe does no harm to the program.
    Uretprobe,
    /// `finish=jump`: where the function leaves by a jump that cannot be followed, it finishes at the
    /// jump.
    Jump,
    /// `finish=step`: the kernel executes the return instructions, one single step for each, and no
    /// register of the program is written.
    Step,
}

impl FinishRule {
    const fn text(self) -> &'static str {
        match self {
            Self::Uretprobe => "uretprobe",
            Self::Jump => "jump",
            Self::Step => "step",
        }
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut all = [Self::Uretprobe, Self::Jump, Self::Step].into_iter();
        all.find(|rule| rule.text() == text).ok_or_else(|| {
            Refusal::new(
                format!("'finish={}' is not a rule", shown(text)),
                "the rules 'finish' are finish=uretprobe, finish=jump and finish=step",
            )
        })
    }
}

/// The rules in a line of help.
pub(super) const HELP: &str = "type=N, success=ret[:WIDTH](>=|<=|==|!=|>|<)NUMBER such as success=ret:i32>=0, success=errno[:WIDTH], success=goerr[:N], cpu=goroutine, finish=uretprobe, finish=jump, finish=step, min=TIME, only=failures, or sample=1/N";

const RULES: &str = "the rules are type=N, success=ret[:WIDTH](>=|<=|==|!=|>|<)NUMBER, success=errno[:WIDTH], success=goerr[:N], cpu=goroutine, finish=uretprobe, finish=jump, finish=step, min=TIME, only=failures and sample=1/N; bytes=, key= and attr.NAME= come later";

impl Rules {
    /// The rule in the kernel side's form. Without a success rule, `outcome` decides where success
    /// comes from.
    pub fn operation_rule(&self, outcome: OutcomeSource) -> OperationRule {
        let width = match (self.success, outcome) {
            (_, OutcomeSource::Nothing) => None,
            (Some(success), _) => success.width(),
            (None, _) => Some(Width::I64),
        };
        let (comparison, operand) = match self.success {
            None => match outcome {
                OutcomeSource::Finish => (comparison::MARKER, 0),
                OutcomeSource::ReturnValue
                | OutcomeSource::GoError { .. }
                | OutcomeSource::Nothing => (comparison::NONE, 0),
            },
            Some(Success::GoError { .. }) => (comparison::GO_ERROR, 0),
            Some(Success::Errno { .. }) => (comparison::NOT_ERRNO, 0),
            Some(Success::Return {
                comparison, value, ..
            }) => (comparison.code(), value),
        };
        let mut rule = OperationRule {
            comparison,
            width: width.map_or(0, Width::bits),
            signed: u32::from(width.is_some_and(Width::is_signed)),
            register: match outcome {
                OutcomeSource::GoError { register } => register,
                OutcomeSource::Finish | OutcomeSource::ReturnValue | OutcomeSource::Nothing => 0,
            },
            operand,
            ..OperationRule::default()
        };
        self.selection.apply(&mut rule);
        rule
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
                "cpu" => set(&mut rules.goroutine_cpu, rule, "cpu=goroutine")?,
                "finish" => {
                    if rules.finish.replace(FinishRule::parse(value)?).is_some() {
                        return refuse("the rule 'finish' is given twice", "keep one of them");
                    }
                }
                "min" | "only" | "sample" => rules.selection.set(key, value)?,
                "bytes" | "key" => return later(rule),
                attribute if attribute.starts_with("attr.") => return later(rule),
                _ => return Err(unknown_rule(rule)),
            }
        }
        Ok(rules)
    }
}

/// Sets a rule that has one value only, `whole`.
fn set(known: &mut bool, rule: &str, whole: &str) -> Result<(), Refusal> {
    let (key, _) = whole.split_once('=').unwrap_or((whole, ""));
    if rule != whole {
        return refuse(
            format!("'{}' is not a rule", shown(rule)),
            format!("the only rule '{key}' is {whole}"),
        );
    }
    if std::mem::replace(known, true) {
        return refuse(
            format!("the rule '{key}' is given twice"),
            "keep one of them",
        );
    }
    Ok(())
}

pub(super) fn refuse<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(reason, hint))
}

/// The hint shows how to escape a comma, because this one may have been meant as part of a path.
fn unknown_rule(rule: &str) -> Refusal {
    Refusal::new(
        format!("'{}' is not a rule", shown(rule)),
        format!("{RULES}; {}", escape::HINT),
    )
}

pub(super) fn later<T>(rule: &str) -> Result<T, Refusal> {
    refuse(
        format!(
            "the rule '{}' is not available yet in this version",
            shown(rule)
        ),
        RULES,
    )
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.operation_type {
            write!(f, ",type={code}")?;
        }
        if let Some(success) = self.success {
            write!(f, ",success={success}")?;
        }
        if self.goroutine_cpu {
            f.write_str(",cpu=goroutine")?;
        }
        if let Some(finish) = self.finish {
            write!(f, ",finish={}", finish.text())?;
        }
        self.selection.fmt(f)
    }
}
