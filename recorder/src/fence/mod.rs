//! What each process and thread of a recording may still ask of the kernel once it has started:
//! capabilities, Landlock (files) and seccomp (system calls), each for one thread and all that it
//! starts. Where the
//! kernel lacks one of them, the reason is kept, for the log and the recording. It never decides what
//! a thread does, and never takes back what a thread needs for it.

mod capabilities;
mod landlock;
mod seccomp;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::thread;

pub use capabilities::{Capabilities, KEPT_TO_ATTACH};
use landlock::{Landlock, Reach};
use seccomp::Filter;

use crate::access::check_writable;

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The process of its own that attaches and detaches probes, guards the observed files, and finds
    /// processes.
    Attach,
    /// The same on a kernel without links of many uprobes: each is a perf event.
    AttachSingly,
    /// Samples, speaks to the service manager and to the process that attaches.
    Record,
    /// Drains the ring and the counts.
    Collect,
    /// Writes, seals and deletes files of the recording.
    Write,
    /// Waits for signals.
    Signals,
}

/// The fence of a recording.
#[derive(Debug)]
pub struct Fence {
    landlock: Option<Landlock>,
    has_seccomp: bool,
    /// Those that the writing threads need: none, but for a directory of another user, or below one.
    to_write: Capabilities,
    /// Those that the collecting thread needs.
    to_collect: Capabilities,
    missing: Vec<String>,
}

/// Why a part of the fence could not be put up.
type Refused = (&'static str, io::Error);

impl Fence {
    /// The fence of a recording at `root`, an existing directory. It is put up around a thread that
    /// ends at once, so that what this kernel refuses is known.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn new(root: &Path, to_collect: Capabilities) -> io::Result<Self> {
        let (landlock, mut missing) = match Landlock::new(root) {
            Ok(landlock) => (Some(landlock), Vec::new()),
            Err(error) => (None, vec![lacks(&("Landlock", error))]),
        };
        let mut fence = Self {
            landlock,
            has_seccomp: true,
            to_write: Capabilities::NONE,
            to_collect,
            missing: Vec::new(),
        };
        fence.to_write = needed_to_write(root)?;
        for refused in alone(|| fence.enter(Role::Write))? {
            match refused.0 {
                "Landlock" => fence.landlock = None,
                "seccomp" => fence.has_seccomp = false,
                _ => {}
            }
            missing.push(lacks(&refused));
        }
        fence.missing = missing;
        Ok(fence)
    }

    fn without_recording() -> Self {
        Self {
            landlock: Landlock::without_recording().ok(),
            has_seccomp: true,
            to_write: Capabilities::NONE,
            to_collect: Capabilities::NONE,
            missing: Vec::new(),
        }
    }

    /// The parts that this kernel does not have, in words.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Runs `work` on a thread of its own inside the fence, and waits for it. The threads that it
    /// starts are inside for as long as they last.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn within<T: Send>(&self, role: Role, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        alone(|| {
            self.enter(role);
            work()
        })
    }

    /// Puts the fence up around the calling thread, for good. Returns what the kernel refused.
    pub fn enter(&self, role: Role) -> Vec<Refused> {
        let kept = match role {
            Role::Attach => Capabilities::of(&KEPT_TO_ATTACH),
            Role::AttachSingly => Capabilities::to_attach_singly(),
            Role::Collect => self.to_collect,
            Role::Write => self.to_write,
            Role::Record | Role::Signals => Capabilities::NONE,
        };
        let reach = match role {
            // It would also keep the thread from reading /proc/PID/maps of other processes.
            Role::Attach | Role::AttachSingly => None,
            Role::Record | Role::Collect | Role::Signals => Some(Reach::Nothing),
            Role::Write => Some(Reach::Recording),
        };
        let mut refused = Vec::new();
        let mut note = |what, result: io::Result<()>| {
            if let Err(error) = result {
                refused.push((what, error));
            }
        };
        note(
            "no_new_privs",
            rustix::thread::set_no_new_privs(true).map_err(Into::into),
        );
        note("capabilities", kept.keep_only());
        if let (Some(landlock), Some(reach)) = (&self.landlock, reach) {
            note("Landlock", landlock.restrict_thread(reach));
        }
        if self.has_seccomp {
            note("seccomp", Filter::of(role).install());
        }
        refused
    }
}

/// The least capabilities with which the files of the recording can be written.
fn needed_to_write(root: &Path) -> io::Result<Capabilities> {
    for kept in [Capabilities::NONE, Capabilities::TO_REACH] {
        if alone(|| may_write(root, kept))? {
            return Ok(kept);
        }
    }
    Ok(Capabilities::TO_WRITE_ELSEWHERE)
}

/// Whether the files of the recording can be written with these capabilities only, which the calling
/// thread keeps.
fn may_write(root: &Path, kept: Capabilities) -> bool {
    let _ = kept.keep_only();
    let may = |path: &Path| check_writable(path).is_ok();
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut directories = entries.filter(|entry| entry.path().is_dir());
    may(root) && directories.all(|directory| may(&directory.path()))
}

/// Fences the calling thread for a role that needs no file, before there is a recording.
pub fn enter(role: Role) {
    // The recording's own fence tells what the kernel lacks.
    Fence::without_recording().enter(role);
}

/// Runs `work` on a thread that ends with it.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let started = thread::Builder::new().name("soakbox-fence".into());
        let thread = started.spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn lacks((what, error): &Refused) -> String {
    format!("{what}: {error}")
}
