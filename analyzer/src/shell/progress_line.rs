//! A line on a terminal that shows how far a long query is. It is drawn on stderr, and only there.

use std::io::{self, IsTerminal, Write};

use super::stopwatch::Stopwatch;
use crate::sql::{Progress, Running};

/// A query that ends sooner shows no line.
const LONG_SECONDS: f64 = 1.0;
/// The time between two drawings.
const BETWEEN_SECONDS: f64 = 0.2;
/// Marks of a full bar.
const BAR: usize = 20;
/// Removes the line.
const CLEAR: &[u8] = b"\r\x1b[K";

/// The line of one query.
pub(crate) struct ProgressLine {
    is_wanted: bool,
    is_shown: bool,
    start: Stopwatch,
    drawn: Option<Stopwatch>,
}

impl ProgressLine {
    /// The line of a query that begins.
    pub(crate) fn new() -> Self {
        let is_plain = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
        Self {
            is_wanted: !is_plain && io::stderr().is_terminal(),
            is_shown: false,
            start: Stopwatch::start(),
            drawn: None,
        }
    }

    /// Draws the line, if the query takes long and the last drawing is some time ago.
    pub(crate) fn show(&mut self, query: &Running<'_>) {
        let seconds = self.start.seconds();
        let is_new = self.drawn.as_ref();
        let is_new = is_new.is_some_and(|drawn| drawn.seconds() < BETWEEN_SECONDS);
        if !self.is_wanted || seconds < LONG_SECONDS || is_new {
            return;
        }
        self.clear();
        let line = line(query.progress(), seconds);
        // A terminal that is gone shows nothing.
        let _ = io::stderr().write_all(line.as_bytes());
        self.is_shown = true;
        self.drawn = Some(Stopwatch::start());
    }

    /// Removes the line, before something else is shown.
    pub(crate) fn clear(&mut self) {
        if self.is_shown {
            let _ = io::stderr().write_all(CLEAR);
            self.is_shown = false;
        }
    }

    /// Removes the line for good.
    pub(crate) fn end(&mut self) {
        self.clear();
        self.is_wanted = false;
    }
}

fn line(progress: Progress, seconds: f64) -> String {
    if progress.all == 0 {
        return format!("running for {seconds:.1} s");
    }
    let share = progress.read.min(progress.all) as f64 / progress.all as f64;
    let full = (share * BAR as f64) as usize;
    format!(
        "[{}{}] {:3.0}% of the files read, {seconds:.1} s",
        "=".repeat(full),
        " ".repeat(BAR - full),
        (share * 100.0).floor(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_the_share_of_files() {
        let at = |read, all| line(Progress { read, all }, 2.34);
        assert_eq!(at(0, 0), "running for 2.3 s");
        assert_eq!(
            at(1, 3),
            "[======              ]  33% of the files read, 2.3 s"
        );
        assert_eq!(
            at(3, 3),
            "[====================] 100% of the files read, 2.3 s"
        );
        assert_eq!(at(4, 3), at(3, 3));
    }
}
