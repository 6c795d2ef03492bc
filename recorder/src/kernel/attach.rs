//! Attaching and detaching probes. With the build feature `noop-attach` nothing is attached: a suite that still
//! passes then proves nothing.

use std::ffi::c_void;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLinkId, UProbeScope};
use soakbox_schemas::control::Cookie;

use super::{Kernel, KernelError, chain};
use crate::binary::Binary;

/// A program of the kernel side that a probe runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeProgram {
    /// In a function's prologue.
    FunctionBegin,
    /// At a RET.
    FunctionFinish,
    /// A uretprobe on the function's first instruction.
    FunctionReturn,
    /// At a marker's begin.
    MarkerBegin,
    /// At a marker's finish.
    MarkerFinish,
    /// In the recorder itself, once.
    RegisterRecorder,
}

impl ProbeProgram {
    pub(super) const ALL: [ProbeProgram; 6] = [
        ProbeProgram::FunctionBegin,
        ProbeProgram::FunctionFinish,
        ProbeProgram::FunctionReturn,
        ProbeProgram::MarkerBegin,
        ProbeProgram::MarkerFinish,
        ProbeProgram::RegisterRecorder,
    ];

    /// Whether it sees begins.
    pub const fn is_begin(self) -> bool {
        matches!(
            self,
            ProbeProgram::FunctionBegin | ProbeProgram::MarkerBegin
        )
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            ProbeProgram::FunctionBegin => "function_begin",
            ProbeProgram::FunctionFinish => "function_finish",
            ProbeProgram::FunctionReturn => "function_return",
            ProbeProgram::MarkerBegin => "marker_begin",
            ProbeProgram::MarkerFinish => "marker_finish",
            ProbeProgram::RegisterRecorder => "register_recorder",
        }
    }
}

/// Which processes a probe fires for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that run the file, now and later.
    File,
    /// One process.
    Process(NonZeroU32),
}

/// Where a probe goes.
#[derive(Clone, Debug)]
pub struct Placement {
    /// What runs there.
    pub program: ProbeProgram,
    /// The file.
    pub target: Arc<Binary>,
    /// Offset of the instruction in the file.
    pub offset: u64,
    /// What travels with it.
    pub cookie: Cookie,
}

/// An attached probe.
pub(super) struct Link {
    program: ProbeProgram,
    id: UProbeLinkId,
    target: Arc<Binary>,
}

impl Kernel {
    /// Attaches one probe.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason.
    pub fn attach(&mut self, placement: &Placement, scope: Scope) -> Result<(), KernelError> {
        if cfg!(feature = "noop-attach") {
            return Ok(());
        }
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(placement.offset),
            cookie: Some(placement.cookie.pack()),
        };
        let scope = match scope {
            Scope::File => UProbeScope::AllProcesses,
            Scope::Process(pid) => UProbeScope::OneProcess(pid),
        };
        let program = self.uprobe(placement.program.name())?;
        let link = program
            .attach(point, placement.target.own_path(), scope)
            .map_err(|error| attach_error(placement.target.path(), placement.offset, &error))?;
        self.links.push(Link {
            program: placement.program,
            id: link,
            target: placement.target.clone(),
        });
        Ok(())
    }

    /// Takes all probes out of the targets: first the begins, so that no operation begins whose finish would not be
    /// seen; then those tracepoints that tell what was abandoned, for the same reason; then the finishes.
    pub fn detach_all(&mut self) {
        let (begins, finishes): (Vec<_>, Vec<_>) = std::mem::take(&mut self.links)
            .into_iter()
            .partition(|link| link.program.is_begin());
        self.detach(begins);
        self.close_books();
        self.detach(finishes);
    }

    /// Takes the probes of one target out, begins first.
    pub fn detach_target(&mut self, target: &Arc<Binary>) {
        let links = std::mem::take(&mut self.links);
        let (own, others) = links
            .into_iter()
            .partition(|link| Arc::ptr_eq(&link.target, target));
        self.links = others;
        let (begins, finishes) = Vec::into_iter(own).partition(|link| link.program.is_begin());
        self.detach(begins);
        self.detach(finishes);
    }

    fn detach(&mut self, links: Vec<Link>) {
        for link in links {
            // A link that is already gone has nothing left to take out.
            if let Ok(program) = self.uprobe(link.program.name()) {
                let _ = program.detach(link.id);
            }
        }
    }

    /// Makes this process the root of the tree that is followed: a probe on a function of our own tells the kernel
    /// side who we are, whatever PID namespace we are in.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason.
    pub fn follow_own_descendants(&mut self) -> Result<(), KernelError> {
        let own = Path::new("/proc/self/exe");
        let address = here as extern "C" fn() as *const c_void as u64;
        let offset = own_file_offset(address).ok_or_else(|| KernelError::Attach {
            target: own.to_owned(),
            offset: address,
            reason: "the recorder's own code is not in /proc/self/maps".to_owned(),
            hint: "is /proc mounted?",
        })?;
        let program = self.uprobe(ProbeProgram::RegisterRecorder.name())?;
        let link = program
            .attach(
                UProbeAttachLocation::AbsoluteOffset(offset),
                own,
                UProbeScope::CallingProcess,
            )
            .map_err(|error| attach_error(own, offset, &error))?;
        here();
        self.uprobe(ProbeProgram::RegisterRecorder.name())?
            .detach(link)
            .map_err(|error| attach_error(own, offset, &error))
    }
}

/// What the recorder calls to show itself to the kernel side.
#[inline(never)]
extern "C" fn here() {
    std::hint::black_box(());
}

/// File offset of an address of our own code.
fn own_file_offset(address: u64) -> Option<u64> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (
            u64::from_str_radix(start, 16).ok()?,
            u64::from_str_radix(end, 16).ok()?,
        );
        let offset = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        (start..end)
            .contains(&address)
            .then(|| address - start + offset)
    })
}

fn attach_error(
    target: &Path,
    offset: u64,
    error: &(dyn std::error::Error + 'static),
) -> KernelError {
    let reason = chain(error);
    let hint = if reason.contains("ermission") || reason.contains("not permitted") {
        "run as root, or with CAP_BPF and CAP_PERFMON"
    } else if reason.contains("o such process") {
        "is the process still running?"
    } else {
        "the file must lie on a filesystem that the kernel can probe (not overlay's upper side of another mount)"
    };
    KernelError::Attach {
        target: target.to_owned(),
        offset,
        reason,
        hint,
    }
}
