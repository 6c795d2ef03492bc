//! Markdown of a bounded length, that tells what it leaves out. Foreign text is shown literally.

use crate::output::literal;
use crate::units::{count, plural};

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
/// Foreign text, shortened.
pub(super) fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut short: String = letters.by_ref().take(MOST_CHARACTERS).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    literal(&short)
}

/// Foreign text at the begin of an item, where a dash or a number would begin another list.
pub(super) fn item(text: &str) -> String {
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
pub(super) struct Bounded {
    text: String,
    left_out: u64,
    /// How many levels headings are deeper than on a page of one report.
    pub(super) depth: usize,
}

impl Bounded {
    /// Appends a line if it fits and none was left out before it.
    pub(super) fn line(&mut self, line: &str) {
        if self.left_out > 0 || self.text.len() + line.len() + 1 + RESERVED > MOST_BYTES {
            self.left_out += u64::from(!line.is_empty());
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.line("");
        let level = "#".repeat(2 + self.depth);
        self.line(&format!("{level} {heading}"));
        self.line("");
    }

    /// The first rows of a table, and how many more there are.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let first = &rows[..rows.len().min(MOST_ROWS)];
        self.whole_table(headings, first);
        self.note(rows.len() - first.len(), "row");
    }

    /// A table of few rows, all of them.
    pub(super) fn whole_table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        self.line(&format!("| {} |", headings.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(headings.len())));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| shown(cell)).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }

    pub(super) fn list(&mut self, items: impl ExactSizeIterator<Item = String>) {
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
                "{} more {} {} not shown here; the HTML report has more.",
                count(number),
                plural(number, thing),
                if number == 1 { "is" } else { "are" }
            ));
        }
    }

    pub(super) fn finish(mut self) -> String {
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
