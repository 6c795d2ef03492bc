//! Effects of a comparison, as `compare` judged them: their values, their intervals, and their looks.

use soakbox_cli::escaped;

use super::numbers::{Cell, Numbers};
use super::picture::{Key, Mark, Marker, Sample};
use super::theme::Ink;
use super::unit::Unit;
use crate::units::{signed_percent, significant};

/// One metric of one operation in a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The operation.
    pub operation: String,
    /// The name of the metric.
    pub metric: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The value of the base; `None` where it was not measured.
    pub base: Option<f64>,
    /// The value of the candidate.
    pub candidate: Option<f64>,
    /// The change that was measured, relative or in fractions of 1.
    pub change: Option<f64>,
    /// The ends of its interval.
    pub interval: Option<(f64, f64)>,
    /// The change that is tolerated.
    pub threshold: f64,
    /// Whether a fall is worse, not a rise.
    pub lower_is_worse: bool,
    /// Whether the change is a difference of the values, not their ratio.
    pub absolute: bool,
    /// What was decided.
    pub outcome: Outcome,
    /// The word for it in the answer.
    pub verdict: String,
}

/// What was decided about an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is worse.
    Worse,
    /// Nothing.
    Undecided,
    /// It is better.
    Better,
    /// It is the same within the threshold.
    Same,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Worse, Self::Undecided, Self::Better, Self::Same];

    /// Its markers point nowhere, since a rise of one metric is worse and that of another one better.
    fn look(self) -> (Ink, Marker, &'static str) {
        match self {
            Self::Worse => (Ink::Series(2), Marker::Cross, "worse"),
            Self::Undecided => (Ink::Series(5), Marker::Diamond, "inconclusive"),
            Self::Better => (Ink::Series(3), Marker::Square, "better"),
            Self::Same => (Ink::Series(0), Marker::Circle, "same within the threshold"),
        }
    }
}

/// The legend of the outcomes that there are.
pub(super) fn keys<'a>(effects: impl Iterator<Item = &'a Effect> + Clone) -> Vec<Key> {
    let is_there = |outcome: &Outcome| effects.clone().any(|effect| effect.outcome == *outcome);
    let outcomes = Outcome::ALL.into_iter().filter(is_there);
    let mut keys: Vec<Key> = outcomes
        .map(|outcome| {
            let (ink, marker, label) = outcome.look();
            Key {
                sample: Sample::Marker(ink, marker),
                label: label.to_owned(),
            }
        })
        .collect();
    keys.push(Key {
        sample: Sample::Block(Ink::Tolerance),
        label: "within the threshold".to_owned(),
    });
    keys
}

impl Effect {
    /// The change by which it is worse; below 0 where it is better.
    pub(super) fn worse_by(&self) -> Option<f64> {
        self.change.map(|change| match self.lower_is_worse {
            false => change,
            true => -change,
        })
    }

    /// The unit of a change that is a difference; `None` of a relative one.
    pub(super) fn difference(&self) -> Option<Unit> {
        self.absolute.then_some(self.unit)
    }

    /// The change as text.
    pub(super) fn change_text(&self) -> String {
        self.change
            .map_or("not compared".to_owned(), |change| self.text(change))
    }

    /// A change of this effect as text.
    fn text(&self, change: f64) -> String {
        match self.difference() {
            None => signed_percent(change),
            Some(unit) => difference_text(change, unit),
        }
    }

    /// The effect in words.
    pub(super) fn described(&self) -> String {
        let interval = match self.interval {
            Some((low, high)) => format!(" ({} to {})", self.text(low), self.text(high)),
            None => String::new(),
        };
        let (operation, metric) = (escaped(&self.operation), escaped(&self.metric));
        format!(
            "{operation} {metric}: {}{interval}, {}",
            self.change_text(),
            self.verdict
        )
    }

    /// The change with its interval, at a place of the other axis.
    pub(super) fn mark(&self, at: f64, is_vertical: bool) -> Option<Mark> {
        let change = self.change?;
        let (low, high) = self.interval.unwrap_or((change, change));
        let (ink, marker, _) = self.outcome.look();
        Some(Mark::Interval {
            at,
            value: change,
            low,
            high,
            is_vertical,
            ink,
            marker,
        })
    }
}

fn difference_text(change: f64, unit: Unit) -> String {
    let sign = match change {
        change if change > 0.0 => "+",
        change if change < 0.0 => "−",
        _ => "±",
    };
    match unit {
        Unit::Ratio => format!("{sign}{} pp", significant(change.abs() * 100.0)),
        unit => format!("{sign}{}", unit.text(change.abs())),
    }
}

/// The range of an axis that shows changes and thresholds, and intervals as far as they do not make
/// everything else small.
pub(super) fn range<'a>(effects: impl Iterator<Item = &'a Effect> + Clone) -> [f64; 2] {
    let largest = |number: fn(&Effect) -> f64| effects.clone().map(number).fold(0.0, f64::max);
    let change = largest(|effect| effect.change.unwrap_or(0.0).abs());
    let threshold = largest(|effect| effect.threshold.abs());
    let most = (change * 1.5).max(threshold * 2.0).max(0.001);
    let (mut low, mut high) = (-threshold * 1.2, threshold * 1.2);
    for effect in effects {
        let change = effect.change.unwrap_or(0.0);
        let (from, to) = effect.interval.unwrap_or((change, change));
        low = low.min(change).min(from.max(-most));
        high = high.max(change).max(to.min(most));
    }
    [low, high]
}

/// Where an effect is: its panel, and its place there; `None` where the picture does not have it.
pub(super) type EffectPlace = Option<(usize, (f64, f64))>;

/// The table of effects.
pub(super) fn table<'a>(
    caption: String,
    effects: impl Iterator<Item = (&'a Effect, EffectPlace)>,
) -> Numbers {
    let mut numbers = Numbers::new(caption).texts(&["operation", "metric"]);
    for name in ["base", "candidate"] {
        numbers = numbers.number(name, Unit::Number);
    }
    for name in ["change", "low", "high"] {
        numbers = numbers.number(name, Unit::SignedRatio);
    }
    let numbers = numbers.number("threshold", Unit::Ratio);
    let mut numbers = numbers.texts(&["unit", "change_is", "verdict"]);
    for (effect, place) in effects {
        let is = if effect.absolute {
            "difference"
        } else {
            "relative"
        };
        if let Some((panel, at)) = place {
            numbers.place(None, panel, at);
        }
        let changed = |value: Option<f64>| match effect.difference() {
            None | Some(Unit::Ratio) => Cell::Number(value),
            Some(unit) => Cell::measured(value, unit),
        };
        numbers.rows.push(vec![
            Cell::text(&effect.operation),
            Cell::text(&effect.metric),
            Cell::measured(effect.base, effect.unit),
            Cell::measured(effect.candidate, effect.unit),
            changed(effect.change),
            changed(effect.interval.map(|(low, _)| low)),
            changed(effect.interval.map(|(_, high)| high)),
            changed(Some(effect.threshold)),
            Cell::text(effect.unit.name()),
            Cell::text(is),
            Cell::text(&effect.verdict),
        ]);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_interval_does_not_make_the_others_small() {
        let effect = |change: f64, low: f64, high: f64| Effect {
            operation: "a".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Nanoseconds,
            base: Some(1.0),
            candidate: Some(1.0 + change),
            change: Some(change),
            interval: Some((low, high)),
            threshold: 0.05,
            lower_is_worse: false,
            absolute: false,
            outcome: Outcome::Same,
            verdict: "pass".to_owned(),
        };
        let narrow = [effect(0.2, 0.15, 0.25), effect(-0.01, -0.02, 0.01)];
        assert_eq!(range(narrow.iter()), [-0.06, 0.25]);
        let wide = [effect(0.2, -40.0, 90.0)];
        let [low, high] = range(wide.iter());
        assert!((low, high) == (-0.3, 0.3) || (low + 0.3).abs() + (high - 0.3).abs() < 1e-9);
        assert_eq!(wide[0].change_text(), "+20.0 %");
    }

    #[test]
    fn a_difference_is_in_the_unit_of_its_metric() {
        let effect = |unit: Unit, change: f64, absolute: bool| Effect {
            operation: "a".to_owned(),
            metric: "m".to_owned(),
            unit,
            base: Some(0.0),
            candidate: Some(change),
            change: Some(change),
            interval: Some((change / 2.0, change * 2.0)),
            threshold: 0.05,
            lower_is_worse: false,
            absolute,
            outcome: Outcome::Worse,
            verdict: "regressed".to_owned(),
        };
        let described = |unit, change, absolute| effect(unit, change, absolute).described();
        assert_eq!(
            described(Unit::Ratio, 0.02, true),
            "a m: +2.00 pp (+1.00 pp to +4.00 pp), regressed"
        );
        assert_eq!(
            described(Unit::BytesPerSecond, -2048.0, true),
            "a m: −2.00 KiB/s (−1.00 KiB/s to −4.00 KiB/s), regressed"
        );
        assert_eq!(
            described(Unit::BytesPerSecond, 0.02, false),
            "a m: +2.0 % (+1.0 % to +4.0 %), regressed"
        );
    }
}
