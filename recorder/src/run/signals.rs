//! Signals to the recorder: which end a recording cleanly, which end it at once, and after which it
//! goes on. They are blocked in every thread and read from a signalfd, so that none kills a
//! recorder with unsealed files.
//!
//! The command gets the dispositions and the mask that the recorder was started with (`inherited`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libc::c_int;
use rustix::fs::{Mode, OFlags};

use super::inherited::{LAST_SIGNAL, inherited, set_disposition};
use crate::clock::Clock;

/// Signals within this time are one request: GNU `timeout` sends two, to its child and to the
/// group, and people press Ctrl-C twice in a hurry.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// The meaning of a signal to the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A person or a service manager asks for an end; when asked again later, for an end at once.
    Stop,
    /// The terminal, a timer, a limit or the power supply asks for an end, maybe many times.
    StopCleanly,
    /// Asks for new files: the open ones are sealed.
    Rotate,
    /// From a terminal that is closed it asks for an end; a recorder without a terminal gets it
    /// from a person or a service manager, who by convention asks for new files.
    HangUp,
    /// Asks for what is kept in memory to be written; unexpected where nothing is.
    Trigger,
    /// Needs no reaction: a write above the file size limit returns an error of its own.
    Nothing,
    /// Sent by mistake, or to the whole group: it would kill a program that does not expect it.
    Unexpected,
}

/// `None` for signals that the recorder leaves as they are: crashes, job control, a child's end, a
/// closed pipe, and those that no program can handle.
fn meaning(signal: c_int) -> Option<Meaning> {
    Some(match signal {
        libc::SIGINT | libc::SIGTERM | libc::SIGQUIT => Meaning::Stop,
        libc::SIGHUP => Meaning::HangUp,
        libc::SIGUSR1 => Meaning::Rotate,
        libc::SIGALRM | libc::SIGVTALRM | libc::SIGPROF => Meaning::StopCleanly,
        libc::SIGXCPU | libc::SIGPWR => Meaning::StopCleanly,
        // SIGIO is for the process that guards the files.
        libc::SIGXFSZ | libc::SIGIO => Meaning::Nothing,
        libc::SIGUSR2 => Meaning::Trigger,
        libc::SIGSTKFLT => Meaning::Unexpected,
        // The C library reserves the two below SIGRTMIN.
        34..=LAST_SIGNAL => Meaning::Unexpected,
        _ => return None,
    })
}

/// The signals that are handled although this process was started with them ignored: a shell without
/// job control ignores SIGINT and SIGQUIT for programs that it starts in the background, and it must
/// be possible to stop them; and the kernel reports a writer of an observed file by SIGIO.
const HANDLED_ALTHOUGH_IGNORED: [c_int; 4] =
    [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGIO];

/// The reaction of the recorder to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// End the recording cleanly.
    Stop(c_int),
    /// End at once and leave the rest to recovery.
    StopAtOnce,
    /// Seal the open files.
    Rotate(c_int),
    /// Write what is kept in memory.
    Trigger(c_int),
    /// Report that the recording goes on.
    GoOn(c_int),
}

/// Turns signals into requests. Pure: the caller gives the time of each.
#[derive(Debug, Default)]
struct Requests {
    /// When the first [`Meaning::Stop`] came.
    stop_at: Option<Duration>,
    is_stopping: bool,
    /// Whether the recorder was started on a terminal (a controlling one). It is looked up at the
    /// start, because a terminal that hangs up is gone when its signal is read.
    has_terminal: bool,
    /// Whether something is kept in memory until a trigger.
    keeps_last: bool,
    /// Unexpected signals that were reported.
    reported: Vec<c_int>,
}

impl Requests {
    fn of(&mut self, signal: c_int, now: Duration) -> Option<Request> {
        match meaning(signal)? {
            Meaning::Stop => match self.stop_at {
                Some(first) if now >= first + ONE_REQUEST => return Some(Request::StopAtOnce),
                Some(_) => return None,
                None => self.stop_at = Some(now),
            },
            Meaning::HangUp if !self.has_terminal => return Some(Request::Rotate(signal)),
            Meaning::Trigger if self.keeps_last => return Some(Request::Trigger(signal)),
            Meaning::Rotate => return Some(Request::Rotate(signal)),
            Meaning::StopCleanly | Meaning::HangUp => {}
            Meaning::Nothing => return None,
            Meaning::Trigger | Meaning::Unexpected => {
                let is_new = !self.reported.contains(&signal);
                if is_new {
                    self.reported.push(signal);
                }
                return is_new.then_some(Request::GoOn(signal));
            }
        }
        let first = !std::mem::replace(&mut self.is_stopping, true);
        first.then_some(Request::Stop(signal))
    }
}

/// The signals of this process, for a recording.
#[derive(Debug)]
pub(super) struct Signals {
    descriptor: OwnedFd,
    requests: Requests,
}

impl Signals {
    /// Takes over the signals, before any other thread starts: all threads must have them blocked.
    /// Where `keeps_last`, a signal is a trigger.
    ///
    /// # Errors
    /// Where the system refuses a descriptor.
    pub(super) fn take_over(keeps_last: bool) -> io::Result<Self> {
        let handled = (1..=LAST_SIGNAL).filter(|&signal| {
            let ignored =
                inherited().ignores(signal) && !HANDLED_ALTHOUGH_IGNORED.contains(&signal);
            meaning(signal).is_some() && !ignored
        });
        // SAFETY: a set is filled in before it is read; the descriptor is a new one.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in handled {
                libc::sigaddset(&raw mut set, signal);
            }
            let refused =
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            if refused != 0 {
                return Err(io::Error::from_raw_os_error(refused));
            }
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            let descriptor = libc::signalfd(-1, &raw const set, flags);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            // An ignored signal reaches no descriptor; and the status of a child whose parent
            // ignores SIGCHLD is lost.
            for signal in HANDLED_ALTHOUGH_IGNORED.into_iter().chain([libc::SIGCHLD]) {
                set_disposition(signal, libc::SIG_DFL);
            }
            Ok(Self {
                descriptor: OwnedFd::from_raw_fd(descriptor),
                requests: Requests {
                    has_terminal: has_terminal(),
                    keeps_last,
                    ..Requests::default()
                },
            })
        }
    }

    /// The next request; `None` where no signal waits. The clock is read for each signal, because
    /// the request before it may have taken a while.
    pub(super) fn next(&mut self, clock: &dyn Clock) -> Option<Request> {
        while let Some(signal) = self.read() {
            let now = Duration::from_nanos(clock.now().boot_ns);
            if let Some(request) = self.requests.of(signal, now) {
                return Some(request);
            }
        }
        None
    }

    fn read(&self) -> Option<c_int> {
        let mut information = std::mem::MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has the size that is passed along.
        let read = unsafe {
            libc::read(
                self.descriptor.as_raw_fd(),
                information.as_mut_ptr().cast(),
                size,
            )
        };
        // SAFETY: zeroed, and filled in completely.
        (read == size as isize).then(|| unsafe { information.assume_init() }.ssi_signo as c_int)
    }
}

/// Readable while a signal waits.
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Whether this process has a controlling terminal.
fn has_terminal() -> bool {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

/// The signal's name, for messages.
pub(super) fn name(signal: c_int) -> String {
    let known = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSTKFLT => "SIGSTKFLT",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGVTALRM => "SIGVTALRM",
        libc::SIGPROF => "SIGPROF",
        libc::SIGPWR => "SIGPWR",
        _ => return format!("signal {signal}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(signals: &[(c_int, u64)]) -> Vec<Request> {
        let mut requests = Requests {
            has_terminal: true,
            ..Requests::default()
        };
        let read = signals.iter();
        read.filter_map(|&(signal, ms)| requests.of(signal, Duration::from_millis(ms)))
            .collect()
    }

    #[test]
    fn signals_within_a_second_are_one_request_and_a_later_one_ends_at_once() {
        use libc::{SIGINT, SIGQUIT, SIGTERM};
        let stop = Request::Stop(SIGTERM);
        for again in [SIGTERM, SIGINT, SIGQUIT] {
            assert_eq!(
                requests(&[(SIGTERM, 5), (again, 5), (again, 1_004)]),
                [stop]
            );
            assert_eq!(
                requests(&[(SIGTERM, 5), (again, 900), (again, 1_005)]),
                [stop, Request::StopAtOnce]
            );
        }
    }

    #[test]
    fn a_terminal_a_timer_or_a_limit_never_ends_at_once() {
        let often: Vec<_> = (0..9)
            .map(|second| (libc::SIGXCPU, second * 1_000))
            .collect();
        assert_eq!(requests(&often), [Request::Stop(libc::SIGXCPU)]);
        // A person's first signal after SIGHUP is still their first.
        let mixed = [
            (libc::SIGHUP, 0),
            (libc::SIGINT, 5_000),
            (libc::SIGINT, 7_000),
        ];
        assert_eq!(
            requests(&mixed),
            [Request::Stop(libc::SIGHUP), Request::StopAtOnce]
        );
    }

    #[test]
    fn sigusr1_and_without_a_terminal_sighup_ask_for_new_files_each_time() {
        let (usr1, hup) = (libc::SIGUSR1, libc::SIGHUP);
        let twice = [(usr1, 0), (usr1, 1)];
        assert_eq!(requests(&twice), [Request::Rotate(usr1); 2]);
        let mut requests = Requests::default();
        let answers = [hup, hup, libc::SIGTERM, hup].map(|signal| {
            let now = Duration::from_secs(1);
            requests.of(signal, now)
        });
        let rotate = Some(Request::Rotate(hup));
        let stop = Some(Request::Stop(libc::SIGTERM));
        assert_eq!(answers, [rotate, rotate, stop, rotate]);
    }

    #[test]
    fn sigusr2_is_a_trigger_each_time_where_something_is_kept_in_memory() {
        let mut requests = Requests {
            keeps_last: true,
            ..Requests::default()
        };
        let mut of = |ms| requests.of(libc::SIGUSR2, Duration::from_millis(ms));
        let trigger = Some(Request::Trigger(libc::SIGUSR2));
        assert_eq!([of(0), of(1)], [trigger; 2]);
    }

    #[test]
    fn an_unexpected_signal_is_reported_once_and_ends_nothing() {
        let signals = [
            (libc::SIGUSR2, 0),
            (libc::SIGUSR2, 9_000),
            (LAST_SIGNAL, 9_000),
            (libc::SIGXFSZ, 9_000),
        ];
        let reported = [Request::GoOn(libc::SIGUSR2), Request::GoOn(LAST_SIGNAL)];
        assert_eq!(requests(&signals), reported);
    }

    #[test]
    fn no_signal_that_would_kill_is_left_except_crashes() {
        let crashes = [
            libc::SIGILL,
            libc::SIGTRAP,
            libc::SIGABRT,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGSEGV,
            libc::SIGSYS,
        ];
        let harmless = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
        let stopping = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
        // Ignored by Rust's runtime; impossible to handle; reserved by the C library.
        let others = [libc::SIGPIPE, libc::SIGKILL, 32, 33];
        let left = (1..=LAST_SIGNAL).filter(|&signal| meaning(signal).is_none());
        for signal in left {
            let lists = [&crashes[..], &harmless, &stopping, &others];
            assert!(lists.concat().contains(&signal), "signal {signal}");
        }
    }
}
