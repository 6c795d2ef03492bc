//! Waits for the end of a recording: a request, the end of the observed process, the duration, or a
//! thread that failed.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Pid;

use super::attacher::Attacher;
use super::command::{self, Command};
use super::event::{Event, is_readable, wait_for};
use super::exits::Exits;
use crate::clock::Clock;
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};
use crate::process::Process;

/// Why a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A signal asked for it.
    Requested,
    /// The duration is over.
    Duration,
    /// The observed process ended.
    Process(u32),
    /// No process runs the observed files any more (`--until-exit`), and has not for this time.
    NoProcess(Duration),
    /// The command ended.
    Command {
        /// How, in words.
        status: String,
        /// Whether its exit status was 0.
        success: bool,
    },
    /// A thread of the recorder ended; its own result tells why.
    ThreadEnded,
}

/// Waits for the end of one recording.
pub(super) struct Supervisor {
    subject: Subject,
    /// Whose end it waits for as well.
    exits: Option<Exits>,
    /// How the command ended, where its descendants are waited for.
    command_ended: Option<Ending>,
    /// ns of the boot clock.
    deadline_ns: Option<u64>,
    clock: Arc<dyn Clock>,
}

/// The observed subject, whose end ends the recording.
enum Subject {
    Files,
    Process(Arc<Process>),
    Command(Command),
}

impl Supervisor {
    /// For a recording that has not begun: the command is not started yet.
    pub(super) fn new(plan: &RecordPlan, clock: Arc<dyn Clock>) -> Self {
        let subject = match &plan.processes {
            ProcessFilter::All | ProcessFilter::Command(_) => Subject::Files,
            ProcessFilter::Process(process) => Subject::Process(process.clone()),
        };
        Self {
            subject,
            exits: None,
            command_ended: None,
            deadline_ns: None,
            clock,
        }
    }

    /// Finds the processes whose end `plan` asks to wait for; `attacher` knows them.
    ///
    /// # Errors
    /// Where none runs.
    pub(super) fn find(&mut self, plan: &RecordPlan, attacher: &Arc<Attacher>) -> Result<()> {
        self.exits = Exits::new(plan, attacher)?;
        Ok(())
    }

    /// Begins the recording: starts the command, where there is one, and then its duration.
    ///
    /// # Errors
    /// Where the command cannot be started.
    pub(super) fn start(&mut self, plan: &RecordPlan) -> Result<()> {
        if let ProcessFilter::Command(words) = &plan.processes {
            self.subject = Subject::Command(Command::start(words)?);
        }
        let now_ns = self.clock.now().boot_ns;
        let duration = plan.duration.map(nanoseconds);
        self.deadline_ns = duration.map(|duration| now_ns.saturating_add(duration));
        Ok(())
    }

    /// The command, once it is started.
    pub(super) fn command(&self) -> Option<&Command> {
        match &self.subject {
            Subject::Command(command) => Some(command),
            _ => None,
        }
    }

    /// Waits until the recording ends, by `stop` or another reason, or until `ticked` is set.
    /// Returns why it ends, if it does. `ended` is set where a thread has ended.
    pub(super) fn wait(&mut self, stop: &Event, ticked: &Event, ended: &Event) -> Option<Ending> {
        let mut watched = vec![stop.as_fd(), ticked.as_fd(), ended.as_fd()];
        match &self.subject {
            Subject::Process(process) => watched.push(process.as_fd()),
            Subject::Command(command) if self.command_ended.is_none() => {
                watched.push(command.as_fd());
            }
            Subject::Command(_) | Subject::Files => {}
        }
        watched.extend(self.exits.as_ref().and_then(Exits::descriptor));
        let now_ns = self.clock.now().boot_ns;
        let remaining = self
            .deadline_ns
            .map(|deadline| Duration::from_nanos(deadline.saturating_sub(now_ns)));
        let until_look = self.exits.as_ref().and_then(Exits::longest_wait);
        wait_for(&watched, remaining.into_iter().chain(until_look).min());
        // The observed subject is checked first: its end may have caused the others.
        if let Some(ending) = self.subject_ended() {
            return Some(ending);
        }
        if ended.is_set() {
            return Some(Ending::ThreadEnded);
        }
        if stop.is_set() {
            return Some(Ending::Requested);
        }
        let now_ns = self.clock.now().boot_ns;
        self.deadline_ns
            .is_some_and(|deadline| now_ns >= deadline)
            .then_some(Ending::Duration)
    }

    fn subject_ended(&mut self) -> Option<Ending> {
        match &self.subject {
            Subject::Process(process) => {
                is_readable(process).then(|| Ending::Process(process.pid().get()))
            }
            Subject::Files => {
                let exits = self.exits.as_ref()?;
                if !exits.all_ended() {
                    return None;
                }
                message::line(format_args!(
                    "no process runs the observed files any more: ending the recording"
                ));
                Some(Ending::NoProcess(exits.waited()))
            }
            Subject::Command(command) => {
                if self.command_ended.is_none() {
                    self.command_ended = Some(ended(command)?);
                    self.report_wait();
                }
                let exits = self.exits.as_ref();
                let all_ended = exits.is_none_or(Exits::all_ended);
                all_ended.then(|| self.command_ended.clone())?
            }
        }
    }

    /// Reports that the command has ended and its descendants have not, where they are waited for.
    fn report_wait(&mut self) {
        if let Some(Ending::Command { status, .. }) = &self.command_ended
            && let Some(exits) = &self.exits
            && !exits.all_ended()
        {
            message::line(format_args!(
                "the command ended with {status}; recording until its descendants have ended"
            ));
        }
    }

    /// The command, where it still runs.
    pub(super) fn running_command(&self) -> Option<Pid> {
        self.command()
            .filter(|command| !is_readable(command))
            .map(Command::pid)
    }
}

/// How the command ended, if it has.
fn ended(command: &Command) -> Option<Ending> {
    if !is_readable(command) {
        return None;
    }
    Some(match command.try_wait() {
        Ok(Some(status)) => Ending::Command {
            status: command::describe(&status),
            success: status.exit_status() == Some(0),
        },
        // It has ended, but its status went elsewhere: SIGCHLD is ignored, or there is a debugger.
        Ok(None) | Err(_) => Ending::Command {
            status: "unknown status".to_owned(),
            success: false,
        },
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
