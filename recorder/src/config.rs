//! The configuration file: TOML, each flag of `record` by its name; unknown keys are refused. A flag wins over the
//! file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// The file as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Root of the recording.
    pub output: Option<PathBuf>,
    /// Operations, `NAME=PROBE[,RULE…]` each.
    pub op: Vec<String>,
    /// Process to observe.
    pub pid: Option<u32>,
    /// Stop after this long, such as `8h`.
    pub duration: Option<String>,
    /// Seal a segment after this long, such as `10m`.
    pub rotate_after: Option<String>,
    /// How long rows may be only in memory, such as `1s`.
    pub flush_interval: Option<String>,
    /// Bounds.
    pub limits: LimitsConfig,
}

/// Table `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Size of the kernel ring.
    pub ring_bytes: Option<u32>,
    /// Largest journal before it is sealed.
    pub journal_bytes: Option<u64>,
    /// Most operations in flight that belong to processes.
    pub in_flight: Option<u32>,
    /// Most processes of the command's tree that are followed at a time.
    pub processes: Option<u32>,
    /// Most batches between the recorder's threads.
    pub queue_batches: Option<usize>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error(
        "cannot read the configuration {path}: {source}; hint: check the path given with --config"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not valid.
    #[error("{path}: {reason}; hint: docs/configuration.md lists the keys")]
    Invalid {
        /// The file, with the line where that is known.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, is not TOML, or has unknown keys.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|(line, reason)| ConfigError::Invalid {
            path: match line {
                Some(line) => format!("{}:{line}", path.display()),
                None => path.display().to_string(),
            },
            reason,
        })
    }

    /// Parses a file's text; an error has the line where that is known, and the reason in one line.
    ///
    /// # Errors
    /// Where it is not TOML or has unknown keys.
    pub fn parse(text: &str) -> Result<Self, (Option<usize>, String)> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or(text);
                before.matches('\n').count() + 1
            });
            (
                line,
                error
                    .message()
                    .lines()
                    .next()
                    .unwrap_or("not valid TOML")
                    .to_owned(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_read() {
        let config = Config::parse(
            "output = 'soak'\nop = ['a=uprobe:/bin/x:f']\nduration = '8h'\n[limits]\nring_bytes = 4096\n",
        )
        .unwrap();
        assert_eq!(config.output, Some("soak".into()));
        assert_eq!(config.op, ["a=uprobe:/bin/x:f"]);
        assert_eq!(config.limits.ring_bytes, Some(4096));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let (line, reason) = Config::parse("output = 'x'\nouptut = 'y'\n").unwrap_err();
        assert_eq!(line, Some(2));
        assert!(reason.contains("ouptut"), "{reason}");
        assert!(Config::parse("[limits]\nring = 1\n").is_err());
        assert!(Config::parse("output = \n").is_err());
    }
}
