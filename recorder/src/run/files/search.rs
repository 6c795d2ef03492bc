//! Resolves the probes again in files that have taken the places of observed ones. That takes too long for
//! the thread that watches the files, so that it is done on a thread of its own, for which nobody waits at
//! the end.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, TryRecvError, bounded};

use crate::clock::Timer;
use crate::memory;
use crate::message;
use crate::plan::{Again, Resolution};
use crate::run::event::Event;

/// After this time the person is told that a search lasts.
const LONG: Duration = Duration::from_secs(60);

/// One search at a time.
pub(super) struct Search {
    done: Arc<Event>,
    running: Option<Running>,
}

struct Running {
    result: Receiver<Result<Resolution, String>>,
    is_long: Option<Timer>,
}

impl Search {
    /// # Errors
    /// Where no descriptor can be created.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            done: Arc::new(Event::new()?),
            running: None,
        })
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Readable when a search is over.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// Starts a search.
    pub(super) fn start(&mut self, again: Again) {
        let (sender, result) = bounded(1);
        let done = self.done.clone();
        let thread = thread::Builder::new().name("soakbox-search".into());
        let started = thread.spawn(move || {
            let _done = done.set_on_drop();
            let resolved = again.resolve();
            memory::give_back();
            let _ = sender.send(Ok(resolved));
        });
        // Where no thread can be started, it is tried again.
        self.running = started.is_ok().then(|| Running {
            result,
            is_long: Some(Timer::after(LONG)),
        });
    }

    /// The result, once there is one.
    pub(super) fn finished(&mut self) -> Option<Result<Resolution, String>> {
        // Before the look: it is set again after what is sent later.
        self.done.clear();
        let running = self.running.as_mut()?;
        match running.result.try_recv() {
            Ok(resolved) => {
                self.running = None;
                Some(resolved)
            }
            Err(TryRecvError::Disconnected) => {
                self.running = None;
                Some(Err("its analysis failed".to_owned()))
            }
            Err(TryRecvError::Empty) => {
                if running
                    .is_long
                    .as_ref()
                    .is_some_and(|timer| timer.is_over())
                {
                    running.is_long = None;
                    message::line(format_args!(
                        "warning: reading the files that were replaced takes more than {} s; hint: does their disk hang?",
                        LONG.as_secs()
                    ));
                }
                None
            }
        }
    }
}
