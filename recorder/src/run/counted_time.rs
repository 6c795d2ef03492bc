//! The target's CPU time as the kernel side counts it, which is told here what the target is: the files
//! that are observed now, and never the processes of the recorder.

use std::fmt;

use soakbox_schemas::target_cpu::FileKey;

use super::observed::Observed;
use crate::binary::Binary;
use crate::budget::KernelCpu;
use crate::clock::{Clock, SystemClock};
use crate::kernel::CountedCpu;
use crate::process::MappedFile;

/// Counted CPU time.
pub(super) struct CountedTime {
    counted: CountedCpu,
    /// `None` where the target are the descendants of the recorder.
    observed: Option<Observed>,
    /// Number of changes of the observed files that the kernel side knows.
    changes: u64,
}

impl CountedTime {
    pub(super) fn of_command(counted: CountedCpu) -> Self {
        Self {
            counted,
            observed: None,
            changes: 0,
        }
    }

    /// Of the processes that run observed files, without this process and the one that records.
    pub(super) fn of_files(mut counted: CountedCpu, observed: Observed, recorder: u32) -> Self {
        let own = [std::process::id(), recorder];
        // Where that fails, they are of the target if they run an observed file.
        let _ = counted.leave_out(&own);
        let mut time = Self {
            counted,
            observed: Some(observed),
            changes: 0,
        };
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
        let _ = self.counted.set_files(&keys);
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
        let _ = self.counted.add(processes);
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
    fn a_file_has_the_key_of_its_inode() {
        let own = std::env::current_exe().unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&own.metadata().unwrap());
        let keys = keys(&Binary::open(own).unwrap().0);
        assert!((1..3).contains(&keys.len()), "{keys:?}");
        assert!(keys.iter().any(|key| key.inode == inode), "{keys:?}");
    }
}
