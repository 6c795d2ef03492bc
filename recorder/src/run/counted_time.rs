//! The target's CPU time as the kernel side counts it, which is told here what the target is: the files
//! that are observed now, and never the processes of the recorder.

use std::fmt::{self, Display};

use soakbox_schemas::target_cpu::FileKey;

use super::observed::Observed;
use crate::binary::Binary;
use crate::budget::KernelCpu;
use crate::clock::{Clock, SystemClock};
use crate::kernel::CountedCpu;
use crate::message;
use crate::process::MappedFile;

/// Counted CPU time.
pub(super) struct CountedTime {
    counted: CountedCpu,
    /// `None` where the target are the descendants of the recorder.
    observed: Option<Observed>,
    /// Number of changes of the observed files that the kernel side knows.
    changes: u64,
    failures: Failures,
}

/// What the kernel refuses makes the CPU time too small or too large, which a person must know once and
/// not in each interval.
#[derive(Debug, Default)]
struct Failures {
    has_told: bool,
}

impl Failures {
    /// The message about a failure, where it is the first one.
    fn first<E: Display>(&mut self, what: &str, result: Result<(), E>) -> Option<String> {
        let error = result.err()?;
        let is_first = !std::mem::replace(&mut self.has_told, true);
        is_first.then(|| {
            format!(
                "warning: the target's CPU time, by which --max-overhead is held, is not exact: {what}: {error}"
            )
        })
    }

    fn tell<E: Display>(&mut self, what: &str, result: Result<(), E>) {
        if let Some(line) = self.first(what, result) {
            message::line(format_args!("{line}"));
        }
    }
}

impl CountedTime {
    pub(super) fn of_command(counted: CountedCpu) -> Self {
        Self {
            counted,
            observed: None,
            changes: 0,
            failures: Failures::default(),
        }
    }

    /// Of the processes that run observed files, without this process and the one that records.
    pub(super) fn of_files(counted: CountedCpu, observed: Observed, recorder: u32) -> Self {
        let mut time = Self {
            counted,
            observed: Some(observed),
            changes: 0,
            failures: Failures::default(),
        };
        let own = [std::process::id(), recorder];
        let left_out = time.counted.leave_out(&own);
        // They are of the target then if they run an observed file.
        let what = "the processes of the recorder cannot be left out";
        time.failures.tell(what, left_out);
        time.tell_files();
        time
    }

    fn tell_files(&mut self) {
        let changed = self.observed.as_ref();
        let Some((files, changes)) = changed.and_then(|files| files.changed(self.changes)) else {
            return;
        };
        let keys: Vec<FileKey> = files.iter().flat_map(|file| keys(file)).collect();
        // A process that executes a file that is not known is found later.
        let set = self.counted.set_files(&keys);
        let what = "the kernel side cannot be told which files are observed";
        self.failures.tell(what, set);
        self.changes = changes;
    }
}

impl KernelCpu for CountedTime {
    fn used_ns(&mut self) -> u64 {
        self.tell_files();
        self.counted.used_ns(SystemClock.now().boot_ns)
    }

    fn add(&mut self, processes: &[u32]) {
        // The next search finds them again.
        let added = self.counted.add(processes);
        let what = "threads that run already cannot be found";
        self.failures.tell(what, added);
    }
}

impl fmt::Debug for CountedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counted.fmt(f)
    }
}

/// What the kernel may call the file that is executed: as its memory maps do, or as `stat` does. On a
/// file system of layers they are those of two inodes.
fn keys(file: &Binary) -> Vec<FileKey> {
    let mapped = MappedFile::of(file.file()).ok();
    let mapped = mapped.and_then(|file| file.numbers());
    let (device, inode) = file.identity();
    let stat = (rustix::fs::major(device), rustix::fs::minor(device), inode);
    let mut keys: Vec<FileKey> = mapped
        .into_iter()
        .chain([stat])
        .map(|(major, minor, inode)| FileKey {
            inode,
            device: major << 20 | minor,
            zero: 0,
        })
        .collect();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use super::*;

    #[test]
    fn only_the_first_failure_is_told() {
        let mut failures = Failures::default();
        assert_eq!(failures.first("a walk", Ok::<(), &str>(())), None);
        let told = failures.first("a walk", Err("no memory")).unwrap();
        assert!(told.ends_with("is not exact: a walk: no memory"), "{told}");
        for what in ["a walk", "files"] {
            assert_eq!(failures.first(what, Err("no memory")), None);
        }
    }

    #[test]
    fn a_file_has_the_key_of_its_inode() {
        let own = std::env::current_exe().unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&own.metadata().unwrap());
        let keys = keys(&Binary::open(own).unwrap().0);
        assert!((1..3).contains(&keys.len()), "{keys:?}");
        assert!(keys.iter().any(|key| key.inode == inode), "{keys:?}");
    }
}
