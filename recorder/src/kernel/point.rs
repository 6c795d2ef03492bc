//! The kinds of attach points: the type of program that each needs, and how it is loaded and
//! attached. A new kind is added here, and nowhere else in this folder.

use std::any::Any;
use std::num::NonZeroU32;

use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use aya::programs::{BtfTracePoint, Program, ProgramError, UProbe};
use aya::{Btf, Ebpf};

use super::KernelError;
use super::error::{attach_error, load_error, missing};
use crate::plan::{AttachPoint, Hook, ProgramId};

/// Which processes a probe fires for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that run the file, now and later.
    File,
    /// One process.
    Process(NonZeroU32),
}

/// An attached program: dropping it detaches the program.
pub(super) type Attached = Box<dyn Any + Send>;

/// The kernel's own types (BTF), read when the first program needs them.
#[derive(Default)]
pub(super) struct KernelTypes(Option<Btf>);

impl KernelTypes {
    pub(super) fn get(&mut self) -> Result<&Btf, KernelError> {
        match &mut self.0 {
            Some(types) => Ok(types),
            unread @ None => {
                let types = Btf::from_sys_fs().map_err(|error| load_error(None, &error))?;
                Ok(unread.insert(types))
            }
        }
    }
}

/// Loads the program of `hook` into the kernel, for the point that it will be attached to.
pub(super) fn load(
    ebpf: &mut Ebpf,
    hook: &Hook,
    types: &mut KernelTypes,
) -> Result<(), KernelError> {
    match &hook.point {
        AttachPoint::Uprobe { .. } | AttachPoint::Uretprobe { .. } => {
            load_uprobe(ebpf, hook.program)
        }
        AttachPoint::BtfTracepoint(name) => program::<BtfTracePoint>(ebpf, hook.program)?
            .load(name, types.get()?)
            .map_err(|error| load_error(Some(hook.program), &error)),
    }
}

/// Loads a program that runs at instructions of files, once.
pub(super) fn load_uprobe(ebpf: &mut Ebpf, id: ProgramId) -> Result<(), KernelError> {
    let program = program::<UProbe>(ebpf, id)?;
    if program.fd().is_ok() {
        return Ok(());
    }
    program.load().map_err(|error| load_error(Some(id), &error))
}

/// Attaches the program of `hook`, which is loaded, at its point.
pub(super) fn attach(ebpf: &mut Ebpf, hook: &Hook, scope: Scope) -> Result<Attached, KernelError> {
    let refused = |error: ProgramError| attach_error(&hook.point, &error);
    match &hook.point {
        AttachPoint::Uprobe { file, offset } | AttachPoint::Uretprobe { file, offset } => {
            let point = UProbeAttachPoint {
                location: UProbeAttachLocation::AbsoluteOffset(*offset),
                cookie: hook.cookie.map(|cookie| cookie.pack()),
            };
            let scope = match scope {
                Scope::File => UProbeScope::AllProcesses,
                Scope::Process(pid) => UProbeScope::OneProcess(pid),
            };
            let program = program::<UProbe>(ebpf, hook.program)?;
            let link = program
                .attach(point, file.own_path(), scope)
                .and_then(|id| program.take_link(id));
            Ok(Box::new(link.map_err(refused)?))
        }
        AttachPoint::BtfTracepoint(_) => {
            let program = program::<BtfTracePoint>(ebpf, hook.program)?;
            let link = program.attach().and_then(|id| program.take_link(id));
            Ok(Box::new(link.map_err(refused)?))
        }
    }
}

/// The object's program `id`, as the type that its section gives it.
pub(super) fn program<P>(ebpf: &mut Ebpf, id: ProgramId) -> Result<&mut P, KernelError>
where
    for<'a> &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf
        .program_mut(id.name())
        .ok_or_else(|| missing(id.name()))?;
    program
        .try_into()
        .map_err(|error| load_error(Some(id), &error))
}
