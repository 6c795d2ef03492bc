//! The directory of interleaved runs. A run is recorded in `unfinished` and moved to its place when
//! it is complete: each run that is in its place is complete, even after a crash.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

use super::comparison::Recorded;
use super::order::{MOST_PAIRS, Run, Side, pair_name};
use super::settings::Settings;
use crate::segment::{create_directories, sync_directory, write_whole};

const SETTINGS: &str = "runs.json";
const UNFINISHED: &str = "unfinished";

/// The directory, held by this process alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates it if it is missing.
    ///
    /// # Errors
    /// Where it cannot be created, or another recorder is recording runs into it.
    pub fn open(path: &Path) -> Result<Self> {
        create_directories(&path.join(UNFINISHED))?;
        let lock = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another recorder is recording runs into {}; hint: wait for it, or use another directory",
                path.display()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The settings of the runs that are in it; `None` in a new one.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn settings(&self) -> Result<Option<Settings>> {
        let path = self.path.join(SETTINGS);
        let failed = || {
            let path = path.display();
            format!("cannot read {path}; hint: use another directory for other runs")
        };
        match fs::read_to_string(&path) {
            Ok(text) => Settings::parse(&text).with_context(failed).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(failed),
        }
    }

    /// Stores the settings of the runs.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn keep(&self, settings: &Settings) -> Result<()> {
        let path = self.path.join(SETTINGS);
        let temporary = self.path.join(format!("{SETTINGS}.new"));
        write_whole(&path, &temporary, settings.to_text()?.as_bytes())?;
        Ok(())
    }

    /// Path of the complete recording of `run`.
    pub fn place(&self, run: Run) -> PathBuf {
        let side = self.path.join(run.side.name());
        side.join(pair_name(run.pair))
    }

    /// Whether the recording of `run` is complete.
    pub fn is_complete(&self, run: Run) -> bool {
        self.place(run).exists()
    }

    /// The runs that are complete, of any number of pairs.
    pub fn recorded(&self) -> Recorded {
        let mut recorded = Recorded::default();
        for pair in 1..=MOST_PAIRS {
            let sides = [Side::Base, Side::Candidate];
            match sides.map(|side| self.is_complete(Run { side, pair })) {
                [true, true] => recorded.pairs.push(pair),
                [false, false] => {}
                _ => recorded.has_single = true,
            }
        }
        recorded
    }

    /// Path for a recording of `run` that is not complete yet; no earlier attempt has it.
    pub fn place_aside(&self, run: Run) -> PathBuf {
        let aside = |attempt: u32| {
            let name = format!("{}-{}", run.side.name(), pair_name(run.pair));
            let again = if attempt == 1 {
                String::new()
            } else {
                format!("-{attempt}")
            };
            self.path.join(UNFINISHED).join(name + &again)
        };
        let mut attempts = (1..).map(aside);
        attempts
            .find(|path| !path.exists())
            .unwrap_or_else(|| aside(u32::MAX))
    }

    /// Moves the recording at `aside` to the place of `run`.
    ///
    /// # Errors
    /// Where the recording cannot be moved.
    pub fn complete(&self, run: Run, aside: &Path) -> Result<()> {
        let side = self.path.join(run.side.name());
        create_directories(&side)?;
        let place = self.place(run);
        fs::rename(aside, &place).with_context(|| {
            let (aside, place) = (aside.display(), place.display());
            format!("cannot rename {aside} to {place}")
        })?;
        sync_directory(&side)?;
        sync_directory(&self.path.join(UNFINISHED))?;
        Ok(())
    }
}
