//! The socket between the process that records and the one that attaches: whole messages
//! (SOCK_SEQPACKET), with descriptors where there are some. The end of one process is the end of the
//! messages for the other one.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::kernel::SharedMaps;

/// Room for the descriptors of a message and their header.
const CONTROL_BYTES: usize = 64;

/// One end.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

/// A message.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Socket {
    /// Both ends.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let mut ends: [RawFd; 2] = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: two descriptors to be filled in.
        if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened both.
        let [one, other] = ends.map(|end| Self(unsafe { OwnedFd::from_raw_fd(end) }));
        Ok((one, other))
    }

    /// Sends a message with copies of `descriptors`; waits while the other end reads nothing.
    ///
    /// # Errors
    /// Where the other process has ended.
    pub(super) fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        assert!(descriptors.len() <= SharedMaps::MOST, "they have room");
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let mut control = [0_u64; CONTROL_BYTES / 8];
        let mut part = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: all zero is a message of nothing.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        if !numbers.is_empty() {
            let size = size_of_val(&numbers[..]) as u32;
            message.msg_control = control.as_mut_ptr().cast();
            // SAFETY: the header and the numbers are within the buffer, which is aligned for them.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(size) as usize;
                let header = libc::CMSG_FIRSTHDR(&raw const message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(size) as usize;
                let to = libc::CMSG_DATA(header).cast::<RawFd>();
                std::ptr::copy_nonoverlapping(numbers.as_ptr(), to, numbers.len());
            }
        }
        loop {
            // SAFETY: the message and all that it points to outlive the call.
            let sent = unsafe {
                libc::sendmsg(self.0.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
            };
            match sent {
                0.. => return Ok(()),
                _ => retry_interrupted()?,
            }
        }
    }

    /// The next message of at most `most` bytes, without descriptors: those that come with it are
    /// never opened. Waits for it. `None` where the other process has ended.
    ///
    /// # Errors
    /// Where it is longer, or the kernel refuses.
    pub(super) fn receive_bytes(&self, most: usize) -> io::Result<Option<Vec<u8>>> {
        Ok(self.receive_into(most, &mut [])?.map(|got| got.bytes))
    }

    /// The next message of at most `most` bytes. Waits for it. `None` where the other process has
    /// ended.
    ///
    /// # Errors
    /// Where it is longer, or the kernel refuses.
    pub(super) fn receive(&self, most: usize) -> io::Result<Option<Received>> {
        self.receive_into(most, &mut [0; CONTROL_BYTES / 8])
    }

    fn receive_into(&self, most: usize, control: &mut [u64]) -> io::Result<Option<Received>> {
        let mut bytes = vec![0_u8; most];
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: all zero is a message of nothing.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(control);
        let got = loop {
            // SAFETY: the buffers outlive the call.
            let got = unsafe {
                libc::recvmsg(self.0.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC)
            };
            match usize::try_from(got) {
                Ok(got) => break got,
                Err(_) => retry_interrupted()?,
            }
        };
        let descriptors = received(&message);
        if message.msg_flags & libc::MSG_TRUNC != 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.truncate(got);
        // A message has at least one byte.
        Ok((got > 0).then_some(Received { bytes, descriptors }))
    }

    /// Ends the messages in both directions.
    pub(super) fn hang_up(&self) {
        // SAFETY: takes numbers. It fails where the other process has ended.
        let _ = unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_RDWR) };
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The descriptors that came with a message.
fn received(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    // SAFETY: the kernel filled in the headers, which lie within the buffer; the descriptors are new.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*header).cmsg_len - libc::CMSG_LEN(0) as usize;
                let numbers = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    descriptors.push(OwnedFd::from_raw_fd(numbers.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    descriptors
}

/// The error of the last system call, unless a signal interrupted it.
fn retry_interrupted() -> io::Result<()> {
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::fs::File;
    use std::io::Read;

    use super::*;

    fn open_descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }

    #[test]
    fn messages_come_whole_with_their_descriptors_until_the_other_end_is_closed() {
        let (one, other) = Socket::pair().unwrap();
        let file = File::open("/proc/self/comm").unwrap();
        one.send(b"first", &[file.as_fd(), file.as_fd()]).unwrap();
        one.send(b"second", &[]).unwrap();
        one.send(b"too long", &[]).unwrap();
        one.send(b"last", &[]).unwrap();
        let first = other.receive(9).unwrap().unwrap();
        assert_eq!(
            (&first.bytes[..], first.descriptors.len()),
            (&b"first"[..], 2)
        );
        for descriptor in first.descriptors {
            let mut text = String::new();
            File::from(descriptor).read_to_string(&mut text).unwrap();
        }
        assert_eq!(other.receive_bytes(9).unwrap().unwrap(), b"second");
        assert!(other.receive_bytes(7).is_err());
        drop(one);
        assert_eq!(other.receive_bytes(9).unwrap().unwrap(), b"last");
        assert!(other.receive_bytes(9).unwrap().is_none());
        assert!(other.send(b"x", &[]).is_err());
    }

    #[test]
    fn descriptors_that_nobody_asked_for_are_never_opened() {
        let (one, other) = Socket::pair().unwrap();
        let file = File::open("/proc/self/comm").unwrap();
        // Other tests open and close files meanwhile: a leak of hundreds is seen.
        let before = open_descriptors();
        for _ in 0..300 {
            one.send(b"x", &[file.as_fd(); 6]).unwrap();
            assert_eq!(other.receive_bytes(9).unwrap().unwrap(), b"x");
        }
        assert!(open_descriptors() < before + 300);
    }
}
