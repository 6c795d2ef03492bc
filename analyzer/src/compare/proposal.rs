//! Thresholds that the noise of known-good runs makes necessary, as a file that `--config` reads.
//! Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use soakbox_cli::escaped;
use soakbox_statistics::{Acceptable, Metric, Options};

use super::power::{PowerAnswer, PowerEffect};
use super::threshold::{Change, MOST};

/// A threshold with two significant digits, not below `least`; `None` where no threshold may be as
/// large.
pub(super) fn rounded_up(least: f64, metric: &Metric, absolute: bool) -> Option<f64> {
    if least <= 0.0 {
        return Some(0.0);
    }
    if !least.is_finite() {
        return None;
    }
    // The largest threshold may have more digits than two.
    let is_share = !absolute || metric.is_absolute();
    let most = match (is_share, metric.is_absolute()) {
        (true, true) => 1.0,
        (true, false) => MOST,
        (false, _) => f64::MAX,
    };
    let unit = 10_f64.powi(1 - least.log10().floor() as i32);
    let rounded = ((least * unit) - 1e-9).ceil() / unit;
    (rounded <= most).then_some(rounded)
}

/// The text of the file: the thresholds and gates in force, and for each metric of an operation that
/// needs more, the proposed one. Lines of comments say where it comes from.
pub fn proposal(answer: &PowerAnswer, options: &Options) -> String {
    let mut text = format!(
        "# Thresholds that the noise of {} runs of one build makes necessary in comparisons of {} \
         per side.\n# A change up to its threshold is accepted: leave out what is more than you \
         accept.\n",
        answer.runs, answer.per_side,
    );
    for effect in answer.effects.iter().filter(|one| one.proposed.is_none()) {
        let of = escaped(&effect.operation);
        let _ = writeln!(
            text,
            "# No threshold is enough for {} of {of}.",
            effect.metric
        );
    }
    let default = Change::Fraction(options.threshold);
    let _ = writeln!(text, "threshold = \"{default}\"");
    if !options.gates.is_empty() {
        let gates: Vec<String> = options
            .gates
            .iter()
            .map(|gate| quoted(gate.name()))
            .collect();
        let _ = writeln!(text, "gates = [{}]", gates.join(", "));
    }
    let mut tables: BTreeMap<Option<&str>, BTreeMap<&str, Change>> = BTreeMap::new();
    for known in &options.thresholds {
        let change = match known.change {
            Acceptable::Relative(change) => Change::Fraction(change),
            Acceptable::Absolute(change) if known.metric.is_absolute() => Change::Fraction(change),
            Acceptable::Absolute(change) => Change::Number(change),
        };
        let of = tables.entry(known.operation.as_deref()).or_default();
        // Of several that fit, the first is used.
        of.entry(known.metric.name()).or_insert(change);
    }
    for (effect, change) in answer.effects.iter().filter_map(raised) {
        let of = tables.entry(Some(&effect.operation)).or_default();
        of.insert(&effect.metric, change);
    }
    for (operation, changes) in tables {
        let _ = match operation {
            Some(operation) => writeln!(text, "\n[operations.{}]", quoted(operation)),
            None => writeln!(text, "\n[thresholds]"),
        };
        for (metric, change) in changes {
            let _ = writeln!(text, "{metric} = \"{change}\"");
        }
    }
    text
}

/// The proposed threshold where it is larger than the one in force.
fn raised(effect: &PowerEffect) -> Option<(&PowerEffect, Change)> {
    let proposed = effect
        .proposed
        .filter(|proposed| *proposed > effect.threshold)?;
    let is_share = !effect.absolute || effect.quantity.is_absolute();
    let change = match is_share {
        true => Change::Fraction(proposed),
        false => Change::Number(proposed),
    };
    Some((effect, change))
}

/// A text of TOML: it has the escapes of JSON, and one more.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, ThresholdsFile};
    use super::*;
    use proptest::prelude::*;
    use soakbox_statistics::Threshold;

    #[test]
    fn thresholds_are_rounded_up_to_two_digits() {
        let relative = |least| rounded_up(least, &Metric::Cpu, false);
        assert_eq!(relative(0.0843), Some(0.085));
        assert_eq!(relative(0.085), Some(0.085));
        assert_eq!(relative(0.1201), Some(0.13));
        assert_eq!(
            relative(0.995),
            None,
            "a ratio of 100% and more is no threshold"
        );
        assert_eq!(relative(f64::NAN), None);
        assert_eq!(
            rounded_up(0.009262, &Metric::FailureRate, true),
            Some(0.0093)
        );
        assert_eq!(rounded_up(1.2, &Metric::FailureRate, true), None);
        assert_eq!(rounded_up(1234.0, &Metric::Rate, true), Some(1300.0));
    }

    fn effect(
        operation: &str,
        metric: Metric,
        absolute: bool,
        proposed: Option<f64>,
    ) -> PowerEffect {
        PowerEffect {
            operation: operation.to_owned(),
            metric: metric.name().to_owned(),
            unit: metric.unit().to_owned(),
            quantity: metric,
            base: 1.0,
            absolute,
            threshold: 0.05,
            detectable: None,
            passable: None,
            proposed,
            runs_for_change: None,
        }
    }

    proptest! {
        /// What is written is read, whatever the operations are called.
        #[test]
        fn a_proposal_is_a_file_of_thresholds(
            operation in "\\PC{0,9}|[\u{0}-\u{ff}]{0,9}",
            percent in 6_u32..99,
        ) {
            let fraction = f64::from(percent) / 100.0;
            let mut options = Options { threshold: 0.03, gates: vec![Metric::Cpu], ..Options::default() };
            let known = |operation: Option<String>, metric, change| Threshold { operation, metric, change };
            options.thresholds = vec![
                known(None, Metric::Memory, Acceptable::Relative(0.07)),
                known(Some(operation.clone()), Metric::Cpu, Acceptable::Relative(0.01)),
                known(None, Metric::FailureRate, Acceptable::Absolute(0.002)),
            ];
            let answer = PowerAnswer {
                effects: vec![
                    effect(&operation, Metric::Cpu, false, Some(fraction)),
                    effect(&operation, Metric::FailureRate, true, Some(fraction)),
                    effect(&operation, Metric::Rate, true, Some(2.5)),
                    effect(&operation, Metric::Memory, false, Some(0.05)),
                    effect(&operation, Metric::DurationP99, false, None),
                ],
                ..PowerAnswer::of_tests()
            };
            let text = proposal(&answer, &options);
            let file = ThresholdsFile::parse(&text).unwrap();
            let read = Settings::default().with_thresholds(Some(&file), &[]).unwrap().options;
            prop_assert_eq!((read.threshold, &read.gates), (0.03, &options.gates));
            let of_one = |metric, change| known(Some(operation.clone()), metric, change);
            let mut expected = vec![
                of_one(Metric::Cpu, Acceptable::Relative(fraction)),
                of_one(Metric::FailureRate, Acceptable::Absolute(fraction)),
                of_one(Metric::Rate, Acceptable::Absolute(2.5)),
            ];
            expected.push(known(None, Metric::FailureRate, Acceptable::Absolute(0.002)));
            expected.push(known(None, Metric::Memory, Acceptable::Relative(0.07)));
            prop_assert_eq!(read.thresholds, expected);
        }
    }
}
