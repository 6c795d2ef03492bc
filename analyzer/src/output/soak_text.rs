//! The findings of a soak test as a person reads them in a terminal.

use super::text::styled;
use super::verdict::value_text;
use super::{Align, MISSING, TextTable};
use crate::soak::{FindingAnswer, SoakAnswer};
use crate::units::{duration, percent};

/// The findings, those that were found first.
pub fn soak_text(answer: &SoakAnswer) -> String {
    let mut table = TextTable::new([
        ("finding", Align::Left),
        ("subject", Align::Left),
        ("status", Align::Left),
        ("per hour", Align::Right),
        ("interval", Align::Right),
        ("detectable", Align::Right),
        ("from", Align::Left),
        ("reason", Align::Left),
    ]);
    for finding in &answer.findings {
        let slope =
            |value: Option<f64>| value.map_or_else(|| MISSING.to_owned(), |v| signed(finding, v));
        let interval = match (finding.low, finding.high) {
            (None, None) => MISSING.to_owned(),
            (low, high) => format!("{} to {}", slope(low), slope(high)),
        };
        table.row(vec![
            finding.kind.to_owned(),
            finding.subject.clone(),
            finding.status.to_owned(),
            slope(finding.slope_per_hour),
            interval,
            slope(finding.detectable),
            finding.from.clone().unwrap_or_else(|| MISSING.to_owned()),
            reason(finding),
        ]);
    }
    if table.is_empty() {
        return "  no operation was observed yet\n".to_owned();
    }
    format!(
        "{}  {} searches share a false-alarm rate of {}\n",
        table.render(styled()),
        answer.searches,
        percent(answer.false_alarm)
    )
}

fn reason(finding: &FindingAnswer) -> String {
    let mut text = finding.reason.clone();
    if let Some(seconds) = finding.period_s {
        text = format!("it repeats every {}; {text}", duration(seconds * 1e9));
    }
    if let Some(reached) = &finding.limit_reached {
        text.push_str(&format!("; the limit was reached at {reached}"));
    } else if let Some(seconds) = finding.time_to_limit_s {
        text.push_str(&format!(
            "; the limit is reached in {}",
            duration(seconds * 1e9)
        ));
    }
    text
}

fn signed(finding: &FindingAnswer, value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", value_text(&finding.metric, value.abs()))
}
