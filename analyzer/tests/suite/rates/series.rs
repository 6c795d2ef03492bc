//! Columns of CSV files that the program searches for changes and leaks.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::program::{Place, json};

/// The place of the file, overwritten by the next one.
pub(crate) struct Columns(Place);

impl Columns {
    pub(crate) fn new() -> Self {
        Self(Place::new())
    }

    fn write(&self, text: &str) -> String {
        let path = self.0.path().join("series.csv");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The changes that `changes` finds in these values, at its default rate.
    pub(crate) fn changes(&self, values: &[f64]) -> Vec<Found> {
        let mut text = "value\n".to_owned();
        values.iter().for_each(|v| writeln!(text, "{v}").unwrap());
        let file = self.write(&text);
        let answer = json(&[
            "changes", "--csv", &file, "--value", "value", "--format", "json",
        ]);
        let changes = answer["series"][0]["changes"].as_array().unwrap();
        let found = changes.iter().map(|change| Found {
            kind: change["kind"].as_str().unwrap().to_owned(),
            index: change["index"].as_u64().unwrap() as usize,
        });
        found.collect()
    }

    /// What `soak` finds in these values, one every `apart` seconds.
    pub(crate) fn soak(&self, values: &[f64], apart: f64) -> Soaked {
        let mut text = "time,value\n".to_owned();
        for (index, value) in values.iter().enumerate() {
            writeln!(text, "{},{value}", index as f64 * apart).unwrap();
        }
        let file = self.write(&text);
        Soaked(json(&[
            "soak", "--csv", &file, "--value", "value", "--time", "time", "--format", "json",
        ]))
    }
}

/// A change.
pub(crate) struct Found {
    pub(crate) kind: String,
    pub(crate) index: usize,
}

/// The findings of `soak`.
pub(crate) struct Soaked(Value);

impl Soaked {
    /// The status of the finding of this kind.
    pub(crate) fn status(&self, kind: &str) -> &str {
        let findings = self.0["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["kind"] == kind);
        finding.unwrap()["status"].as_str().unwrap()
    }
}
