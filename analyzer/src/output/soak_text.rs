//! The findings of a soak test as a person reads them in a terminal: in words first, then what was
//! found and what is open, then what would have been seen where nothing was.

use soakbox_cli::escaped;

use super::finding_words::{reason, seen, signed};
use super::soak_headline::headline;
use super::text::styled;
use super::undecided::{SameReason, Undecided};
use super::{Align, MISSING, TextTable};
use crate::soak::{FindingAnswer, SoakAnswer};
use crate::units::percent;

/// The findings, those that were found first.
pub fn soak_text(answer: &SoakAnswer) -> String {
    if answer.findings.is_empty() {
        return "  no operation was observed yet\n".to_owned();
    }
    let mut text = format!("{}\n", escaped(&headline(answer)));
    let (absent, others): (Vec<&FindingAnswer>, Vec<&FindingAnswer>) = answer
        .findings
        .iter()
        .partition(|one| one.status == "absent");
    let (rows, groups) = shared_reasons(&others);
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&found_or_open(&rows));
    }
    if !groups.is_empty() {
        text.push('\n');
    }
    for group in groups {
        text.push_str(&format!("  {}\n", escaped(&group.sentence())));
    }
    if !absent.is_empty() {
        text.push('\n');
        text.push_str(&nothing_found(&absent));
    }
    if answer.searches == 0 {
        return text;
    }
    text.push_str(&format!(
        "\n  {} {} a false-alarm rate of {}\n",
        answer.searches,
        match answer.searches {
            1 => "search has",
            _ => "searches share",
        },
        percent(answer.false_alarm)
    ));
    text
}

/// The findings that have a row of their own, and those without figures that share a reason.
pub(crate) fn shared_reasons<'a>(
    findings: &[&'a FindingAnswer],
) -> (Vec<&'a FindingAnswer>, Vec<SameReason>) {
    let is_open = |one: &&&FindingAnswer| one.status == "inconclusive" && !has_figures(one);
    let open = findings.iter().filter(is_open);
    let mut groups = SameReason::of(open.map(|one| Undecided::search(one)));
    groups.retain(|group| !group.is_single());
    let is_grouped = |one: &FindingAnswer| {
        let reason = reason(one);
        groups.iter().any(|group| group.reason() == reason)
    };
    let rows = findings.iter().copied();
    let rows = rows.filter(|one| !is_open(&one) || !is_grouped(one));
    (rows.collect(), groups)
}

/// Whether the row of a finding has a figure.
fn has_figures(finding: &FindingAnswer) -> bool {
    finding_cells(finding)[FIGURES]
        .iter()
        .any(|cell| cell != MISSING)
}

fn found_or_open(findings: &[&FindingAnswer]) -> String {
    let mut table = TextTable::new(FINDING_HEADINGS);
    for finding in findings {
        table.row(finding_cells(finding));
    }
    table.render(styled())
}

/// The headings of the table of what was found and what is open.
pub(crate) const FINDING_HEADINGS: [(&str, Align); 8] = [
    ("finding", Align::Left),
    ("subject", Align::Left),
    ("status", Align::Left),
    ("per hour", Align::Right),
    ("interval", Align::Right),
    ("detectable", Align::Right),
    ("from", Align::Left),
    ("reason", Align::Left),
];

/// The places of its figures: the others are the kind, the subject, the status and the reason.
pub(super) const FIGURES: std::ops::Range<usize> = 3..7;

/// The cells of a finding in that table.
pub(crate) fn finding_cells(finding: &FindingAnswer) -> Vec<String> {
    let slope =
        |value: Option<f64>| value.map_or_else(|| MISSING.to_owned(), |v| signed(finding, v));
    let interval = match (finding.low, finding.high) {
        (None, None) => MISSING.to_owned(),
        (low, high) => format!("{} to {}", slope(low), slope(high)),
    };
    let from = finding.from.as_deref().filter(|_| !finding.of_all);
    vec![
        finding.kind.to_owned(),
        finding.subject.clone(),
        finding.status.to_owned(),
        slope(finding.slope_per_hour),
        interval,
        slope(
            finding
                .detectable
                .filter(|_| finding.slope_per_hour.is_some()),
        ),
        from.map_or_else(|| MISSING.to_owned(), to_the_second),
        reason(finding),
    ]
}

fn nothing_found(findings: &[&FindingAnswer]) -> String {
    let mut table = TextTable::new(ABSENT_HEADINGS);
    for row in absent_rows(findings) {
        table.row(row);
    }
    table.render(styled())
}

/// The headings of the table of what was not found.
pub(crate) const ABSENT_HEADINGS: [(&str, Align); 2] = [
    ("nothing found in", Align::Left),
    ("would have been seen", Align::Left),
];

/// A row for each subject in which nothing was found, with what would have been seen.
pub(crate) fn absent_rows(findings: &[&FindingAnswer]) -> Vec<Vec<String>> {
    let mut subjects: Vec<(&str, Vec<String>)> = Vec::new();
    for finding in findings {
        let seen = seen(finding);
        match subjects
            .iter_mut()
            .find(|(name, _)| *name == finding.subject)
        {
            Some((_, all)) => all.push(seen),
            None => subjects.push((&finding.subject, vec![seen])),
        }
    }
    let rows = subjects.into_iter();
    rows.map(|(subject, seen)| vec![subject.to_owned(), seen.join("; ")])
        .collect()
}

/// A time without its fraction of a second.
fn to_the_second(time: &str) -> String {
    match time.strip_suffix('Z').and_then(|time| time.split_once('.')) {
        Some((whole, _)) if whole.contains('T') => format!("{whole}Z"),
        _ => time.to_owned(),
    }
}
