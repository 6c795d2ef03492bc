//! Runs the built program, as a user would.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use soakbox_testing::Soak;

pub(crate) fn analyzer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The stdout of a command that succeeds.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = analyzer(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The stderr of a command that fails: exit status 2, nothing on stdout, and one error line besides
/// the warnings.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = analyzer(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert_eq!(text(&output.stdout), "");
    let lines: Vec<&str> = message
        .lines()
        .filter(|line| !line.starts_with("warning: "))
        .collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with("error: "),
        "{message}"
    );
    message
}

pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).unwrap()
}

pub(crate) fn count(root: &str, table: &str) -> u64 {
    let rows = json(&[
        "sql",
        root,
        &format!("SELECT count(*) AS n FROM {table}"),
        "--format",
        "json",
    ]);
    rows[0]["n"].as_u64().unwrap()
}

pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a recording of five seconds.
    pub(crate) fn with_recording() -> Self {
        let place = Self::new();
        let soak = Soak {
            seconds: 5,
            ..Soak::default()
        };
        soak.seal(place.path());
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn text(&self) -> &str {
        self.path().to_str().unwrap()
    }

    /// The text without the path of this directory, which differs in each run.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(self.text(), "[DIR]")
    }

    /// Seals a recording of 60 s whose operations take `scale` times as long; returns its path.
    pub(crate) fn seal(&self, name: &str, seed: u64, scale: f64) -> String {
        let soak = Soak {
            seconds: 60,
            seed,
            scale,
            ..Soak::default()
        };
        self.seal_soak(name, &soak)
    }

    /// Seals this recording; returns its path.
    pub(crate) fn seal_soak(&self, name: &str, soak: &Soak) -> String {
        let path = self.path().join(name);
        soak.seal(&path);
        path.to_str().unwrap().to_owned()
    }
}

/// The text with one space where a column was padded: the width of a path differs by machine.
pub(crate) fn one_space(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ") + "\n"
    });
    lines.collect()
}
