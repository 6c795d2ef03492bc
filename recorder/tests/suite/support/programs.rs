//! The BPF programs that this process holds. Other tests load programs of the same names meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::programs::ProgramInfo;

/// Only one test of a process at a time may load programs in it, since they are counted.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the descriptors of this process. The kernel keeps at most 15 bytes of a program's name.
pub(crate) fn held() -> Vec<ProgramInfo> {
    let descriptors = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let ids: BTreeSet<u32> = descriptors
        .filter_map(|descriptor| {
            let text = fs::read_to_string(descriptor.path()).ok()?;
            let id = text
                .lines()
                .find_map(|line| line.strip_prefix("prog_id:"))?;
            id.trim().parse().ok()
        })
        .collect();
    let programs = aya::programs::loaded_programs().filter_map(Result::ok);
    programs
        .filter(|program| ids.contains(&program.id()))
        .collect()
}
