//! A TOML file of thresholds and gates. Pure: its text is an argument.

use std::collections::BTreeMap;

use serde::Deserialize;
use soakbox_statistics::Options;

use super::{ThresholdSetting, metric_named};

/// A file of thresholds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdsFile {
    threshold: Option<String>,
    #[serde(default)]
    gates: Vec<String>,
    /// By metric.
    #[serde(default)]
    thresholds: BTreeMap<String, String>,
    /// By operation, then by metric.
    #[serde(default)]
    operations: BTreeMap<String, BTreeMap<String, String>>,
}

impl ThresholdsFile {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// Where it is not such a file; the line is named.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Adds its thresholds and gates to the options.
    ///
    /// # Errors
    /// Where a metric or a change is not one; the key is named.
    pub fn apply(&self, options: &mut Options) -> std::result::Result<(), String> {
        let of = |key: &str, reason: String| format!("{key}: {reason}");
        if let Some(change) = &self.threshold {
            let change = change.parse();
            let setting = change.map(|change| ThresholdSetting { of: None, change });
            let applied = setting.and_then(|setting| setting.apply(options));
            applied.map_err(|reason| of("threshold", reason))?;
        }
        let of_all = self
            .thresholds
            .iter()
            .map(|(metric, change)| (None, metric, change));
        let of_one = self.operations.iter().flat_map(|(operation, changes)| {
            let changes = changes.iter();
            changes.map(move |(metric, change)| (Some(operation), metric, change))
        });
        for (operation, metric, change) in of_one.chain(of_all) {
            let setting = || {
                Ok(ThresholdSetting {
                    of: Some((operation.cloned(), metric_named(metric)?)),
                    change: change.parse()?,
                })
            };
            let applied = setting().and_then(|setting| setting.apply(options));
            applied.map_err(|reason| match operation {
                Some(operation) => of(&format!("[operations.{operation}] {metric}"), reason),
                None => of(&format!("[thresholds] {metric}"), reason),
            })?;
        }
        for gate in &self.gates {
            let gate = metric_named(gate).map_err(|reason| of("gates", reason))?;
            options.gates.push(gate);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_meaning_is_refused() {
        for wrong in [
            "x = 1",
            "threshold = 5",
            "[thresholds]\np99 = \"1%\"",
            "gates = [\"x\"]",
        ] {
            let parsed = ThresholdsFile::parse(wrong);
            let mut options = Options::default();
            assert!(
                parsed.and_then(|file| file.apply(&mut options)).is_err(),
                "{wrong}"
            );
        }
    }
}
