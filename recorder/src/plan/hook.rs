//! Hooks: programs of the kernel side, the points that they are attached to, and the cookie that
//! each run of a program gets. A new kind of probe is made of these; a new kind of attach point is
//! a variant of [`AttachPoint`], which only `kernel::point` loads and attaches.

use std::fmt;
use std::sync::Arc;

use soakbox_schemas::control::{Cookie, ReturnCookie};

use crate::binary::Binary;

/// A program of the kernel side, by the name of its function in the BPF object. The file that uses
/// it in a hook declares it as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(&'static str);

impl ProgramId {
    /// The program whose function in `ebpf/src/main.rs` is called `name`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Name of its function in the object.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// When a hook is attached and detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Observes context switches.
    Scheduling,
    /// Observes that threads and processes start and end.
    Lifetime,
    /// Observes finishes of operations.
    Finish,
    /// Observes begins of functions that operations tail-call.
    TailCall,
    /// Observes begins of operations.
    Begin,
}

impl Phase {
    /// The order of attaching. Finishes come before begins, so that the finish of each observed
    /// begin is observed too.
    pub const ATTACH: [Self; 5] = [
        Self::Scheduling,
        Self::Lifetime,
        Self::Finish,
        Self::TailCall,
        Self::Begin,
    ];
    /// The order of detaching. Begins come first, so that no operation begins whose finish would
    /// not be observed. Then come the tracepoints that report abandonment, because operations that
    /// are open at the end are not abandoned. The begins of tail-called functions come before the
    /// jumps to them, because a begin without its jump means abandonment too. Context switches come
    /// last, because off-CPU time is measured up to the last finish.
    pub const DETACH: [Self; 5] = [
        Self::Begin,
        Self::Lifetime,
        Self::TailCall,
        Self::Finish,
        Self::Scheduling,
    ];
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

/// The cookie of a hook.
#[derive(Clone, Copy, Debug)]
pub enum HookCookie {
    /// Of an instruction that the kernel executes.
    Plain(Cookie),
    /// Of a return instruction that a program may carry out.
    Return(ReturnCookie),
}

impl HookCookie {
    /// The members that both kinds have.
    pub const fn cookie(&self) -> &Cookie {
        match self {
            Self::Plain(cookie) | Self::Return(ReturnCookie { cookie, .. }) => cookie,
        }
    }

    /// The number that the kernel keeps.
    pub const fn pack(&self) -> u64 {
        match self {
            Self::Plain(cookie) => cookie.pack(),
            Self::Return(cookie) => cookie.pack(),
        }
    }
}

/// A program at an attach point.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When it is attached and detached.
    pub phase: Phase,
    /// Where it runs.
    pub point: AttachPoint,
    /// The program that runs there.
    pub program: ProgramId,
    /// The cookie that each run of the program reads; `None` for a program that reads none.
    pub cookie: Option<HookCookie>,
}

impl Hook {
    /// Whether it is at an instruction of this file.
    pub fn is_in(&self, file: &Arc<Binary>) -> bool {
        let place = self.point.instruction();
        place.is_some_and(|(other, _)| Arc::ptr_eq(other, file))
    }

    /// A uprobe before the instruction at `offset` of `file`.
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
            cookie: cookie.map(HookCookie::Plain),
        }
    }

    /// A uprobe on the return instruction at `offset` of `file`, which a program may carry out.
    pub fn at_return(program: ProgramId, file: &Arc<Binary>, offset: u64, cookie: Cookie) -> Self {
        // A file is mapped by pages, so that this part of the address is the same as in the file.
        let in_page = (offset & ((1 << ReturnCookie::PAGE_BITS) - 1)) as u16;
        let cookie = ReturnCookie { cookie, in_page };
        Self {
            cookie: Some(HookCookie::Return(cookie)),
            ..Self::uprobe(Phase::Finish, program, file, offset, None)
        }
    }

    /// A uretprobe at the return of the function whose first instruction is at `offset` of `file`.
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
            cookie: cookie.map(HookCookie::Plain),
        }
    }
}
