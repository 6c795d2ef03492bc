//! Whether an observed process still runs, for `--until-exit`: one that runs an observed file, or
//! one of the command's. The process that attaches knows it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::attacher::Attacher;
use super::event::Event;
use crate::message;
use crate::plan::{ProcessFilter, RecordPlan};

/// Time between two questions while the command itself has ended.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// Who is observed, until none of them runs.
pub(super) enum Exits {
    /// Every process that runs one of the files: set when none has done so for this time.
    OfFiles(Arc<Event>, Duration),
    /// The command and its descendants.
    OfCommand(Arc<Attacher>),
}

impl Exits {
    /// What `plan` asks to wait for; `None` where it asks for nothing more than the end of the
    /// process or command.
    ///
    /// # Errors
    /// Where /proc cannot be read, or no process runs the files.
    pub(super) fn new(plan: &RecordPlan, attacher: &Arc<Attacher>) -> Result<Option<Self>> {
        let Some(patience) = plan.until_exit else {
            return Ok(None);
        };
        match plan.processes {
            ProcessFilter::All => {
                attacher.find_runners()?;
                Ok(Some(Self::OfFiles(attacher.none_runs(), patience)))
            }
            ProcessFilter::Command(_) => Ok(Some(Self::OfCommand(attacher.clone()))),
            ProcessFilter::Process(_) => Ok(None),
        }
    }

    /// What to wait for, in addition to the command.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::OfFiles(none_runs, _) => Some(none_runs.as_fd()),
            Self::OfCommand(_) => None,
        }
    }

    /// Longest time until the next question, where one must be asked.
    pub(super) fn longest_wait(&self) -> Option<Duration> {
        match self {
            Self::OfFiles(..) => None,
            Self::OfCommand(_) => Some(BETWEEN_QUESTIONS),
        }
    }

    /// How long no process had run when that was known.
    pub(super) fn waited(&self) -> Duration {
        match self {
            Self::OfFiles(_, patience) => *patience,
            Self::OfCommand(_) => Duration::ZERO,
        }
    }

    /// Whether none of them runs. For the command's processes: once the command itself has ended.
    pub(super) fn all_ended(&self) -> bool {
        match self {
            Self::OfFiles(none_runs, _) => none_runs.is_set(),
            Self::OfCommand(attacher) => match attacher.runs_any() {
                Ok(any) => !any,
                // The command itself has ended, so that this is no reason to go on for ever.
                Err(error) => {
                    message::line(format_args!("warning: {error}"));
                    true
                }
            },
        }
    }
}
