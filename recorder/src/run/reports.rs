//! The bounded channel of the attaching process to the recording one, and the thread that empties it.
//! It has room for all that the watch over the files tells, so that no writer of an observed file
//! waits for a recording process that reads nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, TrySendError, bounded};

use super::socket::Socket;
use super::wire::Told;
use crate::fence::{self, Role};

/// Messages that may wait.
const ROOM: usize = 1024;

/// A message with its descriptors; `None` is the last.
type Message = Option<(Told, Vec<OwnedFd>)>;

/// The sending half.
#[derive(Clone, Debug)]
pub(super) struct Reports(Sender<Message>);

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// There is no room at the moment.
    Full,
}

impl Reports {
    /// Starts the thread that sends through `socket`. It ends after [`Self::end`].
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn start(socket: Arc<Socket>) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = bounded::<Message>(ROOM);
        let thread = thread::Builder::new().name("soakbox-reports".into());
        let thread = thread.spawn(move || {
            // It speaks, and does nothing else.
            fence::enter(Role::Record);
            while let Ok(Some((told, descriptors))) = receiver.recv() {
                let descriptors: Vec<_> =
                    descriptors.iter().map(std::os::fd::AsFd::as_fd).collect();
                if socket.send(&told.to_bytes(), &descriptors).is_err() {
                    // Nobody is left to be told: neither process waits for the other one.
                    socket.hang_up();
                }
            }
        })?;
        Ok((Self(sender), thread))
    }

    /// Tells something; waits while there is no room.
    pub(super) fn tell(&self, told: Told) {
        self.tell_with(told, Vec::new());
    }

    /// The same, with descriptors.
    pub(super) fn tell_with(&self, told: Told, descriptors: Vec<OwnedFd>) {
        // Where the thread has ended, so has everything else.
        let _ = self.0.send(Some((told, descriptors)));
    }

    /// Nothing follows.
    pub(super) fn end(&self) {
        let _ = self.0.send(None);
    }

    /// Tells something if there is room; never waits.
    ///
    /// # Errors
    /// [`Unsent::Full`].
    pub(super) fn try_tell(&self, told: Told) -> Result<(), Unsent> {
        match self.0.try_send(Some((told, Vec::new()))) {
            Err(TrySendError::Full(_)) => Err(Unsent::Full),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}
