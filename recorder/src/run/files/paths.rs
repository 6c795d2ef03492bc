//! The paths of observed files: what each leads to, and how long it has led to something that is not
//! observed.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::{ClockPair, Timer};

/// Time before the second attempt to observe a file that has not changed since the first one. Each
/// further attempt comes after twice the time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these times.
const LAST_PAUSE: Duration = Duration::from_secs(3600);

/// Device and inode number.
pub(in crate::run) type Identity = (u64, u64);

/// An observed path.
pub(super) struct Watched {
    /// As it was typed, made absolute.
    pub(super) typed: PathBuf,
    /// The path of the file that it led to when that was observed, without symbolic links.
    pub(super) real: PathBuf,
    /// That file; `None` where its probes were removed.
    pub(super) file: Option<Identity>,
    /// Its size, bytes, and its build id.
    pub(super) size: u64,
    pub(super) build_id: Option<String>,
    /// The operations that are to be observed in the file at this path.
    pub(super) operations: Vec<u16>,
    pub(super) state: State,
}

/// Whether a path leads to what is observed.
pub(super) enum State {
    /// It does, or to nothing.
    Observed,
    /// Something else is there, which is not observed yet.
    Waiting(Waiting),
    /// Nothing is done about it any more.
    Over,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file that is observed.
    Itself,
    /// Another one, or something that cannot be looked at.
    Other,
    /// Nothing.
    Nothing,
}

/// The wait for a file that can be observed.
pub(super) struct Waiting {
    /// Since when processes may run what is not observed, as far as no gap tells it yet.
    pub(super) since: ClockPair,
    /// The cause of the gap.
    pub(super) cause: &'static str,
    due: Timer,
    pause: Duration,
    /// What was there at the last attempt.
    tried: Option<Stamp>,
    /// Why that failed.
    pub(super) reason: Option<String>,
}

/// What tells a file from another one, and from itself after a change.
type Stamp = (Identity, u64, i64, i64);

impl Watched {
    /// What is at the path now.
    pub(super) fn look(&self) -> Place {
        // One of the two may be gone while the file is not: /proc/PID/exe of a process that ended.
        let found = [&self.typed, &self.real].map(|path| identity_at(path));
        let mut found = found.into_iter().flatten();
        let Some(first) = found.next() else {
            return Place::Nothing;
        };
        match Some(first) == self.file && found.all(|other| other == first) {
            true => Place::Itself,
            false => Place::Other,
        }
    }

    /// Waits for a file that can be observed.
    pub(super) fn wait(&mut self, since: ClockPair, cause: &'static str) {
        self.state = State::Waiting(Waiting {
            since,
            cause,
            due: Timer::after(Duration::ZERO),
            pause: FIRST_PAUSE,
            tried: None,
            reason: None,
        });
    }

    pub(super) fn waiting(&self) -> Option<&Waiting> {
        match &self.state {
            State::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// Whether an attempt is due: at once where the file has changed since the last one.
    pub(super) fn is_due(&mut self) -> bool {
        let State::Waiting(waiting) = &mut self.state else {
            return false;
        };
        if waiting.tried.is_some() && waiting.tried != stamp(&self.typed) {
            waiting.pause = FIRST_PAUSE;
            return true;
        }
        waiting.due.is_over()
    }

    /// Notes that an attempt begins.
    pub(super) fn begin_attempt(&mut self) {
        if let State::Waiting(waiting) = &mut self.state {
            waiting.tried = stamp(&self.typed);
        }
    }

    /// Notes that it failed; returns whether the reason is a new one.
    pub(super) fn fail(&mut self, reason: &str) -> bool {
        let State::Waiting(waiting) = &mut self.state else {
            return false;
        };
        waiting.due = Timer::after(waiting.pause);
        waiting.pause = (waiting.pause * 2).min(LAST_PAUSE);
        let is_new = waiting.reason.as_deref() != Some(reason);
        waiting.reason = Some(reason.to_owned());
        is_new
    }
}

fn identity(data: &Metadata) -> Identity {
    (data.dev(), data.ino())
}

/// What is at a path; an impossible identity where that cannot be known.
pub(in crate::run) fn identity_at(path: &Path) -> Option<Identity> {
    match fs::metadata(path) {
        Ok(data) => Some(identity(&data)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => None,
            _ => Some((u64::MAX, u64::MAX)),
        },
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    Some((identity(&data), data.len(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn watched(path: &Path) -> Watched {
        Watched {
            typed: path.to_owned(),
            real: fs::canonicalize(path).unwrap(),
            file: identity_at(path),
            size: 3,
            build_id: None,
            operations: vec![0],
            state: State::Observed,
        }
    }

    #[test]
    fn a_path_leads_to_the_file_to_another_one_or_to_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let [file, other, link] = ["file", "other", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "one").unwrap();
        fs::write(&other, "two").unwrap();
        symlink(&file, &link).unwrap();
        let by_link = watched(&link);
        let mut directly = watched(&file);
        let look = |directly: &Watched| (by_link.look(), directly.look());
        assert_eq!(look(&directly), (Place::Itself, Place::Itself));
        fs::remove_file(&link).unwrap();
        assert_eq!(look(&directly).0, Place::Itself, "the file is there");
        symlink(&other, &link).unwrap();
        assert_eq!(look(&directly), (Place::Other, Place::Itself));
        directly.file = None;
        assert_eq!(
            look(&directly).1,
            Place::Other,
            "it is not observed any more"
        );
        fs::remove_file(&file).unwrap();
        assert_eq!(look(&directly).1, Place::Nothing);
        symlink(&file, &file).unwrap();
        assert_eq!(look(&directly).1, Place::Other, "a loop of links");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(look(&directly).1, Place::Other);
    }

    #[test]
    fn an_attempt_is_due_at_first_after_longer_and_longer_times_and_after_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "one").unwrap();
        let mut watched = watched(&file);
        assert!(!watched.is_due());
        watched.wait(ClockPair::default(), "file replaced");
        assert!(watched.is_due());
        let mut news = Vec::new();
        for reason in ["no", "no", "never"] {
            watched.begin_attempt();
            news.push(watched.fail(reason));
            assert!(!watched.is_due(), "{reason}");
        }
        assert_eq!(news, [true, false, true]);
        for _ in 0..40 {
            watched.fail("never");
        }
        assert_eq!(watched.waiting().unwrap().pause, LAST_PAUSE);
        fs::write(&file, "longer").unwrap();
        assert!(watched.is_due());
        watched.begin_attempt();
        assert!(watched.is_due() || watched.waiting().unwrap().pause == FIRST_PAUSE);
    }
}
