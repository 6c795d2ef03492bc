//! How far each quantile of the duration shifted from base to candidate, with its interval.

use std::collections::BTreeMap;

use soakbox_cli::escaped;

use super::effect::{Effect, keys, range, table};
use super::numbers::Numbers;
use super::picture::{Mark, Panel, Picture};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;
use super::{Chart, left_out_text, names};

/// The shifts of quantiles of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// The names of both sides.
    pub base: String,
    /// The candidate.
    pub candidate: String,
    /// The effects of quantiles, from the lowest to the highest of each operation.
    pub effects: Vec<Effect>,
    /// How many operations are not shown, because there are too many.
    pub left_out: usize,
}

impl Shift {
    fn by_operation(&self) -> BTreeMap<&str, Vec<&Effect>> {
        let mut by_operation: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
        for effect in &self.effects {
            by_operation
                .entry(&effect.operation)
                .or_default()
                .push(effect);
        }
        by_operation
    }
}

fn panel(operation: &str, effects: &[&Effect]) -> Panel {
    let metrics = effects
        .iter()
        .map(|effect| escaped(&effect.metric).into_owned());
    let x = Scale::names(metrics);
    let ends = range(effects.iter().copied());
    let y = Scale::covering(ends, Unit::Ratio, Form::FromZero);
    let mut panel = Panel::new(escaped(operation).into_owned(), x, y.clone());
    panel.y_title = y.title("change; up is slower");
    panel.height = 180;
    for (index, effect) in effects.iter().enumerate() {
        let tolerated = [-effect.threshold, effect.threshold].map(|end| end.clamp(y.low, y.high));
        let at = index as f64;
        let cell = [at - 0.5, at + 0.5, tolerated[0], tolerated[1]];
        panel.marks.push(Mark::Cells(vec![cell], Ink::Tolerance));
    }
    panel.marks.push(Mark::Across(0.0, Ink::Muted));
    for (index, effect) in effects.iter().enumerate() {
        let at = index as f64;
        panel.marks.extend(effect.mark(at, true));
        // Without a change the text is above the line at 0.
        let value = effect.change.unwrap_or((y.high - y.low) * 0.08);
        let value = value.clamp(y.low, y.high);
        panel.marks.push(Mark::Text {
            at: (at, value),
            label: match effect.change {
                None => "no data".to_owned(),
                Some(_) => effect.change_text(),
            },
            ink: Ink::Main,
        });
    }
    panel
}

impl Chart for Shift {
    fn picture(&self) -> Picture {
        let (base, candidate) = (escaped(&self.base), escaped(&self.candidate));
        let by_operation = self.by_operation();
        let described: Vec<String> = self.effects.iter().map(Effect::described).collect();
        let operations = names(by_operation.keys().copied());
        let subtitle = format!(
            "change of each quantile of the duration, with its interval, adjusted for the number of effects{}",
            left_out_text(self.left_out)
        );
        Picture {
            heading: format!("{candidate} against {base}: shift of quantiles"),
            title: format!("Shift of quantiles of {operations}, {candidate} against {base}"),
            description: format!("{subtitle}. {}.", described.join("; ")),
            subtitle,
            legend: keys(self.effects.iter()),
            panels: by_operation
                .iter()
                .map(|(operation, effects)| panel(operation, effects))
                .collect(),
        }
    }

    fn numbers(&self) -> Numbers {
        let caption = format!(
            "{} against {}: shift of quantiles",
            self.candidate, self.base
        );
        let by_operation = self.by_operation();
        let place = |effect: &Effect| {
            let mut panels = by_operation.values().enumerate();
            panels.find_map(|(panel, effects)| {
                let at = effects.iter().position(|one| std::ptr::eq(*one, effect))?;
                Some((panel, (at as f64, f64::NAN)))
            })
        };
        let effects = self.effects.iter();
        table(caption, effects.map(|effect| (effect, place(effect))))
    }
}
