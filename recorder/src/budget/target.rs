//! The CPU time of the target: of the processes that are observed. Reads /proc.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Stopwatch, Timer};
use crate::process::{Process, all_numbers, all_shown, is_mapped};

/// Shortest time between two searches for processes.
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// A search is followed by a pause of at least this many times its own length.
const PAUSES_PER_SEARCH: u32 = 200;
/// Fields of /proc/PID/stat, counted after the name.
const PARENT: usize = 1;
const OWN: [usize; 2] = [11, 12];
const OF_CHILDREN: [usize; 2] = [13, 14];

/// The target's CPU time as the kernel counts it, of processes that live for milliseconds too.
pub trait KernelCpu: fmt::Debug + Send {
    /// CPU time of the processes that are known to be of the target, since they are, ns.
    fn used_ns(&mut self) -> u64;
    /// These processes, by their numbers in /proc, are of the target; some may be known.
    fn add(&mut self, processes: &[u32]);
}

/// Which processes are the target.
#[derive(Debug)]
enum Target {
    Process(Arc<Process>),
    /// Those that the kernel knows, and all that have such a file in their memory.
    Counted(Box<dyn KernelCpu>, Option<Inodes>),
    /// All descendants of the process `root`, but for the process `aside`: their numbers in /proc.
    Descendants {
        root: u32,
        aside: u32,
    },
    /// All that have a file with one of these inode numbers in their memory.
    Files(Inodes),
}

/// Gives the inode numbers of the files that are observed now.
struct Inodes(Box<dyn Fn() -> Vec<u64> + Send>);

impl fmt::Debug for Inodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)().fmt(f)
    }
}

/// Reads how much CPU time the target has used.
#[derive(Debug)]
pub struct TargetCpu {
    target: Target,
    /// The processes that were found, each with the time that it had used when it was last read.
    known: HashMap<u32, u64>,
    searched: Option<Timer>,
    total_ns: u64,
}

impl TargetCpu {
    /// Of one process.
    pub fn of_process(process: Arc<Process>) -> Self {
        Self::of(Target::Process(process))
    }

    /// Of the processes that the kernel knows without being told.
    pub fn counted(kernel: impl KernelCpu + 'static) -> Self {
        Self::of(Target::Counted(Box::new(kernel), None))
    }

    /// Of the processes that the kernel knows, and of those that have a file with one of these inode
    /// numbers in their memory, from when they are found.
    pub fn counted_of_files(
        kernel: impl KernelCpu + 'static,
        inodes: impl Fn() -> Vec<u64> + Send + 'static,
    ) -> Self {
        let inodes = Some(Inodes(Box::new(inodes)));
        Self::of(Target::Counted(Box::new(kernel), inodes))
    }

    /// Of the descendants of this process's parent, but for this process.
    pub fn of_other_children() -> Self {
        let own = own();
        let parent = own.and_then(|own| field(&stat(own)?, PARENT));
        Self::of(Target::Descendants {
            root: parent.unwrap_or_default() as u32,
            aside: own.unwrap_or_default(),
        })
    }

    /// Of all processes that have a file with one of these inode numbers in their memory.
    pub fn of_files(inodes: impl Fn() -> Vec<u64> + Send + 'static) -> Self {
        Self::of(Target::Files(Inodes(Box::new(inodes))))
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            known: HashMap::new(),
            searched: None,
            total_ns: 0,
        }
    }

    /// CPU time so far, ns; never less than before. Where the kernel does not count it, processes that
    /// come and go between two searches may be missing.
    pub fn read(&mut self) -> u64 {
        if let Target::Process(process) = &self.target {
            let ticks = process.stat().and_then(|stat| sum(&stat, &OWN));
            self.total_ns = self.total_ns.max(ticks.map_or(0, nanoseconds));
            return self.total_ns;
        }
        if self.searched.is_none_or(Timer::is_over) {
            let watch = Stopwatch::start();
            self.search();
            let pause = (watch.elapsed() * PAUSES_PER_SEARCH).max(LEAST_PAUSE);
            self.searched = Some(Timer::after(pause));
        }
        match &mut self.target {
            Target::Descendants { root, .. } => {
                let root = *root;
                self.read_descendants(root);
            }
            Target::Counted(kernel, _) => self.total_ns = self.total_ns.max(kernel.used_ns()),
            Target::Files(_) | Target::Process(_) => self.read_each(),
        }
        self.total_ns
    }

    fn search(&mut self) {
        if let Target::Counted(kernel, inodes) = &mut self.target {
            if let Some(inodes) = inodes {
                // The kernel has no use for the numbers of another PID namespace.
                kernel.add(&with_files(all_numbers(), &(inodes.0)()));
            }
            return;
        }
        let found: HashSet<u32> = match &self.target {
            Target::Process(_) | Target::Counted(..) => return,
            Target::Descendants { root, aside } => {
                descendants(*root, *aside, &numbers(all_shown()))
            }
            Target::Files(inodes) => with_files(all_shown(), &(inodes.0)()).into_iter().collect(),
        };
        self.known.retain(|pid, _| found.contains(pid));
        for pid in found {
            self.known.entry(pid).or_insert(u64::MAX);
        }
    }

    /// The time of a process that has ended is that of its parent's children.
    fn read_descendants(&mut self, root: u32) {
        let ended = stat(root).and_then(|stat| sum(&stat, &OF_CHILDREN));
        let ended = ended.map_or(0, nanoseconds);
        let known = self.known.keys();
        let live = known.filter_map(|&pid| {
            let stat = stat(pid)?;
            Some(nanoseconds(sum(&stat, &OWN)? + sum(&stat, &OF_CHILDREN)?))
        });
        self.total_ns = self.total_ns.max(ended + live.sum::<u64>());
    }

    fn read_each(&mut self) {
        let mut more_ns = 0;
        self.known.retain(|&pid, last| {
            let Some(now) = stat(pid).and_then(|stat| sum(&stat, &OWN)).map(nanoseconds) else {
                return false;
            };
            // One that has just been found begins with 0 more.
            more_ns += now.saturating_sub(*last);
            *last = now;
            true
        });
        self.total_ns += more_ns;
    }
}

/// The number of this process in /proc.
fn own() -> Option<u32> {
    let own = fs::read_link("/proc/self").ok()?;
    own.to_str()?.parse().ok()
}

/// Those of the processes that descend from `root`, but for `aside`.
fn descendants(root: u32, aside: u32, all: &[u32]) -> HashSet<u32> {
    let parents: Vec<(u32, u32)> = all
        .iter()
        .filter_map(|&pid| Some((pid, field(&stat(pid)?, PARENT)? as u32)))
        .collect();
    let mut found = HashSet::from([root]);
    loop {
        let before = found.len();
        let more = parents.iter().filter(|(_, parent)| found.contains(parent));
        let more: Vec<u32> = more.map(|(pid, _)| *pid).collect();
        found.extend(more);
        if found.len() == before {
            break;
        }
    }
    found.retain(|&pid| pid != root && pid != aside);
    found
}

/// None where there is no list.
fn numbers(listed: io::Result<Vec<NonZeroU32>>) -> Vec<u32> {
    let listed = listed.unwrap_or_default().into_iter();
    listed.map(NonZeroU32::get).collect()
}

/// Those of the processes that have such a file in their memory.
fn with_files(listed: io::Result<Vec<NonZeroU32>>, inodes: &[u64]) -> Vec<u32> {
    let mut found = numbers(listed);
    found.retain(|&pid| has_mapped(pid, inodes));
    found
}

fn has_mapped(pid: u32, inodes: &[u64]) -> bool {
    let Ok(maps) = fs::read(format!("/proc/{pid}/maps")) else {
        return false;
    };
    let maps = String::from_utf8_lossy(&maps);
    inodes.iter().any(|&inode| is_mapped(&maps, inode))
}

fn stat(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// A field of /proc/PID/stat after the name, which may have any characters in it.
fn field(stat: &str, index: usize) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(index)?.parse().ok()
}

fn sum(stat: &str, fields: &[usize]) -> Option<u64> {
    fields.iter().map(|&index| field(stat, index)).sum()
}

fn nanoseconds(ticks: u64) -> u64 {
    ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::collections::VecDeque;
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use super::*;

    /// A child that uses the CPU until its input ends, and the inode number of its file.
    ///
    /// It is started before its file is in its memory: the kernel lets a parent go on while the child
    /// still has that of this process, or none.
    fn busy() -> (std::process::Child, u64) {
        let script = "while ! read -t 0 line; do :; done";
        let mut command = Command::new("bash");
        command.args(["-c", script]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let file_of = |process: &str| {
            let file = fs::metadata(format!("/proc/{process}/exe")).unwrap();
            std::os::unix::fs::MetadataExt::ino(&file)
        };
        let (own, pid) = (file_of("self"), child.id().to_string());
        loop {
            let inode = file_of(&pid);
            if inode != own && has_mapped(child.id(), &[inode]) {
                return (child, inode);
            }
            assert_eq!(child.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it grows, which fails by never ending.
    fn grows(cpu: &mut TargetCpu) {
        let first = cpu.read();
        while cpu.read() <= first {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn the_time_of_a_process_of_descendants_and_of_a_file_grows_while_they_run() {
        let (mut child, inode) = busy();
        let pid = NonZeroU32::new(child.id()).unwrap();
        let process = Arc::new(Process::open(pid).unwrap());
        grows(&mut TargetCpu::of_process(process));
        let root = own().unwrap();
        grows(&mut TargetCpu::of(Target::Descendants { root, aside: 0 }));
        let aside = Target::Descendants {
            root,
            aside: child.id(),
        };
        let mut aside = TargetCpu::of(aside);
        aside.search();
        assert!(!aside.known.contains_key(&child.id()));
        grows(&mut TargetCpu::of_files(move || vec![inode]));
        let mut nobody = TargetCpu::of_files(|| vec![u64::MAX]);
        assert_eq!((nobody.read(), nobody.known.len()), (0, 0));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    /// A kernel that counts what it is told.
    #[derive(Debug, Default)]
    struct Kernel {
        used_ns: VecDeque<u64>,
        added: Arc<Mutex<Vec<u32>>>,
    }

    impl KernelCpu for Kernel {
        fn used_ns(&mut self) -> u64 {
            self.used_ns.pop_front().unwrap_or(0)
        }

        fn add(&mut self, processes: &[u32]) {
            self.added.lock().unwrap().extend(processes);
        }
    }

    #[test]
    fn the_kernel_is_told_which_processes_have_a_file_and_its_time_never_falls() {
        let (mut child, inode) = busy();
        let added = Arc::new(Mutex::new(Vec::new()));
        let kernel = Kernel {
            used_ns: [7, 5, 9].into(),
            added: added.clone(),
        };
        let mut cpu = TargetCpu::counted_of_files(kernel, move || vec![inode]);
        let times: Vec<u64> = (0..4).map(|_| cpu.read()).collect();
        assert_eq!(times, [7, 7, 9, 9]);
        assert!(added.lock().unwrap().contains(&child.id()));
        let mut command = TargetCpu::counted(Kernel {
            used_ns: [3].into(),
            added: added.clone(),
        });
        let found = added.lock().unwrap().len();
        assert_eq!((command.read(), added.lock().unwrap().len()), (3, found));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn fields_are_counted_after_the_name() {
        let stat = "7 (a) b) R 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        assert_eq!(field(stat, PARENT), Some(3));
        assert_eq!(sum(stat, &OWN), Some(13 + 14));
        assert_eq!(sum(stat, &OF_CHILDREN), Some(15 + 16));
        assert_eq!(field("", PARENT), None);
    }
}
