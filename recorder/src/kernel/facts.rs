//! Facts about this kernel that the kernel side depends on: the offsets in its structures, its
//! CPUs, the recorder's PID namespace. Reads /proc and /sys, changes nothing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use soakbox_schemas::control::KernelOffsets;

use super::KernelError;
use super::offsets::resolve_offsets;

/// The BTF of the running kernel: its description of its own types.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";
/// Inode of the initial PID namespace (`PROC_PID_INIT_INO` of the kernel).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Identity of a PID namespace; `None` is the initial one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidNamespace {
    /// Device of its inode.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// Facts about the running kernel.
#[derive(Clone, Debug)]
pub struct KernelFacts {
    /// Number of possible CPUs: those that are online or can be brought online.
    pub possible_cpus: u32,
    /// The recorder's own PID namespace where it is not the initial one.
    pub pid_namespace: Option<PidNamespace>,
    /// Offsets of members in the kernel's structures.
    pub offsets: KernelOffsets,
}

impl KernelFacts {
    /// Reads them from /proc and /sys.
    ///
    /// # Errors
    /// [`KernelError::NoBtf`] where the kernel does not describe its types, [`KernelError::Proc`]
    /// where a file in /proc cannot be read.
    pub fn inspect() -> Result<Self, KernelError> {
        let btf = fs::read(KERNEL_BTF).map_err(KernelError::NoBtf)?;
        let offsets = resolve_offsets(&btf).map_err(|reason| {
            KernelError::NoBtf(io::Error::new(
                io::ErrorKind::InvalidData,
                reason.to_string(),
            ))
        })?;
        let possible = line("/sys/devices/system/cpu/possible")?;
        Ok(Self {
            possible_cpus: count_cpus(&possible).unwrap_or(1),
            pid_namespace: pid_namespace()?,
            offsets,
        })
    }
}

fn line(path: &str) -> Result<String, KernelError> {
    let text = fs::read_to_string(path).map_err(|source| KernelError::Proc {
        path: Path::new(path).to_owned(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

fn pid_namespace() -> Result<Option<PidNamespace>, KernelError> {
    let path = Path::new("/proc/self/ns/pid");
    let file = fs::metadata(path).map_err(|source| KernelError::Proc {
        path: path.to_owned(),
        source,
    })?;
    let namespace = PidNamespace {
        device: file.dev(),
        inode: file.ino(),
    };
    Ok((namespace.inode != INITIAL_PID_NAMESPACE).then_some(namespace))
}

/// Number of CPUs up to the last id of a list such as `0-3` or `0,2-5`: arrays are indexed by id.
fn count_cpus(list: &str) -> Option<u32> {
    let last = list.rsplit([',', '-']).next()?;
    last.trim().parse::<u32>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_counted_up_to_the_last() {
        assert_eq!(count_cpus("0"), Some(1));
        assert_eq!(count_cpus("0-3"), Some(4));
        assert_eq!(count_cpus("0,2-63\n"), Some(64));
        assert_eq!(count_cpus(""), None);
    }
}
