//! The command under observation. It is started as if the recorder were not there, waited for, and
//! never signalled.

use std::ffi::{CStr, CString, OsString, c_char, c_long};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::inherited::{Inherited, SignalSet, Timers, inherited};

/// Environment variables by which systemd and similar programs name the process that they started.
/// Where one names the recorder, the command gets its own process id in it.
const NAMES_PROCESS: [&[u8]; 3] = [b"LISTEN_PID", b"WATCHDOG_PID", b"SYSTEMD_EXEC_PID"];
/// Names the same process by the inode of its pidfd; where it is missing, only LISTEN_PID is
/// compared.
const NAMES_PIDFD: &[u8] = b"LISTEN_PIDFDID";

/// A command that was started.
#[derive(Debug)]
pub(super) struct Command {
    pid: Pid,
    descriptor: OwnedFd,
}

impl Command {
    /// Starts `words` in the state that the recorder itself was started in.
    ///
    /// # Errors
    /// Where no further process can be created, or the program cannot be executed.
    pub(super) fn start(words: &[OsString]) -> Result<Self> {
        let program = words.first().context("the command is empty")?;
        start(words).map_err(|error| {
            anyhow::anyhow!(
                "cannot start {}: {error}; hint: check the path, and that it is executable",
                program.display()
            )
        })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended, once; `None` while it runs.
    pub(super) fn try_wait(&self) -> io::Result<Option<WaitIdStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::PidFd(self.as_fd()), options)?)
    }
}

/// Readable once the command has ended.
impl AsFd for Command {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// How a command ended, in words.
pub(super) fn describe(status: &WaitIdStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}

/// Everything that exec needs, made before the fork: between fork and exec nothing may be
/// allocated.
struct Prepared {
    words: Vec<CString>,
    environment: Environment,
    inherited: &'static Inherited,
    timers: Timers,
    parent: libc::pid_t,
}

fn start(words: &[OsString]) -> io::Result<Command> {
    let words: Result<Vec<CString>, _> = words
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect();
    let words = words?;
    let mut arguments: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
    arguments.push(std::ptr::null());
    let mut prepared = Prepared {
        words,
        environment: Environment::of_this_process(),
        inherited: inherited(),
        timers: Timers::read(),
        parent: std::process::id() as libc::pid_t,
    };
    // exec closes the writer: an end of file without a byte means that the program runs.
    let (mut reader, writer) = io::pipe()?;
    // No signal reaches the child before it has the command's dispositions.
    let blocked = SignalSet::ALL.block();
    // SAFETY: the child only makes async-signal-safe calls, and never returns.
    let forked = unsafe { fork() };
    if let Ok(None) = forked {
        prepared.exec(&arguments, writer.as_raw_fd());
    }
    blocked.block();
    drop(writer);
    let command = forked?.ok_or(io::ErrorKind::Other)?;
    let mut reason = [0; size_of::<i32>()];
    if reader.read_exact(&mut reason).is_ok() {
        waitid(WaitId::PidFd(command.as_fd()), WaitIdOptions::EXITED)?;
        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(reason)));
    }
    prepared.timers.disarm();
    Ok(command)
}

/// Forks, and gets a pidfd of the child in the same step, so that no child is ever without one.
/// Returns `None` in the child.
///
/// # Safety
/// As with `fork(2)`, and no handlers of `pthread_atfork(3)` run.
unsafe fn fork() -> io::Result<Option<Command>> {
    let flags = libc::CLONE_PIDFD as c_long | c_long::from(libc::SIGCHLD);
    let mut descriptor: RawFd = -1;
    let none: *mut RawFd = std::ptr::null_mut();
    // SAFETY: the child has no stack of its own and shares no memory, as with fork; the kernel
    // fills in the third argument in the parent.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags,
            none,
            &raw mut descriptor,
            none,
            none,
        )
    };
    if pid == 0 {
        return Ok(None);
    }
    // A failed call returns -1, which must not become a process id.
    let started = i32::try_from(pid).ok().filter(|pid| *pid > 0);
    let Some(pid) = started.and_then(Pid::from_raw) else {
        return Err(io::Error::last_os_error());
    };
    Ok(Some(Command {
        pid,
        // SAFETY: a new descriptor, which the kernel filled in.
        descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) },
    }))
}

impl Prepared {
    /// Executes the command, or writes the error number to `report`.
    fn exec(&mut self, arguments: &[*const c_char], report: RawFd) -> ! {
        self.environment.name_this_process();
        self.inherited.restore_in_child(self.parent, &self.timers);
        // SAFETY: strings and null-terminated arrays of strings, which outlive the call.
        unsafe {
            libc::execvpe(
                self.words[0].as_ptr(),
                arguments.as_ptr(),
                self.environment.variables.as_ptr(),
            );
            let reason = *libc::__errno_location();
            libc::write(report, (&raw const reason).cast(), size_of::<i32>());
            libc::_exit(127)
        }
    }
}

/// This process's environment for exec, byte for byte, except for [`NAMES_PROCESS`].
struct Environment {
    /// Null-terminated.
    variables: Vec<*const c_char>,
    /// The variables that will name the child: the index in `variables`, the text with room for any
    /// process id, and the length of the name with its `=`.
    renamed: Vec<(usize, Vec<u8>, usize)>,
}

/// Digits of the largest process id, and the end of the string.
const ROOM: usize = 11;

impl Environment {
    fn of_this_process() -> Self {
        let mut variables = Vec::new();
        // SAFETY: the C library's null-terminated array, which no thread of the recorder changes.
        unsafe {
            let mut next = libc::environ.cast_const();
            while !next.is_null() && !(*next).is_null() {
                variables.push((*next).cast_const());
                next = next.add(1);
            }
        }
        Self::rename(variables, std::process::id())
    }

    fn rename(mut variables: Vec<*const c_char>, own: u32) -> Self {
        // SAFETY: strings of the environment, which stay as they are.
        let text = |variable: *const c_char| unsafe { CStr::from_ptr(variable) }.to_bytes();
        let own = own.to_string();
        let value = |variable: *const c_char, name: &[u8]| {
            let value = text(variable).strip_prefix(name);
            value.and_then(|value| value.strip_prefix(b"="))
        };
        let names_recorder =
            |variable: *const c_char, name: &[u8]| value(variable, name) == Some(own.as_bytes());
        let listens = |variable: &*const c_char| names_recorder(*variable, NAMES_PROCESS[0]);
        if variables.iter().any(listens) {
            variables.retain(|&variable| value(variable, NAMES_PIDFD).is_none());
        }
        let mut renamed = Vec::new();
        for (index, &variable) in variables.iter().enumerate() {
            if let Some(name) = NAMES_PROCESS
                .iter()
                .find(|name| names_recorder(variable, name))
            {
                let mut text = name.to_vec();
                text.push(b'=');
                let length = text.len();
                text.resize(length + ROOM, 0);
                renamed.push((index, text, length));
            }
        }
        variables.push(std::ptr::null());
        Self { variables, renamed }
    }

    /// Writes this process's id into the renamed variables. Runs in the forked child: allocates
    /// nothing.
    fn name_this_process(&mut self) {
        // SAFETY: has no argument and accesses no memory.
        let mut number = unsafe { libc::getpid() } as u32;
        let mut digits = [0; ROOM];
        let mut first = ROOM;
        while number > 0 {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        for (index, text, length) in &mut self.renamed {
            text[*length..][..ROOM - first].copy_from_slice(&digits[first..]);
            self.variables[*index] = text.as_ptr().cast();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    fn renamed(variables: &[&CStr], own: u32) -> Vec<String> {
        let pointers = variables.iter().map(|text| text.as_ptr()).collect();
        let mut environment = Environment::rename(pointers, own);
        environment.name_this_process();
        assert_eq!(environment.variables.pop(), Some(std::ptr::null()));
        let text = |&variable: &*const c_char| {
            // SAFETY: strings that `variables` and `environment` hold.
            unsafe { CStr::from_ptr(variable) }.to_str().unwrap().into()
        };
        environment.variables.iter().map(text).collect()
    }

    #[test]
    fn variables_that_named_the_recorder_name_the_command_and_no_other_changes() {
        let own = std::process::id();
        let variables = [
            c"LISTEN_PID=77",
            c"LISTEN_PIDFDID=5",
            c"LISTEN_FDS=2",
            c"WATCHDOG_PID=78",
            c"=odd",
            c"no equals sign",
            c"A=1",
            c"A=2",
            c"LISTEN_PIDFDIDS=6",
            c"LISTEN_PIDFDID",
        ];
        let expected = |pid: u32| {
            let text = format!("LISTEN_PID={pid}");
            vec![text, "LISTEN_FDS=2".into(), "WATCHDOG_PID=78".into()]
        };
        let found = renamed(&variables, 77);
        assert_eq!(found[..3], expected(own));
        let others = ["=odd", "no equals sign", "A=1", "A=2"];
        assert_eq!(found[3..7], others);
        // Their names only begin as that of the pidfd does.
        assert_eq!(found[7..], ["LISTEN_PIDFDIDS=6", "LISTEN_PIDFDID"]);
        let unchanged = renamed(&variables, 7);
        assert_eq!(unchanged.len(), variables.len());
        assert_eq!(unchanged[0], "LISTEN_PID=77");
    }
}
