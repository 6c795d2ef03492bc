//! The CPU time and memory of the recorder's own processes.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result};
use soakbox_schemas::tables::RecorderHealth;

use super::proc_file::beginning;
use super::program_runs::{ProgramRuns, Runs};
use crate::process::Process;

/// The fields of /proc/PID/stat with user and system time, counted after the name.
const TIMES: [usize; 2] = [11, 12];

/// The recorder's processes: this one, and the one that attaches. What is read of them is opened at
/// the start, because the fence lets nothing be opened later.
#[derive(Debug)]
pub(crate) struct Processes {
    memory: Option<File>,
    attacher: Option<Attacher>,
    /// Where the kernel measures them.
    programs: Option<ProgramRuns>,
}

#[derive(Debug)]
struct Attacher {
    times: File,
    memory: File,
}

impl Processes {
    /// This process and `attacher`.
    pub(crate) fn open(attacher: Option<&Process>) -> Self {
        let attacher = attacher.and_then(|process| {
            Some(Attacher {
                times: process.open_file("stat")?,
                memory: process.open_file("statm")?,
            })
        });
        Self {
            memory: File::open("/proc/self/statm").ok(),
            attacher,
            programs: None,
        }
    }

    /// The same, with what the kernel measures of the programs that `attacher` has loaded.
    ///
    /// # Errors
    /// Where they are not shown.
    pub(crate) fn with_programs(mut self, attacher: &Process) -> Result<Self> {
        let programs = ProgramRuns::open(attacher);
        self.programs = Some(programs.context(
            "/proc does not show the BPF programs of the process that attaches; hint: record without --bpf-statistics",
        )?);
        Ok(self)
    }

    /// Has the runs of the programs read while there is somebody to show them.
    pub(crate) fn read_programs(&self) {
        if let Some(programs) = &self.programs {
            programs.so_far();
        }
    }

    /// Their memory that is resident, bytes. What the attaching process shares with this one (the
    /// program) is counted once.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let [resident, _] = pages(self.memory.as_ref()?)?;
        let other = self.attacher.as_ref();
        let other = other.and_then(|other| pages(&other.memory));
        let other = other.map_or(0, |[resident, shared]| resident.saturating_sub(shared));
        Some((resident + other) * rustix::param::page_size() as u64)
    }

    /// User and system time of all threads so far, ns.
    fn cpu_ns(&self) -> Option<(u64, u64)> {
        let (user_ns, system_ns) = own_cpu_ns()?;
        let other = self.attacher.as_ref();
        let other = other.and_then(|other| times_ns(&beginning(&other.times)?));
        let [other_user_ns, other_system_ns] = other.unwrap_or_default();
        Some((user_ns + other_user_ns, system_ns + other_system_ns))
    }
}

/// Resident pages, and how many of them are shared with a file.
fn pages(statm: &File) -> Option<[u64; 2]> {
    let text = beginning(statm)?;
    let mut fields = text.split_whitespace().skip(1);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?])
}

fn times_ns(stat: &str) -> Option<[u64; 2]> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let of = |at: usize| {
        let ticks: u64 = fields.get(at)?.parse().ok()?;
        Some(ticks * 1_000_000_000 / per_second)
    };
    Some([of(TIMES[0])?, of(TIMES[1])?])
}

/// Measures the processes; its fields are the CPU time and the runs that earlier rows contain.
#[derive(Debug)]
pub(super) struct SelfUsage {
    processes: Arc<Processes>,
    user_ns: u64,
    system_ns: u64,
    runs: Runs,
}

impl SelfUsage {
    pub(super) fn new(processes: Arc<Processes>) -> Self {
        Self {
            processes,
            user_ns: 0,
            system_ns: 0,
            runs: Runs::default(),
        }
    }

    /// Adds to `health` the CPU time since the last call, and the memory now.
    pub(super) fn add_to(&mut self, health: &mut RecorderHealth) {
        if let Some((user_ns, system_ns)) = self.processes.cpu_ns() {
            health.recorder_cpu_user_ns = Some(user_ns.saturating_sub(self.user_ns));
            health.recorder_cpu_system_ns = Some(system_ns.saturating_sub(self.system_ns));
            // The attaching process has no times any more when it has ended.
            self.user_ns = self.user_ns.max(user_ns);
            self.system_ns = self.system_ns.max(system_ns);
        }
        health.recorder_memory_bytes = self.processes.resident_bytes();
        if let Some(programs) = &self.processes.programs {
            let runs = programs.so_far();
            health.bpf_runs = Some(runs.number.saturating_sub(self.runs.number));
            health.bpf_run_ns = Some(runs.ns.saturating_sub(self.runs.ns));
            self.runs = runs;
        }
    }
}

/// User and system time of all threads of this process so far.
fn own_cpu_ns() -> Option<(u64, u64)> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn the_times_and_the_memory_of_both_processes_are_added_up() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process::open(NonZeroU32::new(child.id()).unwrap()).unwrap();
        let (alone, both) = (Processes::open(None), Processes::open(Some(&process)));
        let other = both.attacher.as_ref().unwrap();
        // Some kernels show what a process has just mapped a moment later.
        let (resident, shared) = loop {
            match pages(&other.memory).unwrap() {
                [0, _] => std::thread::sleep(std::time::Duration::from_millis(1)),
                [resident, shared] => break (resident, shared),
            }
            assert_eq!(child.try_wait().unwrap(), None);
        };
        assert!(shared <= resident);
        let before = alone.cpu_ns().unwrap();
        assert!(both.cpu_ns().unwrap() >= before);
        assert!(both.resident_bytes().unwrap() > 1 << 20);
        child.kill().unwrap();
        child.wait().unwrap();
        // Nothing is left of it, and that is no failure.
        assert!(beginning(&other.times).is_none() && both.resident_bytes().is_some());
        let stat = "7 (a) b) R 3 4 5 6 7 8 9 10 11 12 300 14 15 16 17";
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(times_ns(stat), Some([300 * tick, 14 * tick]));
    }
}
