//! Hooks: programs of the kernel side at attach points, each with the number that its runs get. A
//! new kind of probe makes hooks of these; a new kind of place is a variant of [`AttachPoint`],
//! which only `kernel::point` matches.

use std::fmt;
use std::sync::Arc;

use soakbox_schemas::control::Cookie;

use crate::binary::Binary;

/// A program of the kernel side, by the name of its function in the BPF object. Whoever places it
/// declares it as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(&'static str);

impl ProgramId {
    /// The program whose function in `ebpf/src/main.rs` is called `name`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name in the object.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// When a hook is attached and detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sees threads leave and take CPUs.
    Scheduling,
    /// Sees threads and processes start and end.
    Lifetime,
    /// Sees operations finish.
    Finish,
    /// Sees operations begin.
    Begin,
}

impl Phase {
    /// The order of attaching. Finishes before begins: a begin that is seen must have its finish
    /// seen.
    pub const ATTACH: [Self; 4] = [Self::Scheduling, Self::Lifetime, Self::Finish, Self::Begin];
    /// The order of detaching. Begins first, so that no operation begins whose finish would not be
    /// seen; then the tracepoints that report abandonment, because operations that are open at the
    /// end are not abandoned; time off the CPU is kept until the last finish.
    pub const DETACH: [Self; 4] = [Self::Begin, Self::Lifetime, Self::Finish, Self::Scheduling];
}

/// Where a program runs.
#[derive(Clone, Debug)]
pub enum AttachPoint {
    /// Before an instruction of a file.
    Uprobe {
        /// The file.
        file: Arc<Binary>,
        /// Offset of the instruction in the file.
        offset: u64,
    },
    /// At the return of a function of a file.
    Uretprobe {
        /// The file.
        file: Arc<Binary>,
        /// Offset of the function's first instruction in the file.
        offset: u64,
    },
    /// A tracepoint of the kernel with typed arguments (`tp_btf`), by its name.
    BtfTracepoint(&'static str),
}

impl AttachPoint {
    /// The instruction of a file on which a breakpoint is put; `None` where no file is touched.
    pub fn instruction(&self) -> Option<(&Arc<Binary>, u64)> {
        match self {
            Self::Uprobe { file, offset } | Self::Uretprobe { file, offset } => {
                Some((file, *offset))
            }
            Self::BtfTracepoint(_) => None,
        }
    }
}

impl fmt::Display for AttachPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uprobe { file, offset } | Self::Uretprobe { file, offset } => {
                write!(f, "{} at offset {offset:#x}", file.path().display())
            }
            Self::BtfTracepoint(name) => write!(f, "the tracepoint {name}"),
        }
    }
}

/// A program at a point.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When it is attached and detached.
    pub phase: Phase,
    /// Where it runs.
    pub point: AttachPoint,
    /// The program that runs there.
    pub program: ProgramId,
    /// The number that each run of the program gets; `None` for a program that uses none.
    pub cookie: Option<Cookie>,
}

impl Hook {
    /// Before the instruction at `offset` of `file`.
    pub fn uprobe(
        phase: Phase,
        program: ProgramId,
        file: &Arc<Binary>,
        offset: u64,
        cookie: Option<Cookie>,
    ) -> Self {
        Self {
            phase,
            point: AttachPoint::Uprobe {
                file: file.clone(),
                offset,
            },
            program,
            cookie,
        }
    }

    /// At the return of the function whose first instruction is at `offset` of `file`.
    pub fn uretprobe(
        program: ProgramId,
        file: &Arc<Binary>,
        offset: u64,
        cookie: Option<Cookie>,
    ) -> Self {
        Self {
            phase: Phase::Finish,
            point: AttachPoint::Uretprobe {
                file: file.clone(),
                offset,
            },
            program,
            cookie,
        }
    }
}
