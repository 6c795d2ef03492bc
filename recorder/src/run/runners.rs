//! Whether a process runs an observed file, for `--until-exit`, in the process that attaches: it may
//! read the memory maps of others. Holds one such process at a time, so that nothing has to be
//! searched while it runs. Never signals a process.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::event::{Event, is_readable, wait_for};
use super::observed::Observed;
use super::reports::Reports;
use super::wire::Told;
use crate::clock::Timer;
use crate::message;
use crate::plan::RecordPlan;
use crate::process::{MappedFile, Process, all_numbers};

/// Time between two searches while no observed process is known to run.
const BETWEEN_SEARCHES: Duration = Duration::from_millis(100);
/// How often it is checked that the known process still runs the file: an exec ends that.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

/// The processes that run one of the files.
pub(super) struct Runners {
    observed: Observed,
    /// Those files, as they were after this number of changes.
    files: Vec<MappedFile>,
    changes: u64,
    /// One of them, as far as is known.
    known: Option<Process>,
    /// How long none may run.
    patience: Duration,
    /// When that is over, while none runs.
    gives_up: Option<Timer>,
    /// When the next one is searched for, or the known one is checked.
    next_look: Timer,
}

/// The thread that waits for their end, until it is dropped.
pub(super) struct RunnersWatch {
    over: Arc<Event>,
    thread: Option<JoinHandle<()>>,
}

impl RunnersWatch {
    /// Starts it; it tells when none runs any more.
    ///
    /// # Errors
    /// Where no thread or descriptor can be created.
    pub(super) fn start(mut runners: Runners, reports: Reports) -> Result<Self> {
        let over = Arc::new(Event::new()?);
        let thread = thread::Builder::new().name("soakbox-exits".into());
        let thread = {
            let over = over.clone();
            thread.spawn(move || {
                while !over.is_set() {
                    let mut watched = vec![over.as_fd()];
                    watched.extend(runners.known.as_ref().map(AsFd::as_fd));
                    wait_for(&watched, Some(runners.next_look.remaining()));
                    if runners.all_ended() {
                        reports.tell(Told::NoneRuns);
                        break;
                    }
                }
            })?
        };
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for RunnersWatch {
    fn drop(&mut self) {
        self.over.set();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Runners {
    pub(super) fn find(plan: &RecordPlan, observed: &Observed, patience: Duration) -> Result<Self> {
        let mut runners = Self::of(observed.clone(), patience);
        let hidden = runners.search().context(HINT_PROC)?;
        if runners.known.is_none() {
            let paths = plan.files.iter().map(|file| file.typed_path.display());
            let paths: Vec<String> = paths.map(|path| path.to_string()).collect();
            let unknown = match hidden {
                0 => String::new(),
                hidden => format!(" (processes whose memory cannot be read: {hidden})"),
            };
            bail!(
                "no process runs {}{unknown}, and --until-exit ends when none does; hint: start it before the recorder, or have the recorder start it (record … -- COMMAND)",
                paths.join(" or ")
            );
        }
        if hidden > 0 {
            message::line(format_args!(
                "warning: --until-exit does not wait for processes whose memory cannot be read ({hidden} here); hint: run as root, or with CAP_SYS_PTRACE"
            ));
        }
        Ok(runners)
    }

    fn of(observed: Observed, patience: Duration) -> Self {
        Self {
            observed,
            files: Vec::new(),
            changes: 0,
            known: None,
            patience,
            gives_up: None,
            next_look: Timer::after(BETWEEN_CHECKS),
        }
    }

    /// Looks for a process that runs one of the files. Returns how many before it cannot be read.
    fn search(&mut self) -> std::io::Result<usize> {
        if let Some((files, changes)) = self.observed.changed(self.changes) {
            let files = files.iter().map(|file| MappedFile::of(file.file()));
            self.files = files.collect::<std::io::Result<_>>()?;
            self.changes = changes;
        }
        let mut hidden = 0;
        for pid in all_numbers()? {
            // Opened before its memory is read: by then the number may be another process's.
            let Ok(process) = Process::open(pid) else {
                continue;
            };
            match process.has_any(&self.files) {
                Ok(true) => {
                    self.known = Some(process);
                    break;
                }
                Ok(false) => {}
                Err(_) => hidden += 1,
            }
        }
        Ok(hidden)
    }

    /// Whether none has run for as long as the plan asks.
    fn all_ended(&mut self) -> bool {
        let is_due = self.next_look.is_over();
        if let Some(known) = &self.known
            && !is_readable(known)
        {
            if !is_due || known.has_any(&self.files).unwrap_or(true) {
                if is_due {
                    self.next_look = Timer::after(BETWEEN_CHECKS);
                }
                return false;
            }
        } else if self.known.is_none() && !is_due {
            return false;
        }
        self.known = None;
        // Where /proc cannot be read any more, none is found.
        let _ = self.search();
        // What runs a file that is not observed yet may be found when it is.
        if self.known.is_some() || self.observed.will_change() {
            self.next_look = Timer::after(match self.known {
                Some(_) => BETWEEN_CHECKS,
                None => BETWEEN_SEARCHES,
            });
            self.gives_up = None;
            return false;
        }
        let patience = self.patience;
        let gives_up = self.gives_up.get_or_insert_with(|| Timer::after(patience));
        let is_over = gives_up.is_over();
        if !is_over {
            // The last look is at the end of the wait.
            self.next_look = Timer::after(BETWEEN_SEARCHES.min(gives_up.remaining()));
        }
        is_over
    }
}

const HINT_PROC: &str = "--until-exit cannot find the processes; hint: it needs /proc of the recorder's own PID namespace";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::binary::Binary;

    #[test]
    fn a_process_that_executes_another_program_is_waited_for_no_longer() {
        let directory = tempfile::tempdir().unwrap();
        let shell = directory.path().join("shell");
        let copied = Command::new("cp").arg("/bin/sh").arg(&shell).status();
        assert!(copied.unwrap().success());
        let (file, _) = Binary::open(shell.clone()).unwrap();
        let observed = Observed::default();
        observed.add(&Arc::new(file));
        let mut child = Command::new(&shell)
            .args(["-c", "echo; read line; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It runs once it answers: before, its file may not be in its memory yet.
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0]).unwrap();
        let mut runners = Runners::of(observed, Duration::from_millis(1));
        runners.search().unwrap();
        let known = runners.known.as_ref().unwrap().pid();
        assert_eq!(known.get(), child.id());
        let look = |runners: &mut Runners| {
            std::thread::sleep(Duration::from_millis(20));
            runners.next_look = Timer::after(Duration::ZERO);
            runners.all_ended()
        };
        assert!(!look(&mut runners));
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"go\n").unwrap();
        // It is `cat` now, and waits for its input.
        let ended = (0..500).any(|_| look(&mut runners));
        assert!(ended && runners.known.is_none());
        assert!(child.try_wait().unwrap().is_none());
        drop(input);
        child.wait().unwrap();
    }
}
