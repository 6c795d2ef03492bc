//! The CPU time of the target, which the kernel side counts; and what it must be told for that: the files
//! that are observed, and the processes that were found.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

use aya::Pod;
use aya::maps::{HashMap, Map, MapData, MapError};
use soakbox_schemas::target_cpu::{CpuTime, FileKey, part};

use super::error::map_error;
use super::mapping::Mapping;
use super::{KernelError, walk};
use crate::plan::ProgramId;

/// The program of a walk that finds the threads of processes.
pub(super) const FIND: ProgramId = ProgramId::new("threads_of_target");
/// Most files that programs are compared with when they are executed. A process that executes another
/// observed one is found later.
pub(super) const MOST_FILES: u32 = 256;
/// Most processes of one walk.
pub(super) const MOST_FOUND: u32 = 1024;

#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
struct Key(FileKey);
// SAFETY: repr(C) of integers without padding.
unsafe impl Pod for Key {}

/// The counted CPU time of the target.
#[derive(Debug)]
pub struct CountedCpu {
    times: Mapping<CpuTime>,
    cpus: u32,
    files: HashMap<MapData, Key, u32>,
    found: HashMap<MapData, u32, u32>,
    /// `None` where processes need not be found.
    walk: Option<OwnedFd>,
}

impl CountedCpu {
    pub(super) fn new(
        times: BorrowedFd<'_>,
        cpus: u32,
        files: Map,
        found: Map,
        walk: Option<OwnedFd>,
    ) -> Result<Self, KernelError> {
        let files: Result<_, MapError> = files.try_into();
        let found: Result<_, MapError> = found.try_into();
        Ok(Self {
            times: Mapping::new(times, cpus).map_err(map_error("TARGET_CPU"))?,
            cpus,
            files: files.map_err(map_error("OBSERVED_FILES"))?,
            found: found.map_err(map_error("FOUND"))?,
            walk,
        })
    }

    /// CPU time of the target so far, ns, with that of the threads that run now. `now_ns`: boot clock.
    pub fn used_ns(&self, now_ns: u64) -> u64 {
        let cpus = (0..self.cpus).map(|cpu| self.times.get(cpu));
        let used = cpus.map(|time| {
            // In the other order than they are written: nothing is counted twice.
            let used_ns = time.used_ns.load(Ordering::Acquire);
            let running = match time.since_ns.load(Ordering::Acquire) {
                0 => 0,
                since_ns => now_ns.saturating_sub(since_ns),
            };
            used_ns + running
        });
        used.sum()
    }

    /// From now on a process that executes one of these files is one of the target.
    ///
    /// # Errors
    /// [`KernelError::Map`].
    pub fn set_files(&mut self, files: &[FileKey]) -> Result<(), KernelError> {
        let failed = map_error("OBSERVED_FILES");
        let known: Result<Vec<Key>, MapError> = self.files.keys().collect();
        let known = known.map_err(&failed)?;
        for gone in known.iter().filter(|key| !files.contains(&key.0)) {
            self.files.remove(gone).map_err(&failed)?;
        }
        for key in files.iter().take(MOST_FILES as usize) {
            self.files.insert(Key(*key), 0, 0).map_err(&failed)?;
        }
        Ok(())
    }

    /// Processes that run already, by their numbers in the initial PID namespace, are of the target.
    ///
    /// # Errors
    /// The kernel's.
    pub fn add(&mut self, processes: &[u32]) -> io::Result<()> {
        self.find(processes, part::TARGET)
    }

    /// Processes of the recorder never are, whatever they run.
    ///
    /// # Errors
    /// The kernel's.
    pub fn leave_out(&mut self, processes: &[u32]) -> io::Result<()> {
        self.find(processes, part::RECORDER)
    }

    fn find(&mut self, processes: &[u32], part: u32) -> io::Result<()> {
        let Some(link) = &self.walk else {
            return Ok(());
        };
        for some in processes.chunks(MOST_FOUND as usize) {
            let mut inserted = some
                .iter()
                .map(|process| self.found.insert(process, part, 0));
            let all = inserted.all(|inserted| inserted.is_ok());
            let walked = walk::run(link, true);
            // A number that stays would mark the next process that has it.
            for process in some {
                let _ = self.found.remove(process);
            }
            walked?;
            if !all {
                return Err(io::Error::other("the map of found processes is full"));
            }
        }
        Ok(())
    }
}
