//! Attaching and detaching, phase by phase.

use std::ffi::c_void;
use std::fs;
use std::mem::discriminant;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use aya::maps::HashMap;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};

use super::error::{attach_error, map_error, missing};
use super::point::{self, Attached, Scope};
use super::{Kernel, KernelError};
use crate::binary::Binary;
use crate::plan::{Hook, Phase, ProgramId};

/// The program that learns which process the recorder is. It runs once, in the recorder.
pub(super) const REGISTER_RECORDER: ProgramId = ProgramId::new("register_recorder");

/// Attached hooks of one phase and file: dropping it detaches them.
pub(super) struct Link {
    phase: Phase,
    /// The file that the hooks are in; `None` for a tracepoint.
    file: Option<Arc<Binary>>,
    /// The operation of the first hook; `None` where it has none.
    operation: Option<u16>,
    _attached: Attached,
}

/// For one test (recorder/tests/detects_noop.sh): the kernel tests must fail with it. A release
/// build does not have this switch.
fn attaches_nothing() -> bool {
    cfg!(debug_assertions) && std::env::var_os("SOAKBOX_TEST_ATTACH_NOTHING").is_some()
}

impl Kernel {
    /// Attaches the hooks, whose programs are loaded, phase by phase.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason. What is attached stays so until it is
    /// detached.
    pub fn attach<'a>(
        &mut self,
        hooks: impl IntoIterator<Item = &'a Hook>,
        scope: Scope,
    ) -> Result<(), KernelError> {
        if attaches_nothing() {
            return Ok(());
        }
        let hooks: Vec<&Hook> = hooks.into_iter().collect();
        for phase in Phase::ATTACH {
            let of_phase = hooks.iter().copied();
            let of_phase = of_phase.filter(|hook| hook.phase == phase && !self.is_given_up(hook));
            for alike in grouped(of_phase, self.switched) {
                self.attach_alike(&alike, scope)?;
            }
        }
        Ok(())
    }

    /// Attaches hooks of one group: by one link, or else each by its own.
    fn attach_alike(&mut self, hooks: &[&Hook], scope: Scope) -> Result<(), KernelError> {
        let multi = self.multi.as_ref();
        match multi.and_then(|multi| multi.attach(hooks, scope)) {
            Some(Ok(link)) => {
                self.keep(hooks[0], Box::new(link));
                return Ok(());
            }
            Some(Err(error)) if self.never_singly => {
                return Err(attach_error(&hooks[0].point, &error));
            }
            Some(Err(_)) | None => {}
        }
        for hook in hooks {
            if hook.point.instruction().is_some() {
                self.has_single_uprobes = true;
                point::load_uprobe(&mut self.ebpf, hook.program)?;
            }
            let attached = point::attach(&mut self.ebpf, hook, scope)?;
            self.keep(hook, attached);
        }
        Ok(())
    }

    fn is_given_up(&self, hook: &Hook) -> bool {
        let file = hook.point.instruction().map(|(file, _)| file);
        let mut given_up = self.given_up.iter();
        file.is_some_and(|file| given_up.any(|other| other.as_ptr() == Arc::as_ptr(file)))
    }

    fn keep(&mut self, hook: &Hook, attached: Attached) {
        self.links.push(Link {
            phase: hook.phase,
            file: hook.point.instruction().map(|(file, _)| file.clone()),
            operation: operation(hook),
            _attached: attached,
        });
    }

    /// Whether a uprobe was attached by a perf event of its own, and not by a link of many. Where none
    /// was, none is from now on.
    pub fn settle_single_uprobes(&mut self) -> bool {
        self.never_singly = !self.has_single_uprobes;
        self.has_single_uprobes
    }

    /// Number of links to the kernel: one for each group of uprobes, or for each hook.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// Detaches everything, phase by phase.
    pub fn detach_all(&mut self) {
        self.detach(|_| true);
    }

    /// Detaches the hooks of one file, phase by phase, and never attaches them again.
    pub fn detach_file(&mut self, file: &Arc<Binary>) {
        self.given_up.retain(|other| other.strong_count() > 0);
        self.given_up.push(Arc::downgrade(file));
        self.detach(|link| {
            link.file
                .as_ref()
                .is_some_and(|other| Arc::ptr_eq(other, file))
        });
    }

    /// Detaches the hooks of these phases that have such an operation, phase by phase.
    pub fn detach_operations(&mut self, phases: &[Phase], is_chosen: impl Fn(u16) -> bool) {
        self.detach(|link| phases.contains(&link.phase) && link.operation.is_some_and(&is_chosen));
    }

    fn detach(&mut self, chosen: impl Fn(&Link) -> bool) {
        for phase in Phase::DETACH {
            let links = std::mem::take(&mut self.links);
            let (gone, kept) = links
                .into_iter()
                .partition(|link| link.phase == phase && chosen(link));
            self.links = kept;
            drop_together(gone);
        }
    }

    /// Makes `process` the root of the followed tree, once its thread `thread` has called
    /// [`register_here`], and until [`Self::end_registration`]. A uprobe on this function of the
    /// recorder sees the thread's task, which no PID namespace can confuse. The thread must run this
    /// very program, at the same addresses: it is one of this process, or of the one that forked it.
    ///
    /// # Errors
    /// [`KernelError::Attach`] with the kernel's reason.
    pub fn begin_registration(
        &mut self,
        process: NonZeroU32,
        thread: NonZeroU32,
    ) -> Result<(), KernelError> {
        let own = Path::new("/proc/self/exe");
        let address = registration_point as extern "C" fn() as *const c_void as u64;
        let offset = own_file_offset(address).ok_or_else(|| KernelError::Attach {
            place: format!("{} at {address:#x}", own.display()),
            reason: "the recorder's own code is not in /proc/self/maps".to_owned(),
            hint: "is /proc mounted?",
        })?;
        let multi = self.multi.as_ref();
        let link = multi.and_then(|multi| multi.attach_in(REGISTER_RECORDER, own, offset, process));
        if let Some(Ok(link)) = link {
            self.registration = Some(Box::new(link));
            return Ok(());
        }
        point::load_uprobe(&mut self.ebpf, REGISTER_RECORDER)?;
        let program: &mut UProbe = point::program(&mut self.ebpf, REGISTER_RECORDER)?;
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        let link = program
            .attach(location, own, UProbeScope::OneProcess(thread))
            .and_then(|id| program.take_link(id))
            .map_err(|error| attach_error(&own.display(), &error))?;
        self.registration = Some(Box::new(link));
        Ok(())
    }

    /// Ends what [`Self::begin_registration`] began.
    pub fn end_registration(&mut self) {
        self.registration = None;
    }

    /// Whether the followed tree has a process that runs, other than this one.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn follows_others(&self) -> Result<bool, KernelError> {
        let failed = map_error("TRACKED");
        let map = self.ebpf.map("TRACKED").ok_or_else(|| missing("TRACKED"))?;
        let map: HashMap<_, u32, u32> = map.try_into().map_err(&failed)?;
        for (found, key) in map.keys().enumerate() {
            key.map_err(&failed)?;
            if found > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Most threads that close links at the same time.
const MOST_CLOSERS: usize = 16;

/// Drops the links at the same time: the kernel waits 30 to 60 ms for its readers at each, and these
/// waits overlap.
fn drop_together(links: Vec<Link>) {
    let share = links.len().div_ceil(MOST_CLOSERS).max(1);
    let mut links = links.into_iter();
    std::thread::scope(|scope| {
        loop {
            let some: Vec<Link> = links.by_ref().take(share).collect();
            if some.len() < 2 && links.len() == 0 {
                // The last or only one needs no thread. Nor does any where none can be started: a
                // closure that is not run drops what it holds.
                break drop(some);
            }
            let _ = std::thread::Builder::new().spawn_scoped(scope, || drop(some));
        }
    });
}

/// The operation that a hook's cookie names.
fn operation(hook: &Hook) -> Option<u16> {
    hook.cookie.map(|cookie| cookie.cookie().operation)
}

/// The hooks in groups of the same program, file and kind of point, each group in its order.
/// `apart`: of the same operation too.
fn grouped<'a>(hooks: impl Iterator<Item = &'a Hook>, apart: bool) -> Vec<Vec<&'a Hook>> {
    let is_of = |one: &Hook, other: &Hook| {
        alike(one, other) && (!apart || operation(one) == operation(other))
    };
    let mut groups: Vec<Vec<&Hook>> = Vec::new();
    for hook in hooks {
        match groups.iter_mut().find(|group| is_of(group[0], hook)) {
            Some(group) => group.push(hook),
            None => groups.push(vec![hook]),
        }
    }
    groups
}

fn alike(one: &Hook, other: &Hook) -> bool {
    let same_file = match (one.point.instruction(), other.point.instruction()) {
        (Some((one, _)), Some((other, _))) => Arc::ptr_eq(one, other),
        _ => false,
    };
    same_file
        && one.program == other.program
        && discriminant(&one.point) == discriminant(&other.point)
}

/// Lets the kernel side learn which process this is.
pub fn register_here() {
    registration_point();
}

/// Called once, under a uprobe.
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
