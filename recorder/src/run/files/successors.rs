//! Observes the files that have taken the places of observed ones, by the rules of the start.

use std::fs;

use super::again::Found;
use super::guard::Guard;
use super::lease::is_being_written;
use super::paths::{State, Watched};
use super::{Held, Watch, gap};
use crate::message;
use crate::plan::{ObservedFile, Resolution};
use crate::run::wire::{self, Told};

/// A file is read again where it is not larger than this, or than four times the earlier one: it is read
/// into memory.
const MOST_BYTES: u64 = 256 << 20;

impl Watch {
    /// Has files read that are to be observed, where that is due.
    pub(super) fn start_search(&mut self) {
        let Some(again) = self.files.again.as_ref().filter(|_| !self.search.is_busy()) else {
            return;
        };
        self.searched.clear();
        for (index, path) in self.files.paths.iter_mut().enumerate() {
            // It is looked at again in a second.
            if !path.is_due() || is_being_written(&path.typed) {
                continue;
            }
            path.begin_attempt();
            let most = MOST_BYTES.max(path.size.saturating_mul(4));
            match fs::metadata(&path.typed) {
                Ok(data) if data.is_file() && data.len() > most => {
                    refuse(path, &format!("it is larger than {} MiB", most >> 20));
                }
                _ => self.searched.push(index),
            }
        }
        if !self.searched.is_empty() {
            self.search.start(again.clone());
        }
    }

    /// Observes the files that are in the places of others now.
    pub(super) fn attach_to_successors(&mut self, resolved: &Result<Resolution, String>) {
        for index in std::mem::take(&mut self.searched) {
            if self.files.paths[index].waiting().is_none() {
                continue;
            }
            let attached = match resolved {
                Ok(resolution) => self.attach_to_successor(index, resolution),
                Err(reason) => Err(reason.clone()),
            };
            let now = self.clock.now();
            let path = &mut self.files.paths[index];
            match (attached, &path.state) {
                (Ok(()), State::Waiting(waiting)) => {
                    self.unsent
                        .push(gap(waiting.since, Some(now), waiting.cause));
                    path.state = State::Observed;
                }
                (Err(reason), _) => refuse(path, &reason),
                _ => {}
            }
        }
        self.let_go();
        self.tell_paths();
    }

    fn attach_to_successor(&mut self, index: usize, found: &Resolution) -> Result<(), String> {
        let path = &self.files.paths[index];
        let may_leave_out = self
            .files
            .again
            .as_ref()
            .is_some_and(|again| again.skip_refused);
        let expected = &self.files.expected;
        let there = expected.found_at(&path.typed, &path.operations, found, may_leave_out)?;
        let mut files = found.files.iter();
        let new = files.find(|file| file.typed_path == path.typed);
        let new = new.ok_or("no operation is in it")?;
        let mut held = self.files.held.iter();
        match held.find(|file| file.binary.is_same_file(&new.binary)) {
            // It came from another path, or back. Further probes at its instructions would disturb those
            // that are there.
            Some(held) if there.iter().all(|one| held.operations.contains(one)) => {}
            Some(_) => return Err("it is observed already, for other operations".to_owned()),
            None => {
                let hooks = expected.hooks(found, &new.binary)?;
                self.observe(new, hooks)?;
            }
        }
        let path = &mut self.files.paths[index];
        let cause = path.waiting().map_or("", |waiting| waiting.cause);
        let missing = path.operations.iter().filter(|one| !there.contains(one));
        let missing = self.files.expected.names(missing.copied());
        let text = observed_text(path, new, cause, &missing);
        path.file = Some(new.binary.identity());
        path.real = new.binary.path().to_owned();
        path.size = new.binary.size();
        path.build_id = new.build_id.clone();
        message::line(format_args!("{text}"));
        let now = self.clock.now();
        self.unsent.extend([
            Told::Note {
                text: wire::text(&text),
                boot_ns: now.boot_ns,
                utc_ns: now.utc_ns,
            },
            Told::observes(new),
        ]);
        Ok(())
    }

    /// Guards a file and attaches its probes.
    fn observe(&mut self, new: &ObservedFile, found: Found) -> Result<(), String> {
        let guard = Guard::take_now(&new.binary, &new.typed_path)?;
        if new.binary.is_changed() {
            return Err("it was written to while it was read".to_owned());
        }
        if let Err(error) = (self.hands.attach)(found.hooks) {
            (self.hands.detach)(&new.binary);
            return Err(soakbox_cli::error_chain(&error));
        }
        self.files.observed.add(&new.binary);
        self.files.held.push(Held {
            binary: new.binary.clone(),
            guard,
            operations: found.operations,
        });
        Ok(())
    }
}

/// Notes that the file at a path cannot be observed, and tells it once for each reason.
fn refuse(path: &mut Watched, reason: &str) {
    if path.fail(reason) {
        message::line(format_args!(
            "warning: {} was replaced, and the new file is not observed: {reason}; it is tried again when it changes",
            path.typed.display()
        ));
    }
}

/// What the recording notes about a file that took the place of another one.
fn observed_text(path: &Watched, new: &ObservedFile, cause: &str, missing: &[&str]) -> String {
    let build = |id: &Option<String>| id.as_ref().map_or("unknown".to_owned(), String::clone);
    let builds = match (&path.build_id, &new.build_id) {
        (Some(old), Some(new)) if old == new => format!("the same build, {new}"),
        (old, new) => format!("build {}, now {}", build(old), build(new)),
    };
    let verb = match cause {
        "file overwritten" => "overwritten",
        _ => "replaced",
    };
    let mut text = format!(
        "{} was {verb} ({builds}): the new file is observed",
        path.typed.display()
    );
    if !missing.is_empty() {
        text.push_str(&format!(
            ", without {}, not found in it",
            missing.join(", ")
        ));
    }
    text
}
