//! SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once. SIGHUP asks for an orderly end only,
//! because a terminal that goes can send it twice.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit status after a second signal, as a shell gives it for SIGINT.
const INTERRUPTED: i32 = 130;

/// Whether somebody asked to stop.
#[derive(Clone, Debug)]
pub struct Signals {
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP; the last not where it is ignored, as under `nohup`.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn install() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Registered first, so that it sees the flag as the first signal left it.
            flag::register_conditional_shutdown(signal, INTERRUPTED, asked.clone())?;
            flag::register(signal, asked.clone())?;
            flag::register(signal, stop.clone())?;
        }
        if !hangup_is_ignored()? {
            flag::register(SIGHUP, stop.clone())?;
        }
        Ok(Self { stop })
    }

    /// Whether a signal has come.
    pub fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Whether this process was started to outlive its terminal.
fn hangup_is_ignored() -> io::Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1))
}
