//! The way to the writing thread: its bounded channel, and how much waited in it at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::message::Message;

/// A sender; its clones share the channel and what is known of its depth.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    sender: Sender<Message>,
    depth_max: Arc<AtomicU64>,
}

/// Why a message stayed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// There is no room at the moment.
    Full,
    /// The writing thread is gone; its result says why.
    Gone,
}

impl Outbox {
    /// With room for so many messages.
    pub(super) fn new(messages: usize) -> (Self, Receiver<Message>) {
        let (sender, receiver) = bounded(messages);
        let depth_max = Arc::default();
        (Self { sender, depth_max }, receiver)
    }

    /// Waits where there is no room.
    ///
    /// # Errors
    /// [`Unsent::Gone`].
    pub(super) fn send(&self, message: Message) -> Result<(), Unsent> {
        let sent = self.sender.send(message);
        self.note_depth();
        sent.map_err(|_| Unsent::Gone)
    }

    /// Waits for nothing.
    ///
    /// # Errors
    /// [`Unsent::Full`] or [`Unsent::Gone`].
    pub(super) fn try_send(&self, message: Message) -> Result<(), Unsent> {
        let sent = self.sender.try_send(message);
        self.note_depth();
        sent.map_err(|error| match error {
            TrySendError::Full(_) => Unsent::Full,
            TrySendError::Disconnected(_) => Unsent::Gone,
        })
    }

    /// Most messages that waited since this was last asked, as each sender saw it after what it sent.
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
    use super::*;

    #[test]
    fn the_depth_is_the_most_that_waited_between_two_looks() {
        let (outbox, receiver) = Outbox::new(3);
        let other = outbox.clone();
        let message = || Message::Metrics(Vec::new());
        assert!(outbox.send(message()).is_ok());
        assert!(other.send(message()).is_ok());
        assert!(other.try_send(message()).is_ok());
        assert_eq!(other.try_send(message()), Err(Unsent::Full));
        assert_eq!(receiver.try_iter().count(), 3);
        assert_eq!(outbox.take_depth_max(), 3, "although nothing waits by now");
        assert_eq!(outbox.take_depth_max(), 0, "counted once");
        assert!(other.send(message()).is_ok());
        assert_eq!(outbox.take_depth_max(), 1);
        assert_eq!(outbox.take_depth_max(), 1, "it still waits");
    }
}
