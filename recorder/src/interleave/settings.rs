//! The settings of interleaved runs, which are stored in a small file: all runs of a side must have
//! the same settings, also when they are continued on another day.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::comparison::PairPlan;
use super::order::Side;
use crate::plan::RecordPlan;

/// Name and version of the file's content.
const SCHEMA: &str = "soakbox.runs/1";

/// The settings of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    schema: String,
    /// Decides the order of the runs.
    pub seed: u64,
    /// How many pairs there will be; older versions did not keep it.
    #[serde(default)]
    pub plan: Option<PairPlan>,
    /// The base.
    pub base: SideSettings,
    /// The candidate.
    pub candidate: SideSettings,
}

/// The settings of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideSettings {
    /// The command with its arguments.
    pub command: Vec<String>,
    /// Digest of the probes, the limits and the command.
    pub config_digest: String,
    /// The observed files.
    pub files: Vec<File>,
}

/// An observed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its absolute path.
    pub path: String,
    /// Its build id in hexadecimal digits, where it has one.
    pub build_id: Option<String>,
}

impl SideSettings {
    /// The settings of the recordings that `plan` makes of `command`.
    pub fn new(command: &[String], plan: &RecordPlan) -> Self {
        let files = plan.files.iter().map(|file| File {
            path: file.typed_path.display().to_string(),
            build_id: file.build_id.clone(),
        });
        Self {
            command: command.to_vec(),
            config_digest: plan.config_digest.clone(),
            files: files.collect(),
        }
    }

    /// Refuses other settings than those of the first runs.
    ///
    /// # Errors
    /// With the first difference.
    pub fn check_unchanged(&self, first: &Self, side: Side) -> Result<()> {
        let side = side.name();
        let hint = "use another directory for other runs";
        if self.command != first.command {
            bail!(
                "the {side} of these runs is `{}`, not `{}`; hint: {hint}",
                first.command.join(" "),
                self.command.join(" ")
            );
        }
        if let Some(changed) = self.files.iter().find(|file| {
            let same_path = |other: &&File| other.path == file.path;
            first
                .files
                .iter()
                .find(same_path)
                .is_some_and(|other| other != *file)
        }) {
            bail!(
                "{} has changed since the first run of the {side}: it has another build id; hint: {hint}",
                changed.path
            );
        }
        if self != first {
            bail!(
                "the probes or limits of the {side} are not those of its first run; hint: {hint}"
            );
        }
        Ok(())
    }
}

impl Settings {
    /// The settings of both sides.
    pub fn new(seed: u64, base: SideSettings, candidate: SideSettings) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            seed,
            plan: None,
            base,
            candidate,
        }
    }

    /// The same settings with this plan.
    #[must_use]
    pub fn with_plan(self, plan: PairPlan) -> Self {
        Self {
            plan: Some(plan),
            ..self
        }
    }

    /// The settings of `side`.
    pub fn of(&self, side: Side) -> &SideSettings {
        match side {
            Side::Base => &self.base,
            Side::Candidate => &self.candidate,
        }
    }

    /// Parses the content of the file.
    ///
    /// # Errors
    /// Where it is not JSON, or of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let settings: Self = serde_json::from_str(text)?;
        if settings.schema != SCHEMA {
            bail!(
                "it is of version '{}', and this recorder reads '{SCHEMA}'",
                settings.schema
            );
        }
        Ok(settings)
    }

    /// The content of the file.
    ///
    /// # Errors
    /// Where they cannot be written as JSON; all of these can.
    pub fn to_text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
