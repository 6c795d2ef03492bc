//! The thread that owns the recording's files: appends rows, flushes each interval, rotates, and
//! seals at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use soakbox_schemas::tables::Table;

use super::event::Event;
use super::outbox::Message;
use super::room::DiskRoom;
use crate::clock::{Clock, Timer};
use crate::message;
use crate::plan::{Room, WhenFull};
use crate::segment::RecordingWriter;

/// Rows that were written, by table.
pub(super) type RowCounts = HashMap<Table, u64>;

/// How rows are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteSettings {
    /// Longest time that rows exist only in memory.
    pub(super) flush_interval: Duration,
    /// Room on the disk.
    pub(super) room: Room,
}

/// The writing thread, until it is finished or dropped. It owns the files from the start and writes
/// nothing before [`WriteGate::open`], so that a start that fails elsewhere leaves nothing.
pub(super) struct WriterThread {
    thread: Option<JoinHandle<Result<RowCounts>>>,
}

/// Holds back the writing until it is opened. Dropped unopened, it ends the thread with nothing
/// written.
pub(super) struct WriteGate(Sender<()>);

impl WriteGate {
    /// From now on everything that is sent is written.
    pub(super) fn open(self) {
        // Where the thread has ended, its result tells why.
        let _ = self.0.send(());
    }
}

impl WriterThread {
    /// Starts the thread; `ended` is set when it ends, for whatever reason. Where `rotate` is set,
    /// the open files are sealed within half a flush interval.
    ///
    /// # Errors
    /// Where no thread can be created.
    pub(super) fn start(
        writer: RecordingWriter,
        receiver: Receiver<Message>,
        settings: WriteSettings,
        clock: Arc<dyn Clock>,
        ended: &Arc<Event>,
        rotate: Arc<AtomicBool>,
    ) -> Result<(Self, WriteGate)> {
        let (gate, opened) = bounded(1);
        let ended = ended.clone();
        let thread = thread::Builder::new()
            .name("soakbox-write".into())
            .spawn(move || {
                let _ended = ended.set_on_drop();
                match opened.recv() {
                    Ok(()) => write(writer, &receiver, settings, &*clock, &rotate),
                    Err(_) => Ok(RowCounts::default()),
                }
            })?;
        let thread = Some(thread);
        Ok((Self { thread }, WriteGate(gate)))
    }

    /// Waits until everything is sealed. Every sender must be gone.
    ///
    /// # Errors
    /// The first failure to write. Every row that was written by then is in the recording, sealed
    /// or in journals.
    pub(super) fn finish(mut self) -> Result<RowCounts> {
        self.join()
    }

    fn join(&mut self) -> Result<RowCounts> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(anyhow::anyhow!("the writing thread panicked")),
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.join();
        }
    }
}

/// Runs until every sender is gone, then seals.
fn write(
    mut writer: RecordingWriter,
    receiver: &Receiver<Message>,
    settings: WriteSettings,
    clock: &dyn Clock,
    rotate: &AtomicBool,
) -> Result<RowCounts> {
    let mut counts = RowCounts::default();
    if settings.room.when_full == WhenFull::DropOldest {
        match writer.drop_oldest_when_full() {
            // It is tried again when something was deleted.
            Err(error) if !error.is_disk_full() => return Err(error.into()),
            _ => {}
        }
    }
    let mut room = DiskRoom::new(settings.room, clock.now());
    // Twice an interval, because a row has already waited when it arrives here.
    let period = settings.flush_interval / 2;
    let mut due = Timer::after(period);
    loop {
        match receiver.recv_timeout(due.remaining()) {
            Ok(Message::Rows(rows, now)) => {
                if room.append(&mut writer, &rows, now)? {
                    *counts.entry(rows.0).or_default() += rows.1.num_rows() as u64;
                }
            }
            Ok(Message::Flush(done)) => {
                room.flush(&mut writer, clock.now())?;
                // The thread that waited may be gone.
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if due.is_over() {
            room.flush(&mut writer, clock.now())?;
            let rotated = if rotate.swap(false, Ordering::Relaxed) {
                writer.rotate()
            } else {
                Ok(())
            };
            if let Err(error) = rotated.and_then(|()| writer.tick(clock.now()))
                && !(room.is_paused() && error.is_disk_full())
            {
                // No row is lost by a seal that failed: its journal is kept, and the seal is tried
                // again.
                message::line(format_args!("warning: {error}"));
            }
            due = Timer::after(period);
        }
    }
    room.finish(&mut writer, clock.now())?;
    writer.finish()?;
    Ok(counts)
}
