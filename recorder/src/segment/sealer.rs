//! The thread that seals closed journals and deletes old segments, so that appends wait for a seal only when [`QUEUE`]
//! journals wait already. A seal that failed by an error of the system (a full disk) is tried
//! again later; its journal is kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use soakbox_schemas::recording::JournalName;

use super::activity::ActivityCounters;
use super::deletion::Retention;
use super::error::SegmentError;
use super::seal::{Sealed, seal};
use super::summary::Summary;
use crate::clock::{ClockPair, Stopwatch, Timer};
use crate::memory;

/// Closed journals that may wait.
const QUEUE: usize = 8;
/// Time after which a failed seal is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What deletes segments: the sealing thread, and the writing one when the disk is full.
pub(crate) type SharedRetention = Arc<Mutex<Retention>>;

pub(crate) fn lock(retention: &SharedRetention) -> MutexGuard<'_, Retention> {
    retention.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A closed journal.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) name: JournalName,
    pub(crate) summary: Summary,
}

/// What the thread is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Seal a journal.
    Seal(Job),
    /// Delete the segments that are due at this moment.
    Delete(ClockPair),
}

/// The sealing thread, and the channel of closed journals to it.
#[derive(Debug)]
pub(crate) struct Sealer {
    jobs: Option<Sender<Request>>,
    thread: Option<JoinHandle<Result<(), SegmentError>>>,
    failure: Arc<Mutex<Option<SegmentError>>>,
}

impl Sealer {
    /// Starts the thread for the recording at `root`.
    pub(crate) fn start(
        root: &Path,
        counters: Arc<ActivityCounters>,
        retention: SharedRetention,
    ) -> Result<Self, SegmentError> {
        let (jobs, queue) = crossbeam_channel::bounded(QUEUE);
        let failure = Arc::new(Mutex::new(None));
        let worker = Worker {
            root: root.to_owned(),
            counters,
            retention,
            failure: failure.clone(),
            retries: Vec::new(),
            retry_at: None,
            refused: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("soakbox-seal".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(|error| SegmentError::io("start the sealing thread for", root, error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            failure,
        })
    }

    /// A handle for one writer.
    pub(crate) fn handle(&self) -> Result<Sender<Request>, SegmentError> {
        self.jobs.clone().ok_or(SegmentError::SealerStopped)
    }

    /// The last failure of a seal since this was last called.
    pub(crate) fn take_failure(&self) -> Option<SegmentError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// Waits until every journal sent is sealed. The writers' handles must be dropped before.
    pub(crate) fn finish(mut self) -> Result<(), SegmentError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), SegmentError> {
        self.jobs = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(SegmentError::SealerStopped),
            None => Ok(()),
        }
    }
}

impl Drop for Sealer {
    /// Nothing may be sealed after the lock is released.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

struct Worker {
    root: PathBuf,
    counters: Arc<ActivityCounters>,
    retention: SharedRetention,
    failure: Arc<Mutex<Option<SegmentError>>>,
    /// Failed by an error of the system: tried again.
    retries: Vec<Job>,
    /// When `retries` are tried again; `None` where it is empty.
    retry_at: Option<Timer>,
    /// Failed for another reason: tried once more at the end, then left to recovery.
    refused: Vec<Job>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Request>) -> Result<(), SegmentError> {
        loop {
            let next = match self.retry_at {
                None => queue.recv().map_err(RecvTimeoutError::from),
                Some(at) => queue.recv_timeout(at.remaining()),
            };
            match next {
                Ok(Request::Seal(job)) => self.seal(job),
                Ok(Request::Delete(now)) => {
                    if let Err(error) = lock(&self.retention).apply(now) {
                        self.report(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.retry_at.is_some_and(Timer::is_over) {
                self.retry();
            }
        }
        self.retries.append(&mut self.refused);
        self.retry();
        if self.retries.is_empty() && self.refused.is_empty() {
            return Ok(());
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        Err(failure.take().unwrap_or(SegmentError::SealerStopped))
    }

    fn retry(&mut self) {
        self.retry_at = None;
        for job in std::mem::take(&mut self.retries) {
            self.seal(job);
        }
    }

    fn seal(&mut self, job: Job) {
        let started = Stopwatch::start();
        match self.seal_with_room(&job) {
            Ok(Sealed::Segment(segment)) => {
                self.counters.wrote(segment.bytes);
                self.counters.sealed(started.elapsed(), 1);
            }
            Ok(Sealed::Empty { .. }) => self.counters.sealed(started.elapsed(), 0),
            Err(error) => {
                self.counters.seal_failed(started.elapsed());
                if matches!(error, SegmentError::Io { .. }) {
                    self.retries.push(job);
                    self.retry_at.get_or_insert_with(|| Timer::after(RETRY));
                } else {
                    self.refused.push(job);
                }
                self.report(error);
            }
        }
        memory::give_back();
    }

    /// Seals; where the disk is full and the oldest segments may be deleted, once more after that.
    fn seal_with_room(&self, job: &Job) -> Result<Sealed, SegmentError> {
        let attempt = || seal(&self.root, &job.name, Some(&job.summary));
        match attempt() {
            Err(error) if error.is_disk_full() => {
                let journal = std::fs::metadata(job.name.path(&self.root));
                // A segment is smaller than its journal.
                let wanted = journal.map_or(0, |journal| journal.len());
                let mut retention = lock(&self.retention);
                if retention.is_spared() && retention.make_room(wanted)? {
                    attempt()
                } else {
                    Err(error)
                }
            }
            sealed => sealed,
        }
    }

    fn report(&self, error: SegmentError) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}
