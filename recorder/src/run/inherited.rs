//! The state that this process got from its caller and that a command must get as if the recorder
//! were not there: signals that are ignored or blocked, closed standard descriptors, and the state
//! that exec keeps and fork does not.
//!
//! It is read before `main`: Rust's runtime ignores SIGPIPE and opens /dev/null in the place of a
//! closed standard descriptor before the first line of `main` runs. Everything else (environment,
//! working directory, other descriptors, limits, umask, priorities, session) passes to a child by
//! itself, because the recorder never changes it.

use std::sync::OnceLock;

use libc::{c_int, c_long, c_ulong};

/// The highest signal number of Linux.
pub(super) const LAST_SIGNAL: c_int = 64;

/// A set of signals as the kernel has it: bit `n - 1` is signal `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SignalSet(u64);

impl SignalSet {
    pub(super) const ALL: Self = Self(u64::MAX);

    pub(super) fn contains(self, signal: c_int) -> bool {
        self.0 >> (signal - 1) & 1 == 1
    }

    pub(super) fn insert(&mut self, signal: c_int) {
        self.0 |= 1 << (signal - 1);
    }

    pub(super) fn remove(&mut self, signal: c_int) {
        self.0 &= !(1 << (signal - 1));
    }

    /// Blocks exactly these for the calling thread; returns the set that was blocked before.
    /// Allowed in a forked child.
    pub(super) fn block(self) -> Self {
        let mut before = 0_u64;
        // SAFETY: two sets of the size that is passed along.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const self.0,
                &raw mut before,
                size_of::<u64>(),
            );
        }
        Self(before)
    }
}

/// The state that this process was started with.
#[derive(Debug)]
pub(super) struct Inherited {
    ignored: SignalSet,
    blocked: SignalSet,
    /// Whether descriptors 0, 1 and 2 were closed.
    closed: [bool; 3],
    /// The signal that this process gets when its parent ends, 0 for none. A fork clears it.
    death_signal: c_int,
    /// Whether orphaned descendants become children of this process. A fork clears it.
    is_subreaper: bool,
    /// Scheduling that a fork resets (SCHED_RESET_ON_FORK), and the nice value, which it resets as
    /// well.
    scheduling: Option<(libc::sched_attr, c_int)>,
}

static AT_START: OnceLock<Inherited> = OnceLock::new();

/// Run by the loader before `main` and on its thread.
#[used]
#[unsafe(link_section = ".init_array")]
static CAPTURE: extern "C" fn() = capture;

extern "C" fn capture() {
    let _ = AT_START.set(Inherited::read());
}

/// The state that this process was started with.
pub(super) fn inherited() -> &'static Inherited {
    AT_START.get_or_init(Inherited::read)
}

/// Timers that exec keeps and fork clears, with the time that is left of each.
#[derive(Debug)]
pub(super) struct Timers([libc::itimerval; 3]);

const TIMERS: [c_int; 3] = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF];

impl Timers {
    pub(super) fn read() -> Self {
        // SAFETY: all zero is a timer that is not armed.
        let mut timers: [libc::itimerval; 3] = unsafe { std::mem::zeroed() };
        for (which, timer) in TIMERS.into_iter().zip(&mut timers) {
            // SAFETY: a timer to be filled in.
            unsafe { libc::syscall(libc::SYS_getitimer, which, &raw mut *timer) };
        }
        Self(timers)
    }

    /// Arms the timers that were armed when they were read; allowed in a forked child.
    fn arm(&self) {
        for (which, timer) in TIMERS.into_iter().zip(&self.0) {
            if is_armed(timer) {
                set_timer(which, timer);
            }
        }
    }

    /// Disarms the timers that were armed when they were read: they are the command's now.
    pub(super) fn disarm(&self) {
        // SAFETY: all zero is a timer that is not armed.
        let none: libc::itimerval = unsafe { std::mem::zeroed() };
        for (which, timer) in TIMERS.into_iter().zip(&self.0) {
            if is_armed(timer) {
                set_timer(which, &none);
            }
        }
    }
}

fn is_armed(timer: &libc::itimerval) -> bool {
    timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0
}

fn set_timer(which: c_int, timer: &libc::itimerval) {
    let old: *mut libc::itimerval = std::ptr::null_mut();
    // SAFETY: a timer to be read, and nothing to be filled in.
    unsafe { libc::syscall(libc::SYS_setitimer, which, &raw const *timer, old) };
}

impl Inherited {
    fn read() -> Self {
        let mut ignored = SignalSet::default();
        for signal in 1..=LAST_SIGNAL {
            if is_ignored(signal) {
                ignored.insert(signal);
            }
        }
        let mut blocked = 0_u64;
        let (mut death_signal, mut subreaper): (c_int, c_int) = (0, 0);
        let none: *const u64 = std::ptr::null();
        // SAFETY: a set of the size that is passed along, and two integers; each is filled in.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                none,
                &raw mut blocked,
                size_of::<u64>(),
            );
            libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut death_signal);
            libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut subreaper);
        }
        Self {
            ignored,
            blocked: SignalSet(blocked),
            // SAFETY: takes numbers and accesses no memory.
            closed: [0, 1, 2].map(|fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1),
            death_signal,
            is_subreaper: subreaper != 0,
            scheduling: scheduling().filter(|(attributes, _)| {
                attributes.sched_flags & libc::SCHED_FLAG_RESET_ON_FORK as u64 != 0
            }),
        }
    }

    /// Whether this process was started with `signal` ignored.
    pub(super) fn ignores(&self, signal: c_int) -> bool {
        self.ignored.contains(signal)
    }

    /// Whether a command ends with its parent because the recorder's caller asked for that.
    pub(super) fn ends_with_parent(&self) -> bool {
        self.death_signal != 0
    }

    /// Restores the state in this process: a forked child of `parent` that has all signals blocked
    /// and calls exec next. Makes only async-signal-safe calls.
    pub(super) fn restore_in_child(&self, parent: libc::pid_t, timers: &Timers) {
        for (fd, closed) in (0..).zip(self.closed) {
            if closed {
                // SAFETY: the recorder's /dev/null, which nobody else uses in this process.
                unsafe { libc::close(fd) };
            }
        }
        for signal in 1..=LAST_SIGNAL {
            let handler = if self.ignores(signal) {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            };
            set_disposition(signal, handler);
        }
        if let Some((attributes, nice)) = &self.scheduling {
            // SAFETY: numbers, and attributes as the kernel gave them, with their size.
            unsafe {
                libc::setpriority(libc::PRIO_PROCESS, 0, *nice);
                libc::syscall(libc::SYS_sched_setattr, 0, &raw const *attributes, 0);
            }
        }
        if self.is_subreaper {
            // SAFETY: takes a number.
            unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
        }
        if self.death_signal != 0 {
            // SAFETY: these take numbers.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, self.death_signal);
                if libc::getppid() != parent {
                    libc::kill(libc::getpid(), self.death_signal);
                }
            }
        }
        timers.arm();
        // Last: signals that arrived in the meantime take effect as they would right after exec.
        self.blocked.block();
    }
}

/// The kernel's `struct sigaction`; the C library's refuses the signals that it keeps for itself.
#[repr(C)]
#[derive(Default)]
struct KernelAction {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

fn is_ignored(signal: c_int) -> bool {
    let mut action = KernelAction::default();
    let none: *const KernelAction = std::ptr::null();
    rt_sigaction(signal, none, &raw mut action) == 0 && action.handler == libc::SIG_IGN
}

/// Sets the disposition of `signal`: ignored (`SIG_IGN`) or default (`SIG_DFL`). Allowed in a
/// forked child.
pub(super) fn set_disposition(signal: c_int, handler: libc::sighandler_t) {
    let action = KernelAction {
        handler,
        ..KernelAction::default()
    };
    rt_sigaction(signal, &raw const action, std::ptr::null_mut());
}

fn rt_sigaction(signal: c_int, new: *const KernelAction, old: *mut KernelAction) -> c_long {
    // SAFETY: each is null or an action in the kernel's layout; the size of a set is passed along.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, size_of::<u64>()) }
}

/// This thread's scheduling and nice value.
fn scheduling() -> Option<(libc::sched_attr, c_int)> {
    let mut attributes = std::mem::MaybeUninit::<libc::sched_attr>::zeroed();
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel fills in at most as many bytes as are passed along.
    let read =
        unsafe { libc::syscall(libc::SYS_sched_getattr, 0, attributes.as_mut_ptr(), size, 0) };
    // SAFETY: takes numbers.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    // SAFETY: zeroed, and filled in by the kernel.
    (read == 0).then(|| (unsafe { attributes.assume_init() }, nice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_before_main() {
        // Rust's runtime has ignored SIGPIPE in this process, too.
        assert!(is_ignored(libc::SIGPIPE));
        assert!(AT_START.get().is_some());
        assert!(!inherited().ignores(libc::SIGKILL));
    }

    #[test]
    fn a_set_holds_the_first_and_the_last_signal() {
        let mut set = SignalSet::default();
        set.insert(1);
        set.insert(LAST_SIGNAL);
        assert!(set.contains(1) && set.contains(64) && !set.contains(2) && !set.contains(63));
        assert!(SignalSet::ALL.contains(64));
    }
}
