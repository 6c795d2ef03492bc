//! An event (eventfd): one thread sets it, another waits for it together with other descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// Readable while it is set.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    /// # Errors
    /// Where there are no descriptors left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    /// Set while `signal`, which every thread has blocked, waits for this process.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub(super) fn of_signal(signal: libc::c_int) -> io::Result<Self> {
        // SAFETY: a set is filled in before it is read; the descriptor is a new one.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            let descriptor = libc::signalfd(-1, &raw const set, flags);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self(OwnedFd::from_raw_fd(descriptor)))
        }
    }

    /// Sets it, until it is cleared.
    pub(super) fn set(&self) {
        // Fails only after 2^64 calls without a clear.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Clears it, however often it was set.
    pub(super) fn clear(&self) {
        // Fails where it is not set.
        let _ = rustix::io::read(&self.0, &mut [0; size_of::<libc::signalfd_siginfo>()]);
    }

    pub(super) fn is_set(&self) -> bool {
        is_readable(&self.0)
    }

    /// Sets it when the guard is dropped, also by a panic.
    pub(super) fn set_on_drop(&self) -> SetOnDrop<'_> {
        SetOnDrop(self)
    }
}

/// Guard of [`Event::set_on_drop`].
#[must_use]
pub(super) struct SetOnDrop<'a>(&'a Event);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether `descriptor` is readable now.
pub(super) fn is_readable(descriptor: impl AsFd) -> bool {
    wait_for(&[descriptor.as_fd()], Some(Duration::ZERO))
}

/// Waits until one of `descriptors` is readable, at most for `timeout`; without a timeout there is
/// no limit. Returns whether one is readable.
pub(super) fn wait_for(descriptors: &[BorrowedFd<'_>], timeout: Option<Duration>) -> bool {
    let mut polled: Vec<_> = descriptors
        .iter()
        .map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN))
        .collect();
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    });
    loop {
        match poll(&mut polled, timeout.as_ref()) {
            // A stop and a continue interrupt the wait. A caller with a timeout waits again by
            // itself, one without a timeout does not.
            Err(Errno::INTR) if timeout.is_none() => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn an_event_is_seen_until_it_is_cleared() {
        let (event, other) = (Event::new().unwrap(), Event::new().unwrap());
        let both = [other.as_fd(), event.as_fd()];
        assert!(!event.is_set() && !wait_for(&both, Some(Duration::from_millis(1))));
        event.set();
        event.set();
        assert!(event.is_set() && wait_for(&both, None));
        event.clear();
        assert!(!event.is_set() && !wait_for(&both, Some(Duration::ZERO)));
    }
}
