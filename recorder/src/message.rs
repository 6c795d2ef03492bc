//! The recorder's messages to the person at the terminal or the log, as text or as JSON, and the
//! status line of a terminal.

mod stderr;

use std::fmt;
use std::io::IsTerminal;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use soakbox_cli::{Program, escaped, escaped_json};

use crate::clock::{Clock, SystemClock};

/// The recorder, with the prefix of its messages.
pub const PROGRAM: Program = Program {
    prefix: "soakbox-recorder: ",
};

/// Longest wait until a message can be written.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The form of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text each.
    #[default]
    Text,
    /// A JSON object in a line each, with the keys `at`, `level` and `message`.
    Json,
}

impl LogFormat {
    /// The format with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

static IS_JSON: AtomicBool = AtomicBool::new(false);
/// The status line that is on the terminal. It is locked while anything is written.
static STATUS: Mutex<Option<String>> = Mutex::new(None);

/// Where messages go instead of stderr.
static ELSEWHERE: OnceLock<Elsewhere> = OnceLock::new();

/// Passes a message on; `false` where it cannot.
type Elsewhere = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Has all further messages of this process passed on, for good: another process shows them.
pub fn pass_on(elsewhere: Elsewhere) {
    let _ = ELSEWHERE.set(elsewhere);
}

/// Chooses the form of all further messages.
pub fn set_format(format: LogFormat) {
    stderr::prepare();
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// What messages are written to, where that is not stderr itself: a process must not close it that writes
/// some.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    stderr::descriptor()
}

/// Whether messages are JSON.
pub fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Writes one line to stderr. Where that is closed, full or stopped, the recording goes on.
pub fn line(text: fmt::Arguments<'_>) {
    if ELSEWHERE
        .get()
        .is_some_and(|pass_on| pass_on(&text.to_string()))
    {
        return;
    }
    let status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    if is_json() {
        let text = text.to_string();
        match text.strip_prefix("warning: ") {
            Some(warning) => write_json("warning", warning),
            None => write_json("info", &text),
        }
        return;
    }
    let text = format!("{}{text}", PROGRAM.prefix);
    let text = escaped(&text);
    match &*status {
        Some(status) => write(&format!("\r\u{1b}[K{text}\n{status}")),
        None => write(&format!("{text}\n")),
    }
}

/// Writes an error in the form of the other messages.
pub fn error(text: &str) {
    write_json("error", text);
}

/// Shows `text` as the last line of the terminal, in place of the one before; `None` removes it.
pub fn status(text: Option<&str>) {
    let mut status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    if status.is_none() && text.is_none() {
        return;
    }
    let shown = text.map(|text| escaped(text).chars().take(width()).collect::<String>());
    let line = shown.as_deref().unwrap_or_default();
    stderr::write_if_free(&format!("\r{line}\u{1b}[K"));
    *status = shown;
}

/// Whether a status line can be shown: on a terminal that knows how to, in the foreground.
pub fn shows_status() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let stderr = std::io::stderr();
    let foreground = || rustix::termios::tcgetpgrp(&stderr).ok();
    stderr.is_terminal()
        && !is_dumb
        && !is_json()
        && foreground() == Some(rustix::process::getpgrp())
}

/// Columns that a line may have, one less than the terminal: it never wraps.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let columns = size.map_or(80, |size| usize::from(size.ws_col));
    if columns > 1 { columns - 1 } else { 79 }
}

#[derive(Serialize)]
struct JsonMessage<'a> {
    at: String,
    level: &'a str,
    message: &'a str,
}

fn write_json(level: &str, text: &str) {
    let utc_ns = SystemClock.now().utc_ns.max(0).unsigned_abs();
    let at = UNIX_EPOCH + Duration::from_nanos(utc_ns);
    let message = JsonMessage {
        at: humantime::format_rfc3339_millis(at).to_string(),
        level,
        message: text,
    };
    if let Ok(document) = serde_json::to_string(&message) {
        write(&format!("{}\n", escaped_json(&document)));
    }
}

fn write(text: &str) {
    stderr::write(text, LONGEST_WAIT);
}
