//! A session for a recorder: with a terminal of its own, or with none, whatever the tests have.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A new session, and the two ends of its terminal, if it has one.
pub(crate) struct Session {
    terminal: Option<(File, File)>,
}

impl Session {
    pub(crate) fn without_terminal() -> Self {
        Self { terminal: None }
    }

    pub(crate) fn on_a_terminal() -> Self {
        let (mut leader, mut follower) = (0, 0);
        // SAFETY: two descriptors to be filled in; nothing is read.
        let opened = unsafe {
            libc::openpty(
                &raw mut leader,
                &raw mut follower,
                std::ptr::null_mut(),
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        assert_eq!(opened, 0, "{}", io::Error::last_os_error());
        for end in [leader, follower] {
            // SAFETY: a number, on a descriptor of our own. A child must not keep the leader open.
            assert_ne!(
                unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) },
                -1
            );
        }
        // SAFETY: descriptors of our own from here on.
        let ends = unsafe { (File::from_raw_fd(leader), File::from_raw_fd(follower)) };
        Self {
            terminal: Some(ends),
        }
    }

    /// Has `command` begin this session. SIGHUP is not ignored, even where the tests run under
    /// nohup.
    pub(crate) fn run(&self, command: &mut Command) {
        let has_terminal = self.terminal.is_some();
        command.stdin(match &self.terminal {
            Some((_, follower)) => Stdio::from(follower.try_clone().unwrap()),
            None => Stdio::null(),
        });
        // SAFETY: these are async-signal-safe, and take numbers.
        unsafe {
            command.pre_exec(move || {
                libc::signal(libc::SIGHUP, libc::SIG_DFL);
                let began = libc::setsid();
                let controlling = if has_terminal {
                    libc::ioctl(0, libc::TIOCSCTTY, 1)
                } else {
                    0
                };
                if began < 0 || controlling < 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
    }

    /// Both ends of the terminal.
    pub(crate) fn ends(self) -> (File, File) {
        self.terminal.expect("a terminal")
    }

    /// Closes the terminal, as a person closes its window.
    pub(crate) fn hang_up(self) {
        drop(self.terminal);
    }
}
