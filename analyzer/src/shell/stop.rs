//! Signals that stop a query which no shell runs: it ends in order, without its temporary files. A
//! second signal ends the program at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use soakbox_cli::{Failure, Result, plain_io_error};

/// The signals, with their names.
const SIGNALS: [(i32, &str); 2] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")];
/// What a shell adds to the number of a signal that ended a program.
const EXIT_OF_SIGNALS: u8 = 128;

/// Whether a signal arrived.
pub(crate) struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Waits for signals from now on.
    ///
    /// # Errors
    /// Where the kernel refuses it.
    pub(crate) fn at_signals() -> Result<Self> {
        let failed = |error: io::Error| Failure::new("signals", plain_io_error(&error));
        let number = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(AtomicBool::new(false));
        for (signal, _) in SIGNALS {
            flag::register_conditional_default(signal, is_second.clone()).map_err(failed)?;
            flag::register(signal, is_second.clone()).map_err(failed)?;
            flag::register_usize(signal, number.clone(), signal as usize).map_err(failed)?;
        }
        Ok(Self(number))
    }

    /// Whether none arrived.
    pub(crate) fn goes_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// The failure of what was stopped.
    pub(crate) fn failure(&self) -> Failure {
        let number = self.0.load(Ordering::Relaxed);
        let signal = SIGNALS
            .iter()
            .find(|(signal, _)| *signal as usize == number);
        let (signal, name) = signal.copied().unwrap_or(SIGNALS[0]);
        let status =
            u8::try_from(signal).map_or(EXIT_OF_SIGNALS, |signal| EXIT_OF_SIGNALS + signal);
        Failure::new("query", format_args!("stopped by {name}")).with_status(status)
    }
}
