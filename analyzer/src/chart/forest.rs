//! All effects of a comparison, the gravest first: each with its interval and its threshold.

use soakbox_cli::escaped;

use super::Chart;
use super::effect::{Effect, keys, range, table};
use super::numbers::Numbers;
use super::picture::{Mark, Panel, Picture};
use super::scale::{Form, Scale};
use super::theme::Ink;
use super::unit::Unit;

/// Height of a row, pixels.
const ROW: u32 = 20;
/// Most rows of a panel: the others are in the table.
const MOST_ROWS: usize = 60;

/// The effects of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    /// The names of both sides.
    pub base: String,
    /// The candidate.
    pub candidate: String,
    /// The word for the whole comparison.
    pub verdict: String,
    /// The effects, in any order.
    pub effects: Vec<Effect>,
}

impl Forest {
    /// What the changes are measured in, each with a panel of its own: relative ones first.
    fn scales(&self) -> Vec<Option<Unit>> {
        let mut scales = vec![None, Some(Unit::Ratio)];
        for effect in &self.effects {
            if !scales.contains(&effect.difference()) {
                scales.push(effect.difference());
            }
        }
        scales
    }

    /// The effects of one panel, the gravest first.
    fn sorted(&self, scale: Option<Unit>) -> Vec<&Effect> {
        let of_panel = self
            .effects
            .iter()
            .filter(|effect| effect.difference() == scale);
        let mut sorted: Vec<&Effect> = of_panel.collect();
        let size = |effect: &Effect| {
            let change = effect.worse_by().unwrap_or(f64::NEG_INFINITY);
            change / effect.threshold.max(1e-9)
        };
        sorted.sort_by(|a, b| a.outcome.cmp(&b.outcome).then(size(b).total_cmp(&size(a))));
        sorted
    }

    fn panel(&self, scale: Option<Unit>) -> Option<Panel> {
        let mut effects = self.sorted(scale);
        let all = effects.len();
        effects.truncate(MOST_ROWS);
        if effects.is_empty() {
            return None;
        }
        let rows = effects.len();
        // The first effect is at the top.
        let at = |index: usize| (rows - 1 - index) as f64;
        let names = effects.iter().rev();
        let names = names
            .map(|effect| escaped(&format!("{} {}", effect.operation, effect.metric)).into_owned());
        let ends = range(effects.iter().copied());
        let x = Scale::covering(ends, scale.unwrap_or(Unit::Ratio), Form::FromZero);
        let mut panel = Panel::new(String::new(), x, Scale::names(names));
        panel.height = rows as u32 * ROW;
        let (heading, what) = match scale {
            None => ("relative changes", "change, %".to_owned()),
            Some(Unit::Ratio) => (
                "differences of shares",
                "difference, percentage points".to_owned(),
            ),
            Some(_) => (
                "differences of metrics that are 0 in a run",
                format!("difference, {}", panel.x.unit),
            ),
        };
        panel.heading = heading.to_owned();
        let worse = match effects.iter().any(|effect| effect.lower_is_worse) {
            false => "a rise is worse",
            true => "a rise is worse; for rates, a fall",
        };
        panel.x_title = format!("{what}: {worse}");
        if all > rows {
            panel.note = format!("{rows} of {all}; the table has all");
        }
        for (index, effect) in effects.iter().enumerate() {
            let (from, to) = (at(index) - 0.5, at(index) + 0.5);
            let tolerated = [-effect.threshold, effect.threshold];
            let ends = tolerated.map(|end| end.clamp(panel.x.low, panel.x.high));
            let cell = [ends[0], ends[1], from, to];
            panel.marks.push(Mark::Cells(vec![cell], Ink::Tolerance));
        }
        panel.marks.push(Mark::Down(0.0, Ink::Muted));
        for (index, effect) in effects.iter().enumerate() {
            for value in [-effect.threshold, effect.threshold] {
                if (panel.x.low..=panel.x.high).contains(&value) {
                    panel.marks.push(Mark::Tick {
                        at: at(index),
                        value,
                        is_vertical: false,
                        ink: Ink::Note,
                    });
                }
            }
            panel.marks.extend(effect.mark(at(index), false));
            panel.right.push((at(index), effect.change_text()));
        }
        Some(panel)
    }
}

impl Chart for Forest {
    fn picture(&self) -> Picture {
        let (base, candidate) = (escaped(&self.base), escaped(&self.candidate));
        let scales = self.scales();
        let all = scales.iter().flat_map(|scale| self.sorted(*scale));
        let described: Vec<String> = all.take(MOST_ROWS).map(Effect::described).collect();
        let subtitle = format!(
            "changes with their intervals, adjusted for the number of effects, and thresholds; verdict: {}",
            self.verdict
        );
        let panels = scales.iter().filter_map(|scale| self.panel(*scale));
        let mut panels: Vec<Panel> = panels.collect();
        if panels.is_empty() {
            let empty = Scale::covering([], Unit::Ratio, Form::FromZero);
            let mut panel = Panel::new(String::new(), empty.clone(), empty);
            panel.empty = Some("nothing was compared".to_owned());
            panels.push(panel);
        }
        Picture {
            heading: format!("{candidate} against {base}: all effects"),
            title: format!("All effects of {candidate} against {base}"),
            description: format!("{subtitle}. {}.", described.join("; ")),
            subtitle,
            legend: keys(self.effects.iter()),
            panels,
        }
    }

    fn numbers(&self) -> Numbers {
        let kinds = self.scales().into_iter().map(|scale| self.sorted(scale));
        // A kind without effects has no panel.
        let kinds = kinds.filter(|effects| !effects.is_empty());
        let placed = kinds.enumerate().flat_map(|(panel, effects)| {
            let rows = effects.len().min(MOST_ROWS);
            let place = move |row: usize| {
                let height = (row < rows).then(|| (rows - 1 - row) as f64);
                height.map(|height| (panel, (f64::NAN, height)))
            };
            let effects = effects.into_iter().enumerate();
            effects.map(move |(row, effect)| (effect, place(row)))
        });
        let caption = format!("{} against {}: effects", self.candidate, self.base);
        table(caption, placed)
    }
}
