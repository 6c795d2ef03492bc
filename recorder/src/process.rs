//! A process under observation, held by a descriptor (pidfd) from the start: another process may
//! get its number later, but the descriptor never stands for another process. The process is never
//! signalled.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use thiserror::Error;

/// A process, by its number and by a descriptor (pidfd).
#[derive(Debug)]
pub struct Process {
    pid: NonZeroU32,
    descriptor: OwnedFd,
}

/// Why a process cannot be observed.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// No process has that number.
    #[error(
        "there is no process {0}; hint: use the number that `ps` shows where the recorder runs; another PID namespace has other numbers"
    )]
    Missing(NonZeroU32),
    /// It has ended, and its parent has not waited for it yet.
    #[error("process {0} has ended already; hint: start it again")]
    Ended(NonZeroU32),
    /// The number is a thread's.
    #[error("{0} is a thread, not a process; hint: {hint}", hint = owner_hint(.1))]
    Thread(NonZeroU32, Option<u32>),
    /// The kernel refuses for another reason.
    #[error(
        "cannot observe process {0}: {1}; hint: soakbox needs pidfd_open, which a sandbox may forbid"
    )]
    Refused(NonZeroU32, #[source] std::io::Error),
}

impl Process {
    /// Opens the process `pid` of our own PID namespace, even where /proc is that of another one.
    ///
    /// # Errors
    /// Where there is none, it has ended, or the number is a thread's.
    pub fn open(pid: NonZeroU32) -> Result<Self, ProcessError> {
        let number = i32::try_from(pid.get()).ok().and_then(Pid::from_raw);
        let number = number.ok_or(ProcessError::Missing(pid))?;
        let descriptor = pidfd_open(number, PidfdFlags::empty()).map_err(|error| match error {
            Errno::SRCH => ProcessError::Missing(pid),
            // Linux returns ENOENT since 6.15, EINVAL before.
            Errno::INVAL | Errno::NOENT => ProcessError::Thread(pid, owner(pid)),
            error => ProcessError::Refused(pid, error.into()),
        })?;
        let process = Self { pid, descriptor };
        if process.has_ended() {
            return Err(ProcessError::Ended(pid));
        }
        Ok(process)
    }

    /// Its number in our own PID namespace.
    pub fn pid(&self) -> NonZeroU32 {
        self.pid
    }

    /// Whether all its threads have ended, also where its parent has not waited for it yet (a
    /// zombie).
    pub fn has_ended(&self) -> bool {
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Path of its root directory; `None` where /proc does not show the process.
    pub fn root(&self) -> Option<PathBuf> {
        Some(self.shown()?.join("root"))
    }

    /// Whether a file with this inode number is in its memory now; `None` where that cannot be read.
    pub fn has_mapped(&self, inode: u64) -> Option<bool> {
        let maps = fs::read(self.shown()?.join("maps")).ok()?;
        Some(is_mapped(&String::from_utf8_lossy(&maps), inode))
    }

    /// Whether one of these files is in its memory now.
    ///
    /// # Errors
    /// Where that cannot be read; a process that ended has nothing in its memory.
    pub fn has_any(&self, files: &[MappedFile]) -> io::Result<bool> {
        let Some(shown) = self.shown() else {
            return Ok(false);
        };
        let maps = fs::read(shown.join("maps")).and_then(|maps| match maps[..] {
            // The main thread has ended, which takes its view of the memory with it; or the kernel's
            // own threads, which have none.
            [] => maps_of_a_thread(&shown),
            _ => Ok(maps),
        });
        match maps {
            Ok(maps) => {
                let maps = String::from_utf8_lossy(&maps);
                let is_one = |line: &str| files.iter().any(|file| file.is_in(line));
                Ok(maps.lines().any(is_one))
            }
            // It ended in the meantime.
            Err(_) if self.has_ended() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Its file `name` in /proc, which is its own as long as it is open.
    pub fn open_file(&self, name: &str) -> Option<fs::File> {
        fs::File::open(self.shown()?.join(name)).ok()
    }

    /// The numbers of its open descriptors that lead to `target`, as /proc shows it; `None` where /proc
    /// does not show them.
    pub fn descriptors_of(&self, target: &str) -> Option<Vec<u32>> {
        let listing = fs::read_dir(self.shown()?.join("fd")).ok()?.flatten();
        let leads = listing.filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|shown| shown == Path::new(target))
        });
        leads
            .map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// The text of its `stat` in /proc.
    pub fn stat(&self) -> Option<String> {
        fs::read_to_string(self.shown()?.join("stat")).ok()
    }

    /// Its directory in /proc.
    fn shown(&self) -> Option<PathBuf> {
        // Our own number for it cannot be used: /proc may be that of another PID namespace, where
        // the process has another number.
        let path = format!("/proc/self/fdinfo/{}", self.descriptor.as_raw_fd());
        let shown = field(Path::new(&path), "Pid:").filter(|&shown| shown > 0)?;
        Some(format!("/proc/{shown}").into())
    }
}

/// A file as the memory maps in /proc name it. The device there is not the one of `stat` in some
/// file systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFile {
    device: String,
    inode: String,
}

impl MappedFile {
    /// Maps a page of `file` for a moment, and reads its name in our own memory map.
    ///
    /// # Errors
    /// Where it cannot be mapped, or /proc does not show this process.
    pub fn of(file: &fs::File) -> io::Result<Self> {
        let size = rustix::param::page_size();
        // SAFETY: a new mapping, which is only named and then removed.
        let start = unsafe {
            let flags = MapFlags::PRIVATE;
            mmap(std::ptr::null_mut(), size, ProtFlags::READ, flags, file, 0)
        }?;
        let maps = fs::read_to_string("/proc/self/maps");
        // SAFETY: our own mapping of a moment ago.
        unsafe { munmap(start, size) }?;
        let begin = format!("{:08x}-", start.addr());
        let named = maps?.lines().find_map(|line| {
            let mut fields = line.strip_prefix(&begin)?.split_ascii_whitespace().skip(3);
            Some(Self {
                device: fields.next()?.to_owned(),
                inode: fields.next()?.to_owned(),
            })
        });
        named.ok_or_else(|| io::Error::other("it is not in /proc/self/maps"))
    }

    /// The major and minor numbers of its device, and its inode number.
    pub fn numbers(&self) -> Option<(u32, u32, u64)> {
        let (major, minor) = self.device.split_once(':')?;
        let number = |text| u32::from_str_radix(text, 16).ok();
        Some((number(major)?, number(minor)?, self.inode.parse().ok()?))
    }

    fn is_in(&self, line: &str) -> bool {
        let mut fields = line.split_ascii_whitespace().skip(3);
        fields.next() == Some(&self.device) && fields.next() == Some(&self.inode)
    }
}

/// The memory map of a process as one of its threads sees it.
fn maps_of_a_thread(process: &Path) -> io::Result<Vec<u8>> {
    for thread in fs::read_dir(process.join("task"))?.flatten() {
        match fs::read(thread.path().join("maps")) {
            Ok(maps) if !maps.is_empty() => return Ok(maps),
            _ => {}
        }
    }
    Ok(Vec::new())
}

/// The processes that /proc shows, in the order of their numbers, which are ours.
///
/// # Errors
/// Where /proc is missing, or is that of another PID namespace, so that its numbers are not ours.
pub fn all_numbers() -> io::Result<Vec<NonZeroU32>> {
    if !shows_own_namespace() {
        return Err(io::Error::other("/proc is that of another PID namespace"));
    }
    all_shown()
}

/// The same by the numbers that /proc has, which may be those of another PID namespace: they are good
/// for paths in /proc, and for nothing else.
///
/// # Errors
/// Where /proc is missing.
pub fn all_shown() -> io::Result<Vec<NonZeroU32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<NonZeroU32> = names.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a line of `maps` has the inode number, its fifth field. Without the device, whose number
/// is another one in some file systems.
pub fn is_mapped(maps: &str, inode: u64) -> bool {
    let mut lines = maps.lines();
    let inode = inode.to_string();
    lines.any(|line| line.split_ascii_whitespace().nth(4) == Some(&inode))
}

/// Readable once all threads of the process have ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The process that a thread belongs to; `None` where /proc is not that of our PID namespace.
fn owner(thread: NonZeroU32) -> Option<u32> {
    if !shows_own_namespace() {
        return None;
    }
    let process = field(Path::new(&format!("/proc/{thread}/status")), "Tgid:")?;
    u32::try_from(process).ok()
}

/// Whether /proc has the numbers of our PID namespace.
fn shows_own_namespace() -> bool {
    let own = std::process::id().to_string();
    fs::read_link("/proc/self").is_ok_and(|shown| shown == Path::new(&own))
}

fn owner_hint(process: &Option<u32>) -> String {
    match process {
        Some(process) => format!("its process is {process}"),
        None => "name its process; all threads of a process are observed".to_owned(),
    }
}

/// The number in the line of a file that begins with `name`.
fn field(path: &Path, name: &str) -> Option<i64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::io::{Read, Write};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that ends when its input does.
    fn waiting() -> (Child, NonZeroU32) {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It runs once it answers: before, its program may not be in its memory yet.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let pid = NonZeroU32::new(child.id()).unwrap();
        (child, pid)
    }

    #[test]
    fn a_process_has_ended_before_its_parent_waits_for_it() {
        let (mut child, pid) = waiting();
        let process = Process::open(pid).unwrap();
        assert!(!process.has_ended());
        drop(child.stdin.take());
        // The end is seen, and the process is left unreaped.
        let mut ended = [PollFd::new(&process.descriptor, PollFlags::IN)];
        poll(&mut ended, None).unwrap();
        assert!(process.has_ended());
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "a zombie");
        assert!(matches!(Process::open(pid), Err(ProcessError::Ended(_))));
        child.wait().unwrap();
        assert!(process.has_ended());
        assert!(matches!(Process::open(pid), Err(ProcessError::Missing(_))));
    }

    #[test]
    fn what_is_in_its_memory_is_found_by_device_and_inode() {
        let (mut child, pid) = waiting();
        let process = Process::open(pid).unwrap();
        let file = |path: &Path| MappedFile::of(&fs::File::open(path).unwrap()).unwrap();
        let program = file(Path::new(&format!("/proc/{pid}/exe")));
        let own = file(Path::new("/proc/self/exe"));
        assert!(process.has_any(&[own.clone(), program.clone()]).unwrap());
        assert!(!process.has_any(&[own]).unwrap());
        let elsewhere = MappedFile {
            device: "ff:ff".to_owned(),
            ..program.clone()
        };
        assert!(!process.has_any(&[elsewhere]).unwrap());
        assert!(all_numbers().unwrap().contains(&pid));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!process.has_any(&[program]).unwrap());
    }

    #[test]
    fn its_root_is_where_proc_shows_it() {
        let (mut child, pid) = waiting();
        let root = Process::open(pid).unwrap().root().unwrap();
        assert_eq!(root.join("proc").exists(), Path::new("/proc").exists());
        assert_eq!(root, Path::new(&format!("/proc/{pid}/root")));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_number_above_all_pids_is_no_process() {
        for pid in [4_194_305, i32::MAX as u32, u32::MAX] {
            let opened = Process::open(NonZeroU32::new(pid).unwrap());
            assert!(
                matches!(opened, Err(ProcessError::Missing(_))),
                "{opened:?}"
            );
        }
    }
}
