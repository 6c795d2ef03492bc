//! The reasons why something cannot be observed, in words for the person who asked. Every reason
//! has a next step.

use std::collections::BTreeSet;
use std::fmt;

use soakbox_schemas::control::MAX_OPERATIONS;

use super::control_flow::LeadsTo;
use super::go::GO_ERROR_HINT;

/// A probe that cannot be resolved, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{probe}: {reason}; hint: {}", reason.hint())]
pub struct ResolveError {
    /// The probe as it was written.
    pub probe: String,
    /// The reason; its hint is part of the message.
    pub reason: Reason,
}

impl ResolveError {
    /// The refusal of `probe`, which is shown as it was written.
    pub fn of(probe: &impl fmt::Display, reason: Reason) -> Self {
        Self {
            probe: probe.to_string(),
            reason,
        }
    }
}

/// One of several functions that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The symbol as it is in the file, to write instead of the name.
    pub symbol: String,
    /// The full readable name, where the symbol is mangled.
    pub signature: Option<String>,
    /// Virtual address.
    pub address: u64,
}

/// The reason why a file or function cannot be observed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file is not ELF; the reason is in words.
    #[error("the file is not an ELF program or library: {0}")]
    NotElf(&'static str),
    /// The file is ELF of a kind that is never loaded, in words.
    #[error("the file is {0}")]
    NotLoadable(&'static str),
    /// The file is for another architecture, in words.
    #[error("the file is {0}; this version observes only 64-bit x86-64 programs")]
    Machine(String),
    /// Offsets or sizes in the file are impossible.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The program contains Go code.
    #[error("it is Go code, whose stacks move while it runs")]
    Go,
    /// The file contains no Go code.
    #[error("the file contains no Go code")]
    NotGo,
    /// The version of Go is not one that can be observed.
    #[error(
        "the program was built by {0}, and only programs of Go 1.18 and later, with arguments in registers, can be observed"
    )]
    GoVersion(String),
    /// The tables of a Go program cannot be read, in words.
    #[error("the tables of the Go program cannot be read: {0}")]
    GoTables(String),
    /// The place of the Go function's error is not known, in words.
    #[error("success=goerr cannot be observed: {0}")]
    GoError(&'static str),
    /// The Go function returns no error in a register, in words.
    #[error("success=goerr cannot be observed: {0}")]
    NoGoError(&'static str),
    /// The error is in another register than the person wrote.
    #[error(
        "success=goerr cannot be observed: the results before its error need {register} registers, not {given}"
    )]
    GoErrorPlace {
        /// Number of registers for the results before the error.
        register: u32,
        /// The number that was written.
        given: u32,
    },
    /// The place of the error is not the same, or not known to be, in all instances of a generic
    /// function.
    #[error("success=goerr cannot be observed: {why}")]
    GoErrorInstances {
        /// The reason in words.
        why: &'static str,
        /// Names of single instances; none where they have the same name.
        instances: Vec<String>,
    },
    /// Switches of goroutines cannot be observed, in words.
    #[error("cpu=goroutine cannot be observed: {0}")]
    GoSwitch(String),
    /// A uretprobe is certain to do harm, or would not see all calls, in words.
    #[error("finish=uretprobe is refused: {0}")]
    Uretprobe(String),
    /// The Go function is written in assembly.
    #[error("'{0}' is written in assembly, where the register of its goroutine is not known")]
    GoAssembly(String),
    /// The Go function leaves by a jump.
    #[error("it leaves by a jump to another function at {at:#x}{}, so its finish is that function's", to_callee(.callee))]
    GoTailCall {
        /// Address of the jump.
        at: u64,
        /// The function that it leads to, where that is known.
        callee: Option<String>,
    },
    /// The code of the Go function is not as it is known.
    #[error("its code cannot be observed safely: {why} at {at:#x}")]
    GoCode {
        /// Address of the contradiction.
        at: u64,
        /// The contradiction, in words.
        why: &'static str,
    },
    /// The file defines no such function.
    #[error("{file} has no function '{function}'{}", did_you_mean(.near))]
    UnknownFunction {
        /// The file as it was asked for.
        file: String,
        /// The function as it was asked for.
        function: String,
        /// Similar names, the nearest first.
        near: Vec<String>,
        /// The kind of symbols that the file has, in words.
        symbols: String,
    },
    /// No function of the file has a name that the pattern stands for.
    #[error("{file} has no function whose name matches '{pattern}'")]
    NoMatch {
        /// The file as it was asked for.
        file: String,
        /// The pattern as it was asked for.
        pattern: String,
        /// The kind of symbols that the file has, in words.
        symbols: String,
    },
    /// More functions match the pattern than one recording can follow.
    #[error("'{pattern}' is a pattern that {count} functions match, {} more than fit: one recording follows at most {MAX_OPERATIONS} operations", .count - .room)]
    TooManyMatches {
        /// The pattern as it was asked for.
        pattern: String,
        /// Number of functions that match.
        count: usize,
        /// Number of operations that the others leave.
        room: usize,
    },
    /// Another file defines the function.
    #[error("'{function}' is imported by the file, not defined in it")]
    Imported {
        /// The function as it was asked for.
        function: String,
        /// Libraries that may define it.
        needed: Vec<String>,
    },
    /// Several functions have the name.
    #[error("'{function}' is the name of {} functions: {}", .choices.len(), listed(.choices, described))]
    Ambiguous {
        /// The function as it was asked for.
        function: String,
        /// The functions, by address.
        choices: Vec<Choice>,
    },
    /// The function is an IFUNC.
    #[error("'{0}' is a resolver that picks an implementation when the program starts")]
    Indirect(String),
    /// The symbol's address or size is impossible for code.
    #[error("'{function}' is not code that can be read: {why}")]
    NotCode {
        /// The function as it was asked for.
        function: String,
        /// The contradiction, in words.
        why: String,
    },
    /// The function ends in a jump to another function.
    #[error("it ends in a tail call at {at:#x}{}, so its finish is in another function", to_callee(.callee))]
    TailCall {
        /// Address of the jump.
        at: u64,
        /// The function that it leads to, where that is known.
        callee: Option<String>,
    },
    /// A function that it tail-calls, directly or through others, cannot be observed.
    #[error("it ends in tail calls that lead to {callee}, whose finish cannot be observed: {why}")]
    TailCallee {
        /// That function.
        callee: String,
        /// The reason why it cannot be observed.
        why: Box<Reason>,
    },
    /// It finishes at a jump where the return value that a rule reads is not known.
    #[error(
        "it finishes at the jump at {at:#x} ({to}), where the return value that the rule 'success' reads is not known"
    )]
    ValueNotKnown {
        /// Address of the jump.
        at: u64,
        /// Where the jump leads.
        to: LeadsTo,
    },
    /// Its tail calls lead to too many functions.
    #[error("it ends in tail calls that lead to more than {0} functions")]
    TooManyCallees(usize),
    /// The function has a jump whose targets are not known.
    #[error("the jump at {at:#x} cannot be followed ({why}), so its finishes are not certain")]
    UnknownJump {
        /// Address of the jump.
        at: u64,
        /// The missing knowledge, in words.
        why: &'static str,
    },
    /// The function has no return instruction.
    #[error("it never returns (no return instruction)")]
    NeverReturns,
    /// The code contradicts its disassembly or its unwind table.
    #[error("its code cannot be read safely: {why} at {at:#x}")]
    Unreadable {
        /// Address of the contradiction.
        at: u64,
        /// The contradiction, in words.
        why: &'static str,
    },
    /// No instruction is suitable for the begin; the reason is in words.
    #[error("its begin cannot be observed safely: {0}")]
    NoBegin(&'static str),
    /// The file has no such marker.
    #[error("{file} has no marker '{marker}'{}", did_you_mean(.near))]
    UnknownMarker {
        /// The file as it was asked for.
        file: String,
        /// The marker as it was asked for.
        marker: String,
        /// Markers of the file, the nearest first.
        near: Vec<String>,
        /// Number of markers in the file.
        count: usize,
    },
    /// The file has only one half of the marker.
    #[error("marker '{marker}' has no {half} in this file")]
    HalfMarker {
        /// The marker as it was asked for.
        marker: String,
        /// The missing half: `begin` or `finish`.
        half: &'static str,
    },
    /// A site of the marker is not the code that the marker ABI demands.
    #[error(
        "marker '{marker}' at {at:#x} is not a function of two nops and a return ({why}); a probe there could corrupt the caller's locals"
    )]
    UnsafeMarker {
        /// The marker as it was asked for.
        marker: String,
        /// Address of the contradiction.
        at: u64,
        /// The contradiction, in words.
        why: &'static str,
    },
    /// The program passes the marker only while a counter in its memory, the semaphore, is raised.
    #[error(
        "marker '{marker}' at {at:#x} has a semaphore, which this version does not raise: the program may skip the marker"
    )]
    Semaphore {
        /// The marker as it was asked for.
        marker: String,
        /// Address of the site.
        at: u64,
    },
}

impl Reason {
    /// Whether it is a jump out of the function, or of one that it tail-calls, that cannot be
    /// followed.
    pub fn is_at_jump(&self) -> bool {
        match self {
            Self::TailCall { .. } => true,
            Self::TailCallee { why, .. } => why.is_at_jump(),
            _ => false,
        }
    }

    /// The next step, for the end of the message.
    pub fn hint(&self) -> String {
        const MARKER: &str =
            "mark the operation in the source with soakbox.h and use marker:FILE:NAME";
        match self {
            Self::NotElf(_) | Self::NotLoadable(_) => {
                "name the program's executable or a shared library that it loads".into()
            }
            Self::Machine(_) => {
                "record on a machine of the program's own architecture once this version supports it".into()
            }
            Self::Damaged(_) => "build or copy the file again".into(),
            Self::Go => "for Go functions write go:FILE:FUNCTION".into(),
            Self::NotGo => "for functions of other languages write uprobe:FILE:FUNCTION".into(),
            Self::GoVersion(_) => "build the program with a later version of Go".into(),
            Self::GoTables(_) => {
                "build the program again with the Go toolchain, without packing it".into()
            }
            Self::GoError(_) => GO_ERROR_HINT.into(),
            Self::GoErrorPlace { register, .. } => {
                format!("write success=goerr, or success=goerr:{register}")
            }
            Self::GoErrorInstances { instances, .. } if instances.is_empty() => {
                "leave the rule 'success' out: this version of Go gives the instances no names of their own".into()
            }
            Self::GoErrorInstances { instances, .. } => {
                format!("observe one instance by its name: {}", instances.join(", "))
            }
            Self::GoSwitch(_) => "leave cpu=goroutine out".into(),
            Self::Uretprobe(_) => "leave finish=uretprobe out".into(),
            Self::GoAssembly(_) | Self::GoCode { .. } | Self::GoTailCall { callee: None, .. } => {
                "observe a function that calls it, or one that it calls".into()
            }
            Self::GoTailCall { callee: Some(name), .. } => {
                format!("observe '{name}' instead")
            }
            Self::TooManyMatches { .. } => "write a longer pattern".into(),
            Self::NoMatch { symbols, .. } | Self::UnknownFunction { symbols, .. } => {
                format!("{symbols}; soakbox-recorder probes FILE lists what can be observed")
            }
            Self::Imported { needed, .. } if needed.is_empty() => {
                "name the library that defines it".into()
            }
            Self::Imported { needed, .. } => {
                format!("name the library that defines it, one of {}", needed.join(", "))
            }
            Self::Ambiguous { choices, .. } if have_distinct_symbols(choices) => format!(
                "name one as it is in the file: {}",
                listed(choices, |choice| choice.symbol.clone())
            ),
            Self::Ambiguous { choices, .. } => format!(
                "name one with its address, which changes from build to build: {}",
                listed(choices, |choice| with_address(&choice.symbol, choice.address))
            ),
            Self::Indirect(_) => {
                "name the implementation (soakbox-recorder probes FILE lists them)".into()
            }
            Self::TailCall { callee: Some(name), .. } => format!(
                "name the tail-called function '{name}' instead, write finish=jump to leave what '{name}' does out of the duration, or {MARKER}"
            ),
            Self::TailCall { callee: None, .. } => format!(
                "name the tail-called function instead, write finish=jump to leave what follows the jump out of the duration, or {MARKER}"
            ),
            Self::TailCallee { why, .. } if why.is_at_jump() => format!(
                "write finish=jump to leave what follows the jump out of the duration, or {MARKER}"
            ),
            Self::ValueNotKnown { .. } | Self::NoGoError(_) => "leave the rule 'success' out".into(),
            Self::NeverReturns => "observe a function that it calls, or use a marker".into(),
            Self::NotCode { .. }
            | Self::TailCallee { .. }
            | Self::TooManyCallees(_)
            | Self::UnknownJump { .. }
            | Self::Unreadable { .. }
            | Self::NoBegin(_) => MARKER.into(),
            Self::UnknownMarker { count: 0, .. } => {
                "the file has no soakbox markers: was it built with soakbox.h, or is the marker in a library?".into()
            }
            Self::UnknownMarker { .. } => {
                "soakbox-recorder probes FILE lists the file's markers".into()
            }
            Self::HalfMarker { half, .. } => format!(
                "call soakbox_{half} of the same marker in the program; the linker drops functions that are never called"
            ),
            Self::Semaphore { .. } => {
                "declare the marker with SOAKBOX_OPERATION or marker!, which need no semaphore; usdt: probes come in a later version".into()
            }
            Self::UnsafeMarker { .. } => {
                "declare the marker with SOAKBOX_OPERATION or marker!, and never inline it".into()
            }
        }
    }
}

fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => format!(" (did you mean '{only}'?)"),
        many => format!(" (did you mean one of {}?)", many.join(", ")),
    }
}

/// Most functions of one name that a message lists.
const LISTED: usize = 8;

fn listed(choices: &[Choice], text: impl Fn(&Choice) -> String) -> String {
    let mut list: Vec<String> = choices.iter().take(LISTED).map(text).collect();
    if let Some(more @ 1..) = choices.len().checked_sub(LISTED) {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}

/// How to write the function of that name at that address.
pub(super) fn with_address(name: &str, address: u64) -> String {
    format!("{name}@{address:#x}")
}

/// `app::Store::get() const at 0x1180`.
fn described(choice: &Choice) -> String {
    const LONGEST: usize = 100;
    let name = choice.signature.as_ref().unwrap_or(&choice.symbol);
    let shown = match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.clone(),
    };
    format!("{shown} at {:#x}", choice.address)
}

/// Whether each function has a symbol that no other one has.
fn have_distinct_symbols(choices: &[Choice]) -> bool {
    let names: BTreeSet<&str> = choices
        .iter()
        .map(|choice| choice.symbol.as_str())
        .collect();
    names.len() == choices.len()
}

fn to_callee(callee: &Option<String>) -> String {
    callee
        .as_ref()
        .map(|name| format!(" (to '{name}')"))
        .unwrap_or_default()
}
