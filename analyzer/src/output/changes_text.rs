//! Changes as a person reads them in a terminal.

use std::collections::BTreeMap;

use soakbox_cli::escaped;

use super::text::styled;
use super::verdict::value_text;
use super::{Align, MISSING, TextTable};
use crate::changes::{ChangesAnswer, SeriesAnswer, StatesAnswer};
use crate::units::{percent, signed_percent};
use soakbox_statistics::{ChangeKind, MIN_CHANGE_POINTS};

/// The changes of all series, and how many series have none.
pub fn changes_text(answer: &ChangesAnswer) -> String {
    let mut table = TextTable::new([
        ("series", Align::Left),
        ("change", Align::Left),
        ("point", Align::Right),
        ("time", Align::Left),
        ("before", Align::Right),
        ("after", Align::Right),
        ("difference", Align::Right),
        ("p", Align::Right),
    ]);
    let mut not_searched: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut without, mut short, mut left_out, mut new) = (0, 0, 0, false);
    let mut states = String::new();
    for series in &answer.series {
        if let Some(reason) = series.not_searched {
            *not_searched.entry(reason).or_default() += 1;
        } else if series.points - series.missing < MIN_CHANGE_POINTS {
            short += 1;
        } else if series.changes.is_empty() && series.states.is_none() && series.left_out == 0 {
            without += 1;
        }
        left_out += series.left_out;
        if let Some(found) = &series.states {
            states.push_str(&states_text(series, found));
        }
        for change in &series.changes {
            let missing = || MISSING.to_owned();
            new |= change.kind == ChangeKind::New.name();
            table.row(vec![
                series.name.clone(),
                change.kind.to_owned(),
                change.index.to_string(),
                change.time.clone().unwrap_or_else(missing),
                value_text(&series.metric, change.before),
                value_text(&series.metric, change.after),
                change.change.map_or_else(missing, signed_percent),
                format!("{:.1e}", change.p),
            ]);
        }
    }
    let mut text = if table.is_empty() {
        String::new()
    } else {
        table.render(styled())
    };
    if new {
        text.push_str("  new: the last points are too few to tell a step from an outlier\n");
    }
    text.push_str(&states);
    if left_out > 0 {
        let changes = if left_out == 1 { "change" } else { "changes" };
        text.push_str(&format!(
            "  {left_out} smaller {changes} left out by --least\n"
        ));
    }
    if without > 0 {
        text.push_str(&format!(
            "  {without} series without a change, at a false-alarm rate of {}\n",
            percent(answer.false_alarm)
        ));
    }
    if short > 0 {
        text.push_str(&format!(
            "  {short} series with fewer than {MIN_CHANGE_POINTS} points, too few to show a change\n"
        ));
    }
    for (reason, series) in not_searched {
        text.push_str(&format!("  {series} series not searched: {reason}\n"));
    }
    if answer.series.is_empty() {
        text.push_str("  no operation was observed yet\n");
    }
    text
}

/// That a series moves between levels again and again.
fn states_text(series: &SeriesAnswer, states: &StatesAnswer) -> String {
    let levels = states.levels.iter();
    let levels: Vec<String> = levels
        .map(|level| value_text(&series.metric, *level))
        .collect();
    format!(
        "  {} moves between {} levels ({}), {} times: states rather than changes\n",
        escaped(&series.name),
        levels.len(),
        levels.join(", "),
        states.moves
    )
}
