//! The bounded channel to the writing thread, and the largest number of messages that waited in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::clock::ClockPair;
use crate::sample::Rows;
use soakbox_schemas::recording::ObservedFile;

/// A message to the writing thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Rows of one table, made at or before this moment.
    Rows(Rows, ClockPair),
    /// A further file is observed.
    Observes(ObservedFile),
    /// What is kept in memory is to be written, for this reason.
    Trigger(String, ClockPair),
    /// A request to answer once everything that was sent before is written and durable.
    Flush(Sender<()>),
}

/// The sending half; its clones share the channel and its greatest depth.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    sender: Sender<Message>,
    depth_max: Arc<AtomicU64>,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The writing thread has ended; its result tells why.
    Gone,
}

impl Outbox {
    /// A channel with room for `messages`.
    pub(super) fn new(messages: usize) -> (Self, Receiver<Message>) {
        let (sender, receiver) = bounded(messages);
        let depth_max = Arc::default();
        (Self { sender, depth_max }, receiver)
    }

    /// Sends `rows`; blocks while there is no room.
    ///
    /// # Errors
    /// [`Unsent::Gone`].
    pub(super) fn send(&self, rows: Rows, now: ClockPair) -> Result<(), Unsent> {
        let sent = self.sender.send(Message::Rows(rows, now));
        self.note_depth();
        sent.map_err(|_| Unsent::Gone)
    }

    /// Sends messages that somebody else made, as far as there is room; never blocks. Returns those for
    /// which there was none.
    pub(super) fn try_pass_on(&self, messages: Vec<Message>) -> Vec<Message> {
        let sent = messages.into_iter().filter_map(|message| {
            match self.sender.try_send(message) {
                Err(TrySendError::Full(message)) => Some(message),
                // Where the writing thread has ended, its result tells why.
                Ok(()) | Err(TrySendError::Disconnected(_)) => None,
            }
        });
        let left = sent.collect();
        self.note_depth();
        left
    }

    /// The same; blocks while there is no room.
    pub(super) fn pass_on(&self, messages: Vec<Message>) {
        for message in messages {
            let _ = self.sender.send(message);
        }
        self.note_depth();
    }

    /// Asks for what is kept in memory to be written; blocks while there is no room.
    pub(super) fn trigger(&self, text: String, now: ClockPair) {
        // Where the writing thread has ended, its result tells why.
        let _ = self.sender.send(Message::Trigger(text, now));
    }

    /// Waits until everything that was sent is written and durable.
    pub(super) fn flush(&self) {
        let (done, answer) = bounded(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            // No answer: the writing thread has ended, and its result tells why.
            let _ = answer.recv();
        }
    }

    /// Most messages that waited since this was last called, as each sender saw it after its own
    /// message.
    pub(super) fn take_depth_max(&self) -> u64 {
        self.note_depth();
        self.depth_max.swap(0, Ordering::Relaxed)
    }

    fn note_depth(&self) {
        let depth = self.sender.len() as u64;
        self.depth_max.fetch_max(depth, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use soakbox_schemas::tables::{Annotation, Table};

    use super::*;

    #[test]
    fn the_depth_is_the_most_that_waited_since_it_was_last_read() {
        let (outbox, receiver) = Outbox::new(3);
        let other = outbox.clone();
        let rows = || Rows(Table::ANNOTATIONS, Annotation::batch(&[]).unwrap());
        let now = ClockPair::default();
        assert!(outbox.send(rows(), now).is_ok());
        assert!(other.send(rows(), now).is_ok());
        let message = || vec![Message::Rows(rows(), now)];
        assert!(other.try_pass_on(message()).is_empty());
        assert_eq!(other.try_pass_on(message()).len(), 1, "there is no room");
        assert_eq!(receiver.try_iter().count(), 3);
        assert_eq!(outbox.take_depth_max(), 3, "although nothing waits by now");
        assert_eq!(outbox.take_depth_max(), 0, "counted once");
        assert!(other.send(rows(), now).is_ok());
        assert_eq!(outbox.take_depth_max(), 1);
        assert_eq!(outbox.take_depth_max(), 1, "it still waits");
        drop(receiver);
        outbox.flush();
        outbox.pass_on(message());
        assert!(outbox.try_pass_on(message()).is_empty());
        assert_eq!(outbox.send(rows(), now), Err(Unsent::Gone));
    }
}
