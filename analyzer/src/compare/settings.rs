//! What a comparison accepts and what must pass: from the command line and a TOML file, as options
//! of the statistics. Pure: the file's text is an argument.

use soakbox_cli::{Failure, Result};
use soakbox_statistics::{Metric, Options, Threshold};

use super::{AddedRuns, Pairing, ThresholdSetting, ThresholdsFile};
use crate::windows::Run;

/// The seed where none is given.
pub const SEED: u64 = 1;

/// Everything that a comparison depends on besides the runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Thresholds, gates, and how operations of one side only count.
    pub options: Options,
    /// Whether the runs are pairs.
    pub pairing: Pairing,
    /// Where runs are added until the comparison is decided: how many are planned.
    pub added: Option<AddedRuns>,
    /// Known-good runs, which show how much runs of one build differ; empty where there are none.
    pub history: Vec<Run>,
    /// The operations to compare; all where it is empty.
    pub operations: Vec<String>,
    /// Kept in the answer. No method draws random numbers.
    pub seed: u64,
    /// The operation and the metric whose figures are explained.
    pub explain: Option<(String, Metric)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options::default(),
            pairing: Pairing::default(),
            added: None,
            history: Vec::new(),
            operations: Vec::new(),
            seed: SEED,
            explain: None,
        }
    }
}

impl Settings {
    /// The settings of a file and of the command line, which is preferred: a typed threshold
    /// replaces those of the file for all that it applies to.
    ///
    /// # Errors
    /// Where a threshold has no meaning.
    pub fn with_thresholds(
        mut self,
        file: Option<&ThresholdsFile>,
        typed: &[ThresholdSetting],
    ) -> Result<Self> {
        let mut options = std::mem::take(&mut self.options);
        let typed_gates = std::mem::take(&mut options.gates);
        if let Some(file) = file {
            let applied = file.apply(&mut options);
            applied.map_err(|reason| Failure::new("--config", reason))?;
        }
        let of_file = std::mem::take(&mut options.thresholds);
        let kept = of_file.into_iter();
        let kept: Vec<Threshold> = kept
            .filter(|known| !typed.iter().any(|typed| typed.covers(known)))
            .collect();
        for threshold in typed {
            let applied = threshold.apply(&mut options);
            let name = format!("--threshold {threshold}");
            applied.map_err(|reason| Failure::new(name, reason))?;
        }
        options.thresholds.extend(kept);
        if !typed_gates.is_empty() {
            options.gates = typed_gates;
        }
        self.options = options;
        Ok(self)
    }

    /// Refuses thresholds of operations that no run has: they would apply to nothing.
    ///
    /// # Errors
    /// Where there is such a threshold.
    pub(super) fn refuse_unknown_operations<'a>(
        &self,
        runs: impl IntoIterator<Item = &'a Run>,
    ) -> Result<()> {
        let runs: Vec<&Run> = runs.into_iter().collect();
        let named = self.options.thresholds.iter();
        let mut named = named.filter_map(|threshold| threshold.operation.as_ref());
        let unknown = |name: &&String| !runs.iter().any(|run| run.operations.contains_key(*name));
        match named.find(unknown) {
            Some(name) => Err(Failure::new(
                format_args!("threshold of {name}"),
                "no run has this operation",
            )
            .hint("`soakbox-analyzer info DIR` lists the operations of a recording")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soakbox_statistics::Acceptable;

    fn typed(text: &str) -> ThresholdSetting {
        text.parse().unwrap()
    }

    #[test]
    fn the_command_line_is_preferred_to_the_file() {
        let file = ThresholdsFile::parse(
            "threshold = \"3%\"\ngates = [\"rate\"]\n[thresholds]\ncpu = \"7%\"\nfailure_rate = \"0.2%\"\n\
             [operations.\"x y\"]\ncpu = \"8%\"\n",
        );
        let file = file.unwrap();
        let of_file = Settings::default()
            .with_thresholds(Some(&file), &[])
            .unwrap()
            .options;
        assert_eq!(of_file.threshold, 0.03);
        assert_eq!(of_file.gates, [Metric::Rate]);
        assert_eq!(of_file.thresholds[0].operation.as_deref(), Some("x y"));
        assert_eq!(of_file.thresholds[2].change, Acceptable::Absolute(0.002));
        let mut settings = Settings::default();
        settings.options.gates = vec![Metric::Cpu];
        let both = |more: &[&str]| {
            let typed: Vec<_> = more.iter().map(|text| typed(text)).collect();
            let settings = settings.clone().with_thresholds(Some(&file), &typed);
            settings.unwrap().options
        };
        let options = both(&["1%", "cpu=9%"]);
        assert_eq!(
            (options.threshold, &options.gates[..]),
            (0.01, &[Metric::Cpu][..])
        );
        let left = |more: &[&str]| -> Vec<String> {
            let shown = |threshold: &Threshold| {
                let operation = threshold.operation.as_deref().unwrap_or("*");
                format!(
                    "{operation} {} {:?}",
                    threshold.metric.name(),
                    threshold.change
                )
            };
            both(more).thresholds.iter().map(shown).collect()
        };
        // What is typed replaces what it covers, also of one operation, and nothing else.
        let failures = "* failure_rate Absolute(0.002)";
        let (one, all) = ("x y cpu Relative(0.08)", "* cpu Relative(0.07)");
        assert_eq!(left(&[]), [one, all, failures]);
        assert_eq!(left(&["cpu=9%"]), ["* cpu Relative(0.09)", failures]);
        assert_eq!(
            left(&["x y:cpu=9%"]),
            ["x y cpu Relative(0.09)", all, failures]
        );
        assert_eq!(
            left(&["z:cpu=9%"]),
            ["z cpu Relative(0.09)", one, all, failures]
        );
        assert_eq!(left(&["2%"]), [failures]);
        assert_eq!(
            left(&["failure_rate=1%"]),
            ["* failure_rate Absolute(0.01)", one, all]
        );
        assert_eq!(
            left(&["rate=3"]),
            ["* rate Absolute(3.0)", one, all, failures]
        );
    }
}
