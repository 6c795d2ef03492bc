//! Landlock: which files the calling thread may still reach. Plain system calls: what is needed is
//! three of them and two structures.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use libc::{c_int, c_long, c_void};
use rustix::fs::OFlags;

const READ_FILE: u64 = 1 << 2;
const READ_DIRECTORY: u64 = 1 << 3;
const WRITE_FILE: u64 = 1 << 1;
const REMOVE_DIRECTORY: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIRECTORY: u64 = 1 << 7;
const MAKE_FILE: u64 = 1 << 8;
/// To rename and link between directories.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;

/// All that is done with the files of a recording.
const RECORD: u64 = READ_FILE
    | READ_DIRECTORY
    | WRITE_FILE
    | REMOVE_DIRECTORY
    | REMOVE_FILE
    | MAKE_DIRECTORY
    | MAKE_FILE
    | REFER
    | TRUNCATE;

/// The version of the kernel's interface from which on files can be renamed between directories.
const LEAST_VERSION: c_long = 2;
const GET_VERSION: u32 = 1;
const PATH_BENEATH: c_int = 1;

/// The rights on files that each version knows, as the number of the lowest bits.
const fn rights(version: c_long) -> u64 {
    let bits = match version {
        ..=2 => 14,
        3..=4 => 15,
        _ => 16,
    };
    (1 << bits) - 1
}

/// `struct landlock_ruleset_attr`, as of version 4.
#[repr(C)]
#[derive(Default)]
struct RulesetAttributes {
    files: u64,
    network: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: c_int,
}

/// The files that a thread may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// None; descriptors that are open already can be used.
    Nothing,
    /// Those of the recording.
    Recording,
}

/// Rule sets that threads can put up.
#[derive(Debug)]
pub(super) struct Landlock {
    nothing: OwnedFd,
    /// `None` where there is no recording yet.
    recording: Option<OwnedFd>,
}

impl Landlock {
    /// For a recording at `root`.
    ///
    /// # Errors
    /// Where the kernel has no Landlock, an older version, or the directory cannot be opened.
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        let version = version()?;
        let recording = ruleset(version, rights(version))?;
        let mut options = File::options();
        options.read(true);
        options.custom_flags((OFlags::PATH | OFlags::DIRECTORY).bits().cast_signed());
        let root = options.open(root)?;
        let rule = PathBeneath {
            allowed: RECORD & rights(version),
            parent: root.as_raw_fd(),
        };
        // SAFETY: the descriptors are open, and the rule has the kernel's layout.
        check(unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                recording.as_raw_fd(),
                PATH_BENEATH,
                (&raw const rule).cast::<c_void>(),
                0,
            )
        })?;
        Ok(Self {
            recording: Some(recording),
            ..Self::without_recording()?
        })
    }

    /// Without a rule for a recording.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn without_recording() -> io::Result<Self> {
        let version = version()?;
        Ok(Self {
            nothing: ruleset(version, rights(version))?,
            recording: None,
        })
    }

    /// Restricts the calling thread and all that it starts, for good. It must have no_new_privs.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub(super) fn restrict_thread(&self, reach: Reach) -> io::Result<()> {
        let ruleset = match reach {
            Reach::Nothing => &self.nothing,
            Reach::Recording => self.recording.as_ref().unwrap_or(&self.nothing),
        };
        // SAFETY: takes numbers.
        check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })?;
        Ok(())
    }
}

/// The version of the kernel's interface.
fn version() -> io::Result<c_long> {
    let none: *const c_void = std::ptr::null();
    // SAFETY: this flag takes no structure.
    let version =
        check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0, GET_VERSION) })?;
    if version < LEAST_VERSION {
        return Err(io::Error::other(format!(
            "version {version} cannot rename between directories (Linux 5.19)"
        )));
    }
    Ok(version)
}

/// A set without rules, which denies the rights `handled`, and TCP where the kernel can.
fn ruleset(version: c_long, handled: u64) -> io::Result<OwnedFd> {
    let knows_network = version >= 4;
    let attributes = RulesetAttributes {
        files: handled,
        network: if knows_network { 0b11 } else { 0 },
    };
    let size = if knows_network {
        size_of::<RulesetAttributes>()
    } else {
        size_of::<u64>()
    };
    // SAFETY: a structure of the kernel's layout, with the size that this version has.
    let descriptor = check(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            (&raw const attributes).cast::<c_void>(),
            size,
            0,
        )
    })?;
    let descriptor = c_int::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for this call, with close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
