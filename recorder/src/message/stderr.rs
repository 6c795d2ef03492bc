//! Writes to stderr that do not wait for long. A terminal that is stopped (Ctrl-S, a connection that
//! hangs) or a pipe that nobody reads takes nothing more at some time, and the recording must go on.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use crate::clock::Timer;

/// Stderr, opened once more for this process alone: to make the one that it was given non-blocking would
/// make it so for all others that have it. `None` where a write never waits (files), or that is impossible.
static OWN: OnceLock<Option<File>> = OnceLock::new();

/// Messages that could not be written since the last one that could.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);

/// Opens it, which a fenced thread could not do.
pub(super) fn prepare() {
    let _ = OWN.get_or_init(open);
}

/// Its descriptor.
pub(super) fn descriptor() -> Option<BorrowedFd<'static>> {
    OWN.get()?.as_ref().map(AsFd::as_fd)
}

/// Writes `text`, waiting for at most `longest`, and not at all where something could not be written
/// before.
pub(super) fn write(text: &str, longest: Duration) {
    let Some(file) = OWN.get_or_init(open) else {
        // If stderr cannot be written, the message has no other place to go.
        let _ = io::stderr().write_all(text.as_bytes());
        return;
    };
    let unwritten = UNWRITTEN.load(Ordering::Relaxed);
    let (mut whole, mut longest) = (String::new(), longest);
    if unwritten > 0 {
        // The last of them may have been written in part.
        whole = format!("\n({unwritten} messages could not be written here)\n");
        longest = Duration::ZERO;
    }
    whole.push_str(text);
    let count = match write_within(file, whole.as_bytes(), longest) {
        true => 0,
        false => unwritten + 1,
    };
    UNWRITTEN.store(count, Ordering::Relaxed);
}

/// Writes `text` where there is room for it now; what is shown again in a second is not missed.
pub(super) fn write_if_free(text: &str) {
    match OWN.get_or_init(open) {
        Some(file) if !is_writable(file, Duration::ZERO) => {}
        _ => write(text, Duration::ZERO),
    }
}

fn open() -> Option<File> {
    let stderr = io::stderr();
    let mode = rustix::fs::fstat(&stderr).ok()?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::Fifo && !stderr.is_terminal() {
        return None;
    }
    let mut options = File::options();
    options.write(true);
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open("/proc/self/fd/2").ok()
}

/// `false` where there was no room in time.
fn write_within(mut file: &File, mut bytes: &[u8], longest: Duration) -> bool {
    let timer = Timer::after(longest);
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !is_writable(file, timer.remaining()) {
                    return false;
                }
            }
            // Nobody reads it any more.
            Err(_) => return true,
        }
    }
    true
}

fn is_writable(file: &File, timeout: Duration) -> bool {
    let mut polled = [PollFd::new(file, PollFlags::OUT)];
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    };
    poll(&mut polled, Some(&timeout)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::io::Read;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_is_waited_for_no_longer_than_that() {
        let (mut reader, writer) = io::pipe().unwrap();
        let writer = File::from(std::os::fd::OwnedFd::from(writer));
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        assert!(write_within(&writer, b"first\n", Duration::ZERO));
        let more = vec![b'x'; 1 << 20];
        for longest in [Duration::ZERO, Duration::from_millis(20)] {
            assert!(!write_within(&writer, &more, longest));
        }
        assert!(!is_writable(&writer, Duration::ZERO));
        let mut first = [0; 6];
        reader.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"first\n");
        drop(reader);
        // A child that another test starts has the other end, too, until it executes its program.
        let is_over = |_| write_within(&writer, b"last\n", Duration::from_millis(10));
        assert!((0..1_000).any(is_over));
    }
}
