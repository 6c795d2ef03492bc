//! Why something cannot be observed, in words for the person who asked. Every reason has a next step.

/// A probe that cannot be resolved: what was asked for, and why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{probe}: {reason}; hint: {}", reason.hint())]
pub struct ResolveError {
    /// The probe as written.
    pub probe: String,
    /// Why it is refused.
    pub reason: Reason,
}

/// Why a file or function cannot be observed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not an ELF file.
    #[error("the file is not an ELF program or library: {0}")]
    NotElf(&'static str),
    /// ELF, of a kind that is never loaded.
    #[error("the file is {0}")]
    NotLoadable(&'static str),
    /// Another architecture.
    #[error("the file is {0}, this version observes 64-bit x86-64 programs")]
    Machine(String),
    /// Offsets or sizes that cannot be.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A Go program.
    #[error("the program is Go, whose stacks move while it runs")]
    Go,
    /// No such function.
    #[error("{file} has no function '{function}'{}", did_you_mean(.near))]
    UnknownFunction {
        /// The file.
        file: String,
        /// What was asked for.
        function: String,
        /// Names like it.
        near: Vec<String>,
        /// What kind of symbols there are, in words.
        symbols: String,
    },
    /// Imported from elsewhere.
    #[error("'{function}' is imported by the file, not defined in it")]
    Imported {
        /// What was asked for.
        function: String,
        /// Libraries that may define it.
        needed: Vec<String>,
    },
    /// Several functions of one name.
    #[error("'{function}' is the name of {} functions (at {})", .addresses.len(), hexes(.addresses))]
    Ambiguous {
        /// What was asked for.
        function: String,
        /// Where they are.
        addresses: Vec<u64>,
    },
    /// An IFUNC.
    #[error("'{0}' is a resolver that picks an implementation when the program starts")]
    Indirect(String),
    /// The symbol's address or size makes no sense.
    #[error("'{function}' is not code that can be read: {why}")]
    NotCode {
        /// What was asked for.
        function: String,
        /// What is wrong.
        why: String,
    },
    /// Leaves by a jump.
    #[error("it leaves by a tail call at {at:#x}{}, so its finish is another function's", to(.callee))]
    TailCall {
        /// Address of the jump.
        at: u64,
        /// Where it goes, where that is known.
        callee: Option<String>,
    },
    /// A jump whose targets cannot be known.
    #[error("the jump at {at:#x} cannot be followed ({why}), so its finishes are not certain")]
    UnknownJump {
        /// Address of the jump.
        at: u64,
        /// What is missing.
        why: &'static str,
    },
    /// Never returns.
    #[error("it never returns (no return instruction)")]
    NeverReturns,
    /// The code is not what straight disassembly says.
    #[error("its code cannot be read safely: {why} at {at:#x}")]
    Unreadable {
        /// Where.
        at: u64,
        /// What was found.
        why: &'static str,
    },
    /// No place for the begin.
    #[error("its begin cannot be observed safely: {0}")]
    NoBegin(&'static str),
    /// No such marker.
    #[error("{file} has no marker '{marker}'{}", did_you_mean(.near))]
    UnknownMarker {
        /// The file.
        file: String,
        /// What was asked for.
        marker: String,
        /// Markers that there are (the nearest first).
        near: Vec<String>,
        /// How many there are in all.
        count: usize,
    },
    /// One half of a marker is missing.
    #[error("marker '{marker}' has no {half} in this file")]
    HalfMarker {
        /// The marker.
        marker: String,
        /// `begin` or `finish`.
        half: &'static str,
    },
    /// A marker's site is not what the ABI says.
    #[error(
        "marker '{marker}' at {at:#x} is not a function of two nops and a return ({why}); a probe there could corrupt the caller's locals"
    )]
    UnsafeMarker {
        /// The marker.
        marker: String,
        /// Where.
        at: u64,
        /// What was found.
        why: &'static str,
    },
    /// A marker that waits to be told that it is observed.
    #[error(
        "marker '{marker}' at {at:#x} has a semaphore, which this version does not raise: the program may skip the marker"
    )]
    Semaphore {
        /// The marker.
        marker: String,
        /// Where.
        at: u64,
    },
}

impl Reason {
    /// The next step.
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
            Self::Go => "go: probes come in a later version".into(),
            Self::UnknownFunction { symbols, .. } => {
                format!("{symbols}; soakbox-recorder probes FILE lists what can be observed")
            }
            Self::Imported { needed, .. } if needed.is_empty() => {
                "name the library that defines it".into()
            }
            Self::Imported { needed, .. } => {
                format!("name the library that defines it, one of {}", needed.join(", "))
            }
            Self::Ambiguous { .. } => format!("rename one of them, or {MARKER}"),
            Self::Indirect(_) => {
                "name the implementation (soakbox-recorder probes FILE lists them)".into()
            }
            Self::TailCall { callee: Some(name), .. } => {
                format!("name the tail-called function '{name}' instead, or {MARKER}")
            }
            Self::TailCall { callee: None, .. } => {
                format!("name the tail-called function instead, or {MARKER}")
            }
            Self::NeverReturns => "observe what it calls, or use a marker".into(),
            Self::NotCode { .. }
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
                "call soakbox_{half} of the same marker in the program; the linker drops what is never called"
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

fn hexes(addresses: &[u64]) -> String {
    const SHOWN: usize = 4;
    let mut text: Vec<String> = addresses
        .iter()
        .take(SHOWN)
        .map(|address| format!("{address:#x}"))
        .collect();
    if addresses.len() > SHOWN {
        text.push("…".into());
    }
    text.join(", ")
}

fn to(callee: &Option<String>) -> String {
    callee
        .as_ref()
        .map(|name| format!(" (to '{name}')"))
        .unwrap_or_default()
}
