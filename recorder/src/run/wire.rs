//! The messages between the process that records and the one that attaches. Requests come from the
//! process with less rights: they name no file, no instruction and no process, so that nothing can be
//! asked for but what the plan has, which both processes have had from the start.

use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::budget::Change;
use crate::plan::ObservedFile;

/// Most bytes of a request.
pub(super) const MOST_REQUEST: usize = 128;
/// Most bytes of what is told.
pub(super) const MOST_TOLD: usize = 64 << 10;
/// Most bytes of a text before it is written as JSON, which may make six of one.
const MOST_TEXT: usize = 8 << 10;

/// What the recording process asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Request {
    /// Load the programs. The answer has the descriptors of the maps.
    Load,
    /// The thread of the recording process that will call `register_here`.
    Follow(NonZeroU32),
    /// It has.
    Followed,
    /// Guard the files and attach the probes.
    Attach,
    /// Find a process that runs an observed file, and tell when none does any more.
    FindRunners,
    /// Hold the limit of overhead from now on.
    HoldLimit,
    /// Does a process of the command run?
    RunsAny,
    /// Detach everything and end.
    Detach,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Answer {
    /// To [`Request::Load`]; why the ages of operations in flight cannot be read, if they cannot.
    Loaded { without_ages: Option<String> },
    /// To [`Request::Attach`]: how many links there are, which must be removed one day.
    Attached { links: usize },
    /// It is done.
    Done,
    /// To [`Request::RunsAny`].
    RunsAny(bool),
    /// To [`Request::Detach`], before [`Self::Detached`]: how many links there are, with those of files
    /// that were observed later.
    Detaching { links: usize },
    /// To [`Request::Detach`].
    Detached,
    /// The request cannot be carried out, for this reason.
    Refused(String),
}

/// What the attaching process tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Told {
    Answer(Answer),
    /// A message to the person.
    Line(String),
    /// A gap from this moment to another one, or to the end of the recording.
    Gap {
        cause: String,
        boot_ns: u64,
        utc_ns: i64,
        until_ns: Option<i64>,
    },
    /// Something to be noted in the recording.
    Note {
        text: String,
        boot_ns: u64,
        utc_ns: i64,
    },
    /// A further file is observed. Its paths, byte for byte.
    Observes {
        path: Vec<u8>,
        file: Vec<u8>,
        build_id: Option<String>,
    },
    /// When an operation is observed from now on.
    Observed {
        operation: u16,
        change: Change,
    },
    /// No process runs the observed files any more.
    NoneRuns,
    /// It ends, for this reason.
    Failed(String),
}

impl Request {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// `None` where these bytes are no request.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Told {
    pub(super) fn observes(file: &ObservedFile) -> Self {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        Self::Observes {
            path: bytes(&file.typed_path),
            file: bytes(file.binary.path()),
            build_id: file.build_id.clone(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` where these bytes tell nothing.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// A text that fits into a message.
pub(super) fn text(text: &dyn ToString) -> String {
    let mut text = text.to_string();
    let end = text.floor_char_boundary(MOST_TEXT);
    text.truncate(end);
    text
}

/// How far the attaching process is. What may be asked next follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    is_loaded: bool,
    follows: bool,
    has_followed: bool,
    is_attached: bool,
    has_runners: bool,
    has_limit: bool,
    has_ended: bool,
}

/// What the plan asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) command: bool,
    pub(super) until_exit: bool,
    pub(super) limit: bool,
}

impl Stage {
    /// The stage after `request`; `None` where it may not come now: each step is taken once, in its
    /// order, and only where the plan asks for it.
    pub(super) fn after(self, request: Request, asked: Asked) -> Option<Self> {
        let may = match request {
            Request::Load => !self.is_loaded,
            Request::Follow(_) => {
                asked.command && self.is_loaded && !self.follows && !self.has_followed
            }
            Request::Followed => self.follows,
            Request::Attach => {
                self.is_loaded && !self.is_attached && self.has_followed == asked.command
            }
            Request::FindRunners => asked.until_exit && self.is_attached && !self.has_runners,
            Request::HoldLimit => asked.limit && self.is_attached && !self.has_limit,
            Request::RunsAny => asked.command && self.is_attached,
            Request::Detach => true,
        };
        if !may || self.has_ended {
            return None;
        }
        let mut next = self;
        match request {
            Request::Load => next.is_loaded = true,
            Request::Follow(_) => next.follows = true,
            Request::Followed => (next.follows, next.has_followed) = (false, true),
            Request::Attach => next.is_attached = true,
            Request::FindRunners => next.has_runners = true,
            Request::HoldLimit => next.has_limit = true,
            Request::RunsAny => {}
            Request::Detach => next.has_ended = true,
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

    use proptest::prelude::*;

    use super::*;

    const ALL: [Request; 8] = [
        Request::Load,
        Request::Follow(NonZeroU32::MAX),
        Request::Followed,
        Request::Attach,
        Request::FindRunners,
        Request::HoldLimit,
        Request::RunsAny,
        Request::Detach,
    ];

    #[test]
    fn requests_fit_and_are_read_as_they_were_written() {
        for request in ALL {
            let bytes = request.to_bytes();
            assert!(bytes.len() <= MOST_REQUEST);
            assert_eq!(Request::from_bytes(&bytes), Some(request));
        }
        let long = text(&"\u{1}\u{fffd}".repeat(MOST_TEXT));
        let told = Told::Line(long);
        assert!(told.to_bytes().len() <= MOST_TOLD);
        assert_eq!(Told::from_bytes(&told.to_bytes()), Some(told));
    }

    proptest! {
        #[test]
        fn other_bytes_are_no_request(bytes in proptest::collection::vec(any::<u8>(), 0..MOST_REQUEST)) {
            if let Some(request) = Request::from_bytes(&bytes) {
                // Only spaces may be different.
                let text = String::from_utf8(bytes).unwrap();
                let shown: String = text.split_ascii_whitespace().collect();
                prop_assert_eq!(shown.into_bytes(), request.to_bytes());
            }
        }

        #[test]
        fn a_request_with_a_mistake_is_none_or_another_request(
            index in 0..ALL.len(), at in 0_usize..20, byte in any::<u8>()
        ) {
            let mut bytes = ALL[index].to_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(read) = Request::from_bytes(&bytes) {
                let same = std::mem::discriminant(&read) == std::mem::discriminant(&ALL[index]);
                prop_assert!(same, "{read:?}");
            }
        }

        /// Whatever is asked, in whatever order: each step is taken at most once and after those
        /// that it needs, and nothing after the end.
        #[test]
        fn steps_are_taken_once_and_in_their_order(
            asked in (any::<bool>(), any::<bool>(), any::<bool>()),
            order in proptest::collection::vec(0..ALL.len(), 0..60),
        ) {
            let asked = Asked { command: asked.0, until_exit: asked.1, limit: asked.2 };
            let mut stage = Stage::default();
            let mut taken: Vec<usize> = Vec::new();
            for index in order {
                let Some(next) = stage.after(ALL[index], asked) else { continue };
                prop_assert!(!taken.contains(&7));
                prop_assert!(index == 6 || !taken.contains(&index));
                let needs: &[usize] = match index {
                    1 | 3 => &[0],
                    2 => &[1],
                    4..=6 => &[3],
                    _ => &[],
                };
                prop_assert!(needs.iter().all(|needed| taken.contains(needed)));
                prop_assert!(asked.command || ![1, 2, 6].contains(&index));
                prop_assert!(index != 3 || !asked.command || taken.contains(&2));
                prop_assert!(asked.until_exit || index != 4);
                prop_assert!(asked.limit || index != 5);
                taken.push(index);
                stage = next;
            }
        }
    }
}
