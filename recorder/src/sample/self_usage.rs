//! The recorder's own CPU time and memory.

use soakbox_schemas::tables::RecorderHealth;

/// Measures the process; its fields are the CPU time that earlier rows contain.
#[derive(Debug, Default)]
pub(super) struct SelfUsage {
    user_ns: u64,
    system_ns: u64,
}

impl SelfUsage {
    /// Adds to `health` the CPU time since the last call, and the memory now.
    pub(super) fn add_to(&mut self, health: &mut RecorderHealth) {
        if let Some((user_ns, system_ns)) = cpu_ns() {
            health.recorder_cpu_user_ns = Some(user_ns.saturating_sub(self.user_ns));
            health.recorder_cpu_system_ns = Some(system_ns.saturating_sub(self.system_ns));
            (self.user_ns, self.system_ns) = (user_ns, system_ns);
        }
        health.recorder_memory_bytes = resident_bytes();
    }
}

/// User and system time of all threads so far.
fn cpu_ns() -> Option<(u64, u64)> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills in the structure that it is given.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: filled in, and zeroed before.
    let usage = unsafe { usage.assume_init() };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    Some((ns(usage.ru_utime), ns(usage.ru_stime)))
}

/// The memory of this process that is resident, bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
