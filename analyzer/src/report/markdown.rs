//! The report as a Markdown summary, for the comment of a code review or a chat. It is bounded
//! whatever the number of operations, and tells what it leaves out. Foreign text is shown literally.

use soakbox_statistics::Verdict;

use super::{Judgement, Report, headline, role};
use crate::output::{
    FINDING_HEADINGS, HEADINGS, Measure, cells, facts, finding_cells, literal, measures,
};
use crate::soak::FindingAnswer;
use crate::units::{count, plural, span};

/// Most bytes: a comment of GitHub has at most 64 KiB.
const MOST_BYTES: usize = 64 * 1024;
/// Room for the note about what is left out.
const RESERVED: usize = 256;
/// Most rows of a table.
const MOST_ROWS: usize = 24;
/// Most items of a list.
const MOST_ITEMS: usize = 10;
/// Most characters of a cell or an item.
const MOST_CHARACTERS: usize = 300;
/// The measures of an operation that the summary has; the page has all.
const MEASURES: [&str; 7] = ["count", "lost", "rate", "failures", "p50", "p99", "max"];

/// The summary: below 64 KiB.
pub fn markdown(report: &Report) -> String {
    let mut text = Bounded::default();
    let headline = headline::of(&report.judgement);
    text.line(&format!("# {}", shown(&report.title())));
    if report.title.is_some() {
        text.line("");
        text.line(&shown(&report.name()));
    }
    text.line("");
    text.line(&format!(
        "**{}**: {}.",
        headline.word,
        shown(&headline.sentence)
    ));
    text.line("");
    for (index, reason) in headline.reasons.iter().enumerate() {
        text.line(&format!("{}. {}", index + 1, item(reason)));
    }
    if headline.more > 0 {
        text.line("");
        text.line(&format!("{} more.", count(headline.more as u64)));
    }
    if let Some(scope) = &report.scope {
        text.line("");
        text.line(&shown(scope));
    }
    judged(report, &mut text);
    operations(report, &mut text);
    limits(report, &mut text);
    provenance(report, &mut text);
    text.finish()
}

fn judged(report: &Report, text: &mut Bounded) {
    match &report.judgement {
        Judgement::Soak(answer) => {
            let found = answer.findings.iter().filter(|one| one.status == "found");
            let rows: Vec<Vec<String>> = found.map(finding_cells).collect();
            if !rows.is_empty() {
                let headings = FINDING_HEADINGS.map(|(heading, _)| heading);
                text.heading("Findings");
                text.table(&headings, &rows);
            }
        }
        Judgement::Comparison(answer) => {
            text.heading("Effects");
            let facts = facts(answer).into_iter();
            text.list(facts.map(|(name, fact)| format!("{name}: {fact}")));
            let mut effects: Vec<_> = answer.effects.iter().collect();
            effects.sort_by_key(|one| match one.judged {
                Verdict::Regressed => 0,
                Verdict::Inconclusive => 1,
                Verdict::Improved => 2,
                Verdict::Pass => 3,
            });
            let rows: Vec<Vec<String>> =
                effects.into_iter().map(|one| cells(one).to_vec()).collect();
            if !rows.is_empty() {
                text.line("");
                text.table(&HEADINGS, &rows);
            }
        }
        Judgement::None(_) => {}
    }
}

fn operations(report: &Report, text: &mut Bounded) {
    for (index, side) in report.sides.iter().enumerate() {
        let mut operations: Vec<_> = side.summary.operations.iter().collect();
        if operations.is_empty() {
            continue;
        }
        operations.sort_by(|a, b| b.count.cmp(&a.count).then(a.operation.cmp(&b.operation)));
        match report.sides.len() {
            1 => text.heading("Operations"),
            _ => text.heading(&format!("Operations of the {}", role(report, index))),
        }
        let is_shown = |measure: &Measure| MEASURES.contains(&measure.name);
        let rows = operations.into_iter().map(|operation| {
            let numbers = measures(operation).into_iter().filter(is_shown);
            let name = [operation.operation.clone()].into_iter();
            name.chain(numbers.map(|measure| measure.text)).collect()
        });
        let rows: Vec<Vec<String>> = rows.collect();
        text.table(&[&["operation"][..], &MEASURES].concat(), &rows);
    }
}

fn limits(report: &Report, text: &mut Bounded) {
    text.heading("What the data cannot show");
    for (index, side) in report.sides.iter().enumerate() {
        let whose = match report.sides.len() {
            1 => String::new(),
            _ => format!("{}: ", role(report, index)),
        };
        if side.summary.warnings.is_empty() {
            text.list([format!("{whose}no losses and no gaps were recorded")].into_iter());
        }
        let warnings = side.summary.warnings.iter();
        text.list(warnings.map(|warning| format!("{whose}{warning}")));
    }
    match &report.judgement {
        Judgement::Soak(answer) => {
            let open = answer.findings.iter();
            let open = open.filter(|one| one.status == "inconclusive");
            let words = |one: &FindingAnswer| {
                format!("undecided: {}, {}: {}", one.subject, one.kind, one.reason)
            };
            text.list(open.map(words).collect::<Vec<_>>().into_iter());
        }
        Judgement::Comparison(answer) => {
            let open = answer.effects.iter();
            let open = open.filter(|one| one.judged == Verdict::Inconclusive);
            let words = open.map(|one| {
                format!(
                    "undecided: {} {}: {}",
                    one.operation, one.metric, one.own_reason
                )
            });
            text.list(words.collect::<Vec<_>>().into_iter());
        }
        Judgement::None(why) => text.list([format!("nothing was judged: {why}")].into_iter()),
    }
}

fn provenance(report: &Report, text: &mut Bounded) {
    text.heading("Provenance");
    let sides = report.sides.iter().enumerate();
    let lines = sides.map(|(index, side)| {
        let whose = match report.sides.len() {
            1 => String::new(),
            _ => format!("{}: ", role(report, index)),
        };
        let mut line = format!("{whose}{}", side.name);
        if let Some((from, to)) = side.info.from_ns.zip(side.info.to_ns) {
            line.push_str(&format!(", {}", span(from, to)));
        }
        for (name, values) in [
            ("host", &side.info.hosts),
            ("target", &side.info.targets),
            ("recorder", &side.info.recorder_versions),
        ] {
            if !values.is_empty() {
                line.push_str(&format!(", {name} {}", values.join(", ")));
            }
        }
        line
    });
    text.list(lines.collect::<Vec<_>>().into_iter());
    text.list([format!("soakbox-analyzer {}", env!("CARGO_PKG_VERSION"))].into_iter());
}

/// Foreign text, shortened.
fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut short: String = letters.by_ref().take(MOST_CHARACTERS).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    literal(&short)
}

/// Foreign text at the begin of an item, where a dash or a number would begin another list.
fn item(text: &str) -> String {
    let shown = shown(text.trim_start());
    let digits = shown.chars().take_while(char::is_ascii_digit).count();
    match shown[digits..].chars().next() {
        Some('-' | '+' | '=') if digits == 0 => format!("\\{shown}"),
        Some('.' | ')') if digits > 0 => format!("{}\\{}", &shown[..digits], &shown[digits..]),
        _ => shown,
    }
}

/// Lines up to a number of bytes; the others are counted.
#[derive(Default)]
struct Bounded {
    text: String,
    left_out: u64,
}

impl Bounded {
    /// Appends a line if it fits and none was left out before it.
    fn line(&mut self, line: &str) {
        if self.left_out > 0 || self.text.len() + line.len() + 1 + RESERVED > MOST_BYTES {
            self.left_out += u64::from(!line.is_empty());
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(&format!("## {heading}"));
        self.line("");
    }

    fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        self.line(&format!("| {} |", headings.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(headings.len())));
        for row in rows.iter().take(MOST_ROWS) {
            let cells: Vec<String> = row.iter().map(|cell| shown(cell)).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
        self.note(rows.len().saturating_sub(MOST_ROWS), "row");
    }

    fn list(&mut self, items: impl ExactSizeIterator<Item = String>) {
        let more = items.len().saturating_sub(MOST_ITEMS);
        for one in items.take(MOST_ITEMS) {
            self.line(&format!("- {}", item(&one)));
        }
        if more > 0 {
            let more = more as u64;
            self.line(&format!(
                "- … {} more {}",
                count(more),
                plural(more, "item")
            ));
        }
    }

    /// What a table leaves out.
    fn note(&mut self, left_out: usize, thing: &str) {
        if left_out > 0 {
            let number = left_out as u64;
            self.line("");
            self.line(&format!(
                "{} more {} are not shown here; the HTML report has more.",
                count(number),
                plural(number, thing)
            ));
        }
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let lines = plural(self.left_out, "line");
            let note = format!(
                "\n{} {lines} are left out: the text would be too long.\n",
                count(self.left_out)
            );
            self.text.push_str(&note);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_and_tells_what_it_leaves_out() {
        let mut text = Bounded::default();
        for _ in 0..1_000 {
            text.line(&"x".repeat(100));
        }
        let text = text.finish();
        assert!(text.len() <= MOST_BYTES);
        let kept = text.lines().filter(|line| line.starts_with('x')).count();
        let note = format!("{} lines are left out", 1_000 - kept);
        assert!(text.contains(&note), "{note}");
    }

    #[test]
    fn no_name_begins_a_list() {
        for (text, shown) in [
            ("- x", "\\- x"),
            ("  + x", "\\+ x"),
            ("12. x", "12\\. x"),
            ("12.5 ms", "12\\.5 ms"),
            ("request", "request"),
            ("", ""),
        ] {
            assert_eq!(item(text), shown);
        }
    }
}
