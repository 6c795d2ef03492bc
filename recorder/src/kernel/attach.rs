//! Attaching and detaching, phase by phase. With the build feature `noop-attach` nothing is
//! attached: a test suite that passes with it proves nothing.

use std::ffi::c_void;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};

use super::error::attach_error;
use super::point::{self, Attached, Scope};
use super::{Kernel, KernelError};
use crate::binary::Binary;
use crate::plan::{Hook, Phase, ProgramId};

/// The program that learns which process the recorder is. It runs once, in the recorder.
pub(super) const REGISTER_RECORDER: ProgramId = ProgramId::new("register_recorder");

/// An attached hook: dropping it detaches the hook.
pub(super) struct Link {
    phase: Phase,
    /// The file that the hook is in; `None` for a tracepoint.
    file: Option<Arc<Binary>>,
    _attached: Attached,
}

impl Kernel {
    /// Attaches one hook, whose program is loaded.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason.
    pub fn attach(&mut self, hook: &Hook, scope: Scope) -> Result<(), KernelError> {
        if cfg!(feature = "noop-attach") {
            return Ok(());
        }
        let attached = point::attach(&mut self.ebpf, hook, scope)?;
        self.links.push(Link {
            phase: hook.phase,
            file: hook.point.instruction().map(|(file, _)| file.clone()),
            _attached: attached,
        });
        Ok(())
    }

    /// Detaches everything, phase by phase.
    pub fn detach_all(&mut self) {
        self.detach(|_| true);
    }

    /// Detaches the hooks of one file, phase by phase.
    pub fn detach_file(&mut self, file: &Arc<Binary>) {
        self.detach(|link| {
            link.file
                .as_ref()
                .is_some_and(|other| Arc::ptr_eq(other, file))
        });
    }

    fn detach(&mut self, chosen: impl Fn(&Link) -> bool) {
        for phase in Phase::DETACH {
            self.links
                .retain(|link| link.phase != phase || !chosen(link));
        }
    }

    /// Makes this process the root of the followed tree. A uprobe on a function of the recorder is
    /// attached, and the function is called: the program that runs there sees the recorder's task,
    /// which no PID namespace can confuse.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason.
    pub fn follow_own_descendants(&mut self) -> Result<(), KernelError> {
        let own = Path::new("/proc/self/exe");
        let address = registration_point as extern "C" fn() as *const c_void as u64;
        let offset = own_file_offset(address).ok_or_else(|| KernelError::Attach {
            place: format!("{} at {address:#x}", own.display()),
            reason: "the recorder's own code is not in /proc/self/maps".to_owned(),
            hint: "is /proc mounted?",
        })?;
        let program: &mut UProbe = point::program(&mut self.ebpf, REGISTER_RECORDER)?;
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        let link = program
            .attach(location, own, UProbeScope::CallingProcess)
            .map_err(|error| attach_error(&own.display(), &error))?;
        registration_point();
        program
            .detach(link)
            .map_err(|error| attach_error(&own.display(), &error))
    }
}

/// Called once, under a uprobe, so that the kernel side learns which process the recorder is.
#[inline(never)]
extern "C" fn registration_point() {
    std::hint::black_box(());
}

/// File offset of an address in the recorder's own code; `None` if no mapping contains it.
pub fn own_file_offset(address: u64) -> Option<u64> {
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
