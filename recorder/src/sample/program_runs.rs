//! What the kernel measured of the recorder's own BPF programs (`--bpf-statistics`): how often they ran,
//! and for how long. The attaching process has the programs; its files in /proc that show them are opened
//! at the start.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use super::proc_file::beginning;
use crate::process::Process;

/// What a descriptor of a program is, as /proc shows it.
const PROGRAM: &str = "anon_inode:bpf-prog";

/// Runs of programs, and their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) number: u64,
    pub(super) ns: u64,
}

/// The programs of a process.
#[derive(Debug)]
pub(super) struct ProgramRuns {
    programs: Vec<File>,
    /// As they were when they were last read: nobody shows them once the process has ended.
    last: Mutex<Runs>,
}

impl ProgramRuns {
    /// Those that `attacher` has loaded; `None` where they are not shown.
    pub(super) fn open(attacher: &Process) -> Option<Self> {
        let numbers = attacher.descriptors_of(PROGRAM)?;
        let open = |number: &u32| attacher.open_file(&format!("fdinfo/{number}"));
        let programs: Vec<File> = numbers.iter().map(open).collect::<Option<_>>()?;
        let runs = Self {
            programs,
            last: Mutex::default(),
        };
        // Shown, and shown with what is asked for.
        (!runs.programs.is_empty() && runs.read().is_some()).then_some(runs)
    }

    /// All runs so far.
    pub(super) fn so_far(&self) -> Runs {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = self.read().unwrap_or(*last);
        *last
    }

    fn read(&self) -> Option<Runs> {
        let mut sum = Runs::default();
        for program in &self.programs {
            let runs = parse(&beginning(program)?)?;
            sum.number += runs.number;
            sum.ns += runs.ns;
        }
        Some(sum)
    }
}

/// The runs in the text of /proc/PID/fdinfo/N of a program.
fn parse(text: &str) -> Option<Runs> {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    };
    Some(Runs {
        number: field("run_cnt:")?,
        ns: field("run_time_ns:")?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn runs_are_read_as_the_kernel_shows_them() {
        let shown = "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t9\nprog_type:\t2\nprog_jited:\t1\n\
                     prog_tag:\t1bd5f0af8ad5c54a\nmemlock:\t4096\nprog_id:\t12\nrun_time_ns:\t84211\n\
                     run_cnt:\t37\nrecursion_misses:\t0\nverified_insns:\t8\n";
        let runs = Runs {
            number: 37,
            ns: 84_211,
        };
        assert_eq!(parse(shown), Some(runs));
        assert_eq!(parse("run_cnt:\t37\n"), None, "before Linux 5.1");
        assert_eq!(parse("run_cnt:\tmany\nrun_time_ns:\t1\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_without_programs_has_none() {
        let own = Process::open(NonZeroU32::new(std::process::id()).unwrap()).unwrap();
        assert!(own.descriptors_of("/dev/null").is_some());
        assert!(ProgramRuns::open(&own).is_none());
    }
}
